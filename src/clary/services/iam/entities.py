"""Roles and users as rows: how they are found, and how IAM speaks of those that are not there.

A name is one entity's whatever its path and letter case, so rows are keyed by the ARN without path, name in
lower case; the true ARN is in the document.
"""

from __future__ import annotations

from collections.abc import Sequence

from clary.api import Context, Document, ServiceError
from clary.domain.identity import REGION, parse_arn
from clary.storage.ports import BadCursor, Query, Resource, Transaction

ROLE_KIND, USER_KIND = "Role", "User"


def key_of(account: str, kind: str, name: str) -> str:
    return f"arn:aws:iam::{account}:{kind.lower()}/{name.lower()}"


def find(tx: Transaction, account: str, kind: str, name: str) -> Resource | None:
    return tx.resources.find(key_of(account, kind, name))


def load(tx: Transaction, account: str, kind: str, name: str) -> Resource:
    """Raises NoSuchEntity."""
    found = find(tx, account, kind, name)
    if found is None:
        raise no_such(f"The {kind.lower()} with name {name} cannot be found.")
    return found


def find_arn(tx: Transaction, arn: str) -> Resource | None:
    """The role or user of this ARN; for a role's session, the role."""
    actor = parse_arn(arn)
    if actor is None or actor.kind == "root":
        return None
    kind = USER_KIND if actor.kind == "user" else ROLE_KIND
    found = find(tx, actor.account, kind, actor.name)
    if found is None or (actor.kind != "assumed-role" and found.state["Arn"] != arn):
        return None
    return found


def role_exists(tx: Transaction, arn: str) -> bool:
    """Whether this is the ARN of a role of its account."""
    actor = parse_arn(arn)
    return actor is not None and actor.kind == "role" and find_arn(tx, arn) is not None


def new_entity(account: str, kind: str, name: str, spec: Document, state: Document, now: float) -> Resource:
    return Resource(
        arn=key_of(account, kind, name), account=account, region=REGION, kind=kind, name=name, created=now,
        modified=now, spec=spec, state=state,
    )  # fmt: skip


def page(ctx: Context, kind: str, request: Document) -> tuple[Sequence[Resource], Document]:
    """One page by name, and the paging members of the answer."""
    query = Query(
        account=ctx.account, region=REGION, kinds=(kind,), sort_by="Name", descending=False,
        limit=request.get("MaxItems", 100), cursor=request.get("Marker"),
    )  # fmt: skip
    with ctx.read() as tx:
        try:
            found = tx.resources.list(query)
        except BadCursor:
            raise ServiceError("ValidationError", "Invalid Marker.") from None
    prefix = request.get("PathPrefix", "/")
    items = [item for item in found.items if item.state["Path"].startswith(prefix)]
    return items, {"IsTruncated": found.cursor is not None, "Marker": found.cursor}


def no_such(message: str) -> ServiceError:
    return ServiceError("NoSuchEntity", message, 404)
