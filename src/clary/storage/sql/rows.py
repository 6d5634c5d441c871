"""A resource as a row of `resources`."""

from __future__ import annotations

from clary.storage.ports import Resource
from clary.storage.sql.names import Names
from clary.storage.sql.schema import resources
from clary.storage.sql.session import Row, Session, from_json

RESOURCE = (
    resources.c.arn, resources.c.scope, resources.c.name, resources.c.status, resources.c.target,
    resources.c.parent, resources.c.created, resources.c.modified, resources.c.generation,
    resources.c.version, resources.c.spec, resources.c.state,
)  # fmt: skip
"""The columns, in the order in which they are read and written."""


def from_row(session: Session, names: Names, row: Row) -> Resource:
    """A row of RESOURCE."""
    account, region, kind = names.scope_of(session, row[1])
    return Resource(
        arn=row[0], account=account, region=region, kind=kind, name=row[2], status=row[3], target=row[4],
        parent=row[5], created=row[6], modified=row[7], generation=row[8], version=row[9],
        spec=from_json(row[10]), state=from_json(row[11]),
    )  # fmt: skip
