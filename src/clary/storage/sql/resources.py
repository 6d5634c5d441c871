"""Resources: rows with their documents, and the searchable properties that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from msgspec.structs import replace
from sqlalchemy import bindparam, delete, exists, insert, select, update

from clary.domain.properties import of_document
from clary.storage.cursors import Cursors
from clary.storage.ports import Conflict, Exists, Missing, Page, Query, Resource
from clary.storage.sql import properties as derived
from clary.storage.sql import search
from clary.storage.sql.many import by_keys, keys
from clary.storage.sql.names import Names
from clary.storage.sql.rows import RESOURCE, from_row
from clary.storage.sql.schema import edges, outbox, properties, property_names, resources, tags
from clary.storage.sql.series import drop_series
from clary.storage.sql.session import Session, Statement, to_json

_arn = resources.c.arn == bindparam("arn")
_get = Statement(select(*RESOURCE).where(_arn))
_known = Statement(
    select(
        exists().where(_arn),
        exists().where(tags.c.arn == bindparam("arn")) | exists().where(edges.c.source == bindparam("arn")),
        exists().where(edges.c.destination == bindparam("arn"))
        | exists().where(resources.c.parent == bindparam("arn")),
    )
)
"""Whether an ARN is taken, and whether anything that was there before it tells of it."""
_get_many = Statement(by_keys(resources.c.arn, *RESOURCE))
_get_with_id = Statement(select(resources.c.id, *RESOURCE).where(_arn))
_insert = Statement(insert(resources).values({column.name: bindparam(column.name) for column in RESOURCE}))
_delete = Statement(delete(resources).where(resources.c.id == bindparam("id")))
_hanging = (
    Statement(delete(tags).where(tags.c.arn == bindparam("arn"))),
    Statement(delete(edges).where(edges.c.source == bindparam("arn"))),
    Statement(delete(edges).where(edges.c.destination == bindparam("arn"))),
    Statement(delete(outbox).where(outbox.c.arn == bindparam("arn"))),
)
_delete_properties = Statement(delete(properties).where(properties.c.resource == bindparam("id")))
_property_names = Statement(
    select(property_names.c.name)
    .where(
        property_names.c.scope == bindparam("scope"),
        property_names.c.name >= bindparam("prefix"),
        property_names.c.name < bindparam("end"),
        exists().where(properties.c.name == property_names.c.id),
    )
    .order_by(property_names.c.name)
    .limit(bindparam("limit"))
)
_MUTABLE = ("name", "status", "target", "parent", "created", "modified", "generation")


@cache
def _update(changed: tuple[str, ...]) -> Statement:
    """Sets just these columns: an index whose column is not named is not touched."""
    return Statement(
        update(resources)
        .where(resources.c.id == bindparam("id_"), resources.c.version == bindparam("seen"))
        .values({name: bindparam(name) for name in (*changed, "version")})
    )


class SqlResources:
    def __init__(self, session: Session, names: Names, cursors: Cursors) -> None:
        self._session, self._names, self._cursors = session, names, cursors

    def insert(self, resource: Resource) -> Resource:
        session = self._session
        taken, has_beside, has_members = session.all(_known, arn=resource.arn)[0]
        if taken:
            raise Exists(resource.arn)
        scope = self._names.make_scope(session, (resource.account, resource.region, resource.kind))
        id = session.run(
            _insert, arn=resource.arn, scope=scope, name=resource.name, status=resource.status,
            target=resource.target, parent=resource.parent, created=resource.created,
            modified=resource.modified, generation=resource.generation, version=1,
            spec=to_json(resource.spec), state=to_json(resource.state),
        ).lastrowid  # fmt: skip
        assert id is not None
        found = of_document(resource.document)
        if has_beside:
            found |= derived.beside(session, resource.arn)
        derived.add(session, self._names, id, scope, found)
        if has_members:
            for member in derived.members(session, resource.arn):
                derived.refresh_parents(session, self._names, member)
        return replace(resource, version=1)

    def get(self, arn: str) -> Resource:
        found = self.find(arn)
        if found is None:
            raise Missing(arn)
        return found

    def find(self, arn: str) -> Resource | None:
        row = self._session.one(_get, arn=arn)
        return None if row is None else from_row(self._session, self._names, row)

    def find_many(self, arns: Iterable[str]) -> dict[str, Resource]:
        wanted = list(dict.fromkeys(arns))
        rows = self._session.all(_get_many, keys=keys(wanted)) if wanted else ()
        found = {row[0]: from_row(self._session, self._names, row) for row in rows}
        return {arn: found[arn] for arn in wanted if arn in found}

    def update(self, resource: Resource) -> Resource:
        session = self._session
        row = session.one(_get_with_id, arn=resource.arn)
        if row is None:
            raise Missing(resource.arn)
        id, scope = row[0], row[2]
        old = from_row(session, self._names, row[1:])
        if old.version != resource.version:
            raise Conflict(f"{resource.arn} is at version {old.version}, not {resource.version}")
        values: dict[str, Any] = {
            name: getattr(resource, name)
            for name in _MUTABLE
            if getattr(old, name) != getattr(resource, name)
        }
        for part, before, after in (("spec", row[11], resource.spec), ("state", row[12], resource.state)):
            text = to_json(after)
            if text != before:
                values[part] = text
        version = resource.version + 1
        statement = _update(tuple(values))
        if not session.changed(statement, **values, version=version, id_=id, seen=resource.version):
            raise Conflict(resource.arn)
        if "spec" in values or "state" in values:
            before, after = of_document(old.document), of_document(resource.document)
            derived.change(session, self._names, id, scope, before, after)
        if "name" in values or "parent" in values:
            for member in derived.members(session, resource.arn):
                derived.refresh_parents(session, self._names, member)
        return replace(resource, version=version)

    def delete(self, arn: str) -> None:
        session = self._session
        found = derived.locate(session, arn)
        if found is None:
            raise Missing(arn)
        members = derived.members(session, arn)
        for statement in _hanging:
            session.run(statement, arn=arn)
        drop_series(session, found[0])
        session.run(_delete_properties, id=found[0])
        session.run(_delete, id=found[0])
        for member in members:
            derived.refresh_parents(session, self._names, member)

    def list(self, query: Query) -> Page:
        rows, cursor = search.page(self._session, self._names, self._cursors, query)
        return Page([from_row(self._session, self._names, row) for row in rows], cursor)

    def count(self, query: Query) -> int:
        return search.count(self._session, self._names, query)

    def property_names(self, account: str, region: str, kind: str, prefix: str, limit: int) -> Sequence[str]:
        scope = self._names.scope(self._session, (account, region, kind))
        if scope is None:
            return []
        search.bring_up_to_date(self._session, self._names)
        rows = self._session.all(
            _property_names, scope=scope, prefix=prefix, end=search.after_prefix(prefix), limit=limit
        )
        return [row[0] for row in rows]
