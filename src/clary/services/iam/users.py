"""IAM users: names with access keys of their own."""

from __future__ import annotations

from clary.api import Context, Document, ServiceError, operation
from clary.domain.identity import parse_arn, root_arn, unique_id, user_arn
from clary.services.iam.entities import USER_KIND, find, load, new_entity, page


@operation("iam", "CreateUser")
def create_user(ctx: Context, request: Document) -> Document:
    name, path = request["UserName"], request.get("Path", "/")
    state = {
        "Path": path, "UserName": name, "UserId": unique_id("AIDA"), "Arn": user_arn(ctx.account, path, name),
        "CreateDate": ctx.now,
    }  # fmt: skip
    spec = {"Tags": request["Tags"]} if "Tags" in request else {}
    with ctx.begin() as tx:
        if find(tx, ctx.account, USER_KIND, name) is not None:
            raise ServiceError("EntityAlreadyExists", f"User with name {name} already exists.", 409)
        return {
            "User": tx.resources.insert(
                new_entity(ctx.account, USER_KIND, name, spec, state, ctx.now)
            ).document
        }


@operation("iam", "GetUser")
def get_user(ctx: Context, request: Document) -> Document:
    """Without a name: the caller."""
    name = request.get("UserName")
    if name is None:
        actor = parse_arn(ctx.principal.arn)
        if actor is None or actor.kind == "assumed-role":
            raise ServiceError(
                "ValidationError", "Must specify userName when calling with non-User credentials"
            )
        if actor.kind == "root":
            # As on AWS, where the root has an ARN and no name.
            return {
                "User": {"Path": "/", "UserId": ctx.account, "Arn": root_arn(ctx.account), "CreateDate": 0.0}
            }
        name = actor.name
    with ctx.read() as tx:
        return {"User": load(tx, ctx.account, USER_KIND, name).document}


@operation("iam", "ListUsers")
def list_users(ctx: Context, request: Document) -> Document:
    users, paging = page(ctx, USER_KIND, request)
    return {"Users": [user.document for user in users], **paging}


@operation("iam", "DeleteUser")
def delete_user(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        user = load(tx, ctx.account, USER_KIND, request["UserName"])
        # A session that the user got by GetSessionToken goes with the user; a long-lived key does not.
        keys = tx.keys.list(user.state["Arn"])
        if any(key.token is None for key in keys):
            raise ServiceError("DeleteConflict", "Cannot delete entity, must delete access keys first.", 409)
        if user.state.get("AttachedPolicies") or user.state.get("Policies"):
            raise ServiceError("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)
        for key in keys:
            tx.keys.delete(key.id)
        tx.resources.delete(user.arn)
