"""STS's operations: GetCallerIdentity, AssumeRole, GetSessionToken."""

from __future__ import annotations

from clary.api import Context, Document, ServiceError, operation
from clary.domain.identity import parse_arn, session_arn
from clary.domain.identity_policies import MalformedPolicy, parse_policy, trusts
from clary.services.iam.entities import find_arn
from clary.services.sts.sessions import issue
from clary.storage.ports import Key

CHAINED_SECONDS = 3600
"""A session that takes on another role gets an hour at most."""
ROOT_SECONDS = 3600
TOKEN_SECONDS = 43200
"""GetSessionToken's default; the root gets ROOT_SECONDS at most."""


@operation("sts", "GetCallerIdentity")
def get_caller_identity(ctx: Context, request: Document) -> Document:
    return {"UserId": _user_id(ctx), "Account": ctx.principal.account, "Arn": ctx.principal.arn}


@operation("sts", "AssumeRole")
def assume_role(ctx: Context, request: Document) -> Document:
    arn, name = request["RoleArn"], request["RoleSessionName"]
    seconds = request.get("DurationSeconds", 3600)
    caller = parse_arn(ctx.principal.arn)
    if "Policy" in request:
        _check_session_policy(request["Policy"])
    with ctx.begin() as tx:
        role = find_arn(tx, arn) if (actor := parse_arn(arn)) and actor.kind == "role" else None
        context = {"sts:externalid": (request["ExternalId"],)} if "ExternalId" in request else {}
        context["sts:rolesessionname"] = (name,)
        if role is None or not trusts(
            parse_policy(role.state["AssumeRolePolicyDocument"], trust=True), ctx.principal.arn, context
        ):
            raise ServiceError(
                "AccessDenied",
                f"User: {ctx.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                403,
            )
        if seconds > role.state["MaxSessionDuration"]:
            raise ServiceError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )
        if seconds > CHAINED_SECONDS and caller is not None and caller.kind == "assumed-role":
            raise ServiceError(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            )
        principal = session_arn(role.account, role.name, name)
        key = issue(tx, role.account, principal, ctx.now, seconds)
    return {
        "Credentials": _credentials(key),
        "AssumedRoleUser": {"AssumedRoleId": f"{role.state['RoleId']}:{name}", "Arn": principal},
    }


@operation("sts", "GetSessionToken")
def get_session_token(ctx: Context, request: Document) -> Document:
    caller = parse_arn(ctx.principal.arn)
    with ctx.begin() as tx:
        own = tx.keys.find(ctx.principal.access_key)
        if caller is None or caller.kind == "assumed-role" or (own is not None and own.token is not None):
            raise ServiceError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
        longest = ROOT_SECONDS if caller.kind == "root" else 129_600
        seconds = min(request.get("DurationSeconds", TOKEN_SECONDS), longest)
        key = issue(tx, ctx.account, ctx.principal.arn, ctx.now, seconds)
    return {"Credentials": _credentials(key)}


def _check_session_policy(text: str) -> None:
    try:
        parse_policy(text)
    except MalformedPolicy as error:
        raise ServiceError("MalformedPolicyDocument", str(error)) from None


def _user_id(ctx: Context) -> str:
    arn = ctx.principal.arn
    actor = parse_arn(arn)
    if actor is None or actor.kind == "root":
        return ctx.principal.account
    with ctx.read() as tx:
        entity = find_arn(tx, arn)
    if actor.kind == "assumed-role":
        # A job outlives its role: the session still knows its name.
        return f"{entity.state['RoleId'] if entity else actor.name}:{actor.session}"
    return str(entity.state["UserId"]) if entity else actor.name


def _credentials(key: Key) -> Document:
    return {
        "AccessKeyId": key.id, "SecretAccessKey": key.secret, "SessionToken": key.token, "Expiration": key.expires,
    }  # fmt: skip
