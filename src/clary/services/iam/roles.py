"""IAM roles: what they are called and whom they trust."""

from __future__ import annotations

from urllib.parse import quote

from msgspec.structs import replace

from clary.api import Context, Document, ServiceError, operation
from clary.domain.identity import role_arn, unique_id
from clary.domain.identity_policies import MalformedPolicy, parse_policy
from clary.services.iam.entities import ROLE_KIND, find, load, new_entity, page
from clary.storage.ports import Resource

SESSION_SECONDS = 3600
"""How long a session may last when CreateRole does not say."""


def new_role(account: str, request: Document, now: float) -> Resource:
    """A role from the members of CreateRole. Raises MalformedPolicyDocument."""
    name, path = request["RoleName"], request.get("Path", "/")
    check_policy(request["AssumeRolePolicyDocument"], trust=True)
    state = {
        "Path": path, "RoleName": name, "RoleId": unique_id("AROA"), "Arn": role_arn(account, path, name),
        "CreateDate": now, "AssumeRolePolicyDocument": request["AssumeRolePolicyDocument"],
        "MaxSessionDuration": request.get("MaxSessionDuration", SESSION_SECONDS),
    }  # fmt: skip
    spec: Document = {member: request[member] for member in ("Description", "Tags") if member in request}
    return new_entity(account, ROLE_KIND, name, spec, state, now)


def check_policy(text: str, *, trust: bool = False) -> None:
    try:
        parse_policy(text, trust=trust)
    except MalformedPolicy as error:
        raise ServiceError("MalformedPolicyDocument", str(error)) from None


def show(role: Resource) -> Document:
    """As IAM answers it: policy documents are percent-encoded."""
    document = role.document
    return {**document, "AssumeRolePolicyDocument": quote(document["AssumeRolePolicyDocument"], safe="")}


@operation("iam", "CreateRole")
def create_role(ctx: Context, request: Document) -> Document:
    role = new_role(ctx.account, request, ctx.now)
    with ctx.begin() as tx:
        if find(tx, ctx.account, ROLE_KIND, role.name) is not None:
            raise ServiceError("EntityAlreadyExists", f"Role with name {role.name} already exists.", 409)
        return {"Role": show(tx.resources.insert(role))}


@operation("iam", "GetRole")
def get_role(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        return {"Role": show(load(tx, ctx.account, ROLE_KIND, request["RoleName"]))}


@operation("iam", "ListRoles")
def list_roles(ctx: Context, request: Document) -> Document:
    roles, paging = page(ctx, ROLE_KIND, request)
    return {"Roles": [show(role) for role in roles], **paging}


@operation("iam", "UpdateRole")
def update_role(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        role = load(tx, ctx.account, ROLE_KIND, request["RoleName"])
        spec = {**role.spec, **{member: request[member] for member in ("Description",) if member in request}}
        state = {
            **role.state,
            **{member: request[member] for member in ("MaxSessionDuration",) if member in request},
        }
        tx.resources.update(replace(role, spec=spec, state=state, modified=ctx.now))
    return {}


@operation("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(ctx: Context, request: Document) -> None:
    check_policy(request["PolicyDocument"], trust=True)
    with ctx.begin() as tx:
        role = load(tx, ctx.account, ROLE_KIND, request["RoleName"])
        state = {**role.state, "AssumeRolePolicyDocument": request["PolicyDocument"]}
        tx.resources.update(replace(role, state=state, modified=ctx.now))


@operation("iam", "DeleteRole")
def delete_role(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        role = load(tx, ctx.account, ROLE_KIND, request["RoleName"])
        if role.state.get("AttachedPolicies"):
            raise ServiceError("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
        if role.state.get("Policies"):
            raise ServiceError("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)
        tx.resources.delete(role.arn)


@operation("iam", "TagRole")
def tag_role(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        role = load(tx, ctx.account, ROLE_KIND, request["RoleName"])
        tags = {tag["Key"]: tag for tag in (*role.spec.get("Tags", ()), *request["Tags"])}
        tx.resources.update(replace(role, spec={**role.spec, "Tags": list(tags.values())}, modified=ctx.now))


@operation("iam", "UntagRole")
def untag_role(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        role = load(tx, ctx.account, ROLE_KIND, request["RoleName"])
        tags = [tag for tag in role.spec.get("Tags", ()) if tag["Key"] not in request["TagKeys"]]
        tx.resources.update(replace(role, spec={**role.spec, "Tags": tags}, modified=ctx.now))


@operation("iam", "ListRoleTags")
def list_role_tags(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        role = load(tx, ctx.account, ROLE_KIND, request["RoleName"])
    return {"Tags": role.spec.get("Tags", []), "IsTruncated": False}
