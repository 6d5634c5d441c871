"""Access keys of users and of the account's root."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document, ServiceError, operation
from clary.domain.identity import new_secret, parse_arn, root_arn, unique_id
from clary.services.iam.entities import USER_KIND, load, no_such
from clary.storage.ports import Key, Transaction

QUOTA = 2
"""Keys that a user, or the root, may have at once: one in use, one to change over to."""


def new_key(account: str, principal: str, now: float) -> Key:
    return Key(unique_id("AKIA", 20), new_secret(), account, principal, now)


@operation("iam", "CreateAccessKey")
def create_access_key(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        name, principal = _owner(ctx, tx, request)
        if len(_keys(tx, principal)) >= QUOTA:
            raise ServiceError("LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {QUOTA}", 409)
        key = new_key(ctx.account, principal, ctx.now)
        tx.keys.put(key)
    return {"AccessKey": {**_show(name, key), "SecretAccessKey": key.secret}}


@operation("iam", "ListAccessKeys")
def list_access_keys(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        name, principal = _owner(ctx, tx, request)
        keys = sorted(_keys(tx, principal), key=lambda key: (key.created, key.id))
    return {"AccessKeyMetadata": [_show(name, key) for key in keys], "IsTruncated": False}


@operation("iam", "UpdateAccessKey")
def update_access_key(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        key = _load(ctx, tx, request)
        tx.keys.put(replace(key, active=request["Status"] == "Active"))


@operation("iam", "DeleteAccessKey")
def delete_access_key(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        tx.keys.delete(_load(ctx, tx, request).id)


def _keys(tx: Transaction, principal: str) -> list[Key]:
    return [key for key in tx.keys.list(principal) if key.token is None]


def _load(ctx: Context, tx: Transaction, request: Document) -> Key:
    _, principal = _owner(ctx, tx, request)
    key = tx.keys.find(request["AccessKeyId"])
    if key is None or key.token is not None or key.principal != principal:
        raise no_such(f"The Access Key with id {request['AccessKeyId']} cannot be found.")
    return key


def _owner(ctx: Context, tx: Transaction, request: Document) -> tuple[str, str]:
    """Name and ARN of the user named, by default of the caller."""
    name = request.get("UserName")
    if name is None:
        actor = parse_arn(ctx.principal.arn)
        if actor is None or actor.kind == "assumed-role":
            raise ServiceError(
                "ValidationError", "Must specify userName when calling with non-User credentials"
            )
        if actor.kind == "root":
            return "root", root_arn(ctx.account)
        name = actor.name
    return name, load(tx, ctx.account, USER_KIND, name).state["Arn"]


def _show(name: str, key: Key) -> Document:
    return {
        "UserName": name, "AccessKeyId": key.id, "Status": "Active" if key.active else "Inactive",
        "CreateDate": key.created,
    }  # fmt: skip
