"""Policies of roles: attached ones, which AWS manages, and inline ones, which are the role's own."""

from __future__ import annotations

from urllib.parse import quote

from msgspec.structs import replace

from clary.api import Context, Document, operation
from clary.domain.identity_policies import Policy, parse_policy
from clary.services.iam import managed
from clary.services.iam.entities import ROLE_KIND, load, no_such
from clary.services.iam.roles import check_policy
from clary.storage.ports import Resource, Transaction

ATTACHED, INLINE = "AttachedPolicies", "Policies"
"""In an entity's state: ARNs in order of attachment; documents by name."""


def attach(entity: Resource, arn: str) -> Resource:
    """Raises NoSuchEntity for a policy that there is not."""
    if managed.find(arn) is None:
        raise no_such(f"Policy {arn} does not exist or is not attachable.")
    arns = list(dict.fromkeys((*entity.state.get(ATTACHED, ()), arn)))
    return replace(entity, state={**entity.state, ATTACHED: arns})


def policies_of(entity: Resource) -> list[tuple[str, Policy]]:
    """Everything that says what this role or user may do, by name."""
    attached = ((managed.name(arn), managed.find(arn)) for arn in entity.state.get(ATTACHED, ()))
    inline = ((name, parse_policy(text)) for name, text in entity.state.get(INLINE, {}).items())
    return [*((name, policy) for name, policy in attached if policy is not None), *inline]


@operation("iam", "AttachRolePolicy")
def attach_role_policy(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        role = _role(ctx, tx, request)
        tx.resources.update(replace(attach(role, request["PolicyArn"]), modified=ctx.now))


@operation("iam", "DetachRolePolicy")
def detach_role_policy(ctx: Context, request: Document) -> None:
    arn = request["PolicyArn"]
    with ctx.begin() as tx:
        role = _role(ctx, tx, request)
        arns = list(role.state.get(ATTACHED, ()))
        if arn not in arns:
            raise no_such(f"Policy {arn} was not found.")
        arns.remove(arn)
        tx.resources.update(replace(role, state={**role.state, ATTACHED: arns}, modified=ctx.now))


@operation("iam", "ListAttachedRolePolicies")
def list_attached_role_policies(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        arns = _role(ctx, tx, request).state.get(ATTACHED, ())
    shown = [{"PolicyName": managed.name(arn), "PolicyArn": arn} for arn in arns]
    return {"AttachedPolicies": shown, "IsTruncated": False}


@operation("iam", "PutRolePolicy")
def put_role_policy(ctx: Context, request: Document) -> None:
    check_policy(request["PolicyDocument"])
    with ctx.begin() as tx:
        role = _role(ctx, tx, request)
        inline = {**role.state.get(INLINE, {}), request["PolicyName"]: request["PolicyDocument"]}
        tx.resources.update(replace(role, state={**role.state, INLINE: inline}, modified=ctx.now))


@operation("iam", "GetRolePolicy")
def get_role_policy(ctx: Context, request: Document) -> Document:
    name = request["PolicyName"]
    with ctx.read() as tx:
        role = _role(ctx, tx, request)
    text = _inline(role, name)
    return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": quote(text, safe="")}


@operation("iam", "DeleteRolePolicy")
def delete_role_policy(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        role = _role(ctx, tx, request)
        _inline(role, request["PolicyName"])
        inline = {name: text for name, text in role.state[INLINE].items() if name != request["PolicyName"]}
        tx.resources.update(replace(role, state={**role.state, INLINE: inline}, modified=ctx.now))


@operation("iam", "ListRolePolicies")
def list_role_policies(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        return {"PolicyNames": sorted(_role(ctx, tx, request).state.get(INLINE, ())), "IsTruncated": False}


def _role(ctx: Context, tx: Transaction, request: Document) -> Resource:
    return load(tx, ctx.account, ROLE_KIND, request["RoleName"])


def _inline(role: Resource, name: str) -> str:
    text: str | None = role.state.get(INLINE, {}).get(name)
    if text is None:
        raise no_such(f"The role policy with name {name} cannot be found.")
    return text
