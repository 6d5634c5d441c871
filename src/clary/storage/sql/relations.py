"""Tags and edges. Both keep the searchable properties that follow from them true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, tuple_
from sqlalchemy.dialects.sqlite import insert

from clary.domain.properties import of_tags
from clary.storage.ports import Edge, EdgeOrder, EdgePlace
from clary.storage.sql import properties as derived
from clary.storage.sql.many import by_keys, keys
from clary.storage.sql.names import Names
from clary.storage.sql.properties import PART_OF
from clary.storage.sql.schema import edges, tags
from clary.storage.sql.session import Row, Session, Statement, from_json, to_json

_put_tag = insert(tags).values(arn=bindparam("arn"), key=bindparam("key"), value=bindparam("value"))
_put_tag_over = Statement(
    _put_tag.on_conflict_do_update(index_elements=["arn", "key"], set_={"value": _put_tag.excluded.value})
)
_remove_tag = Statement(delete(tags).where(tags.c.arn == bindparam("arn"), tags.c.key == bindparam("key")))
_tags_of_many = Statement(
    by_keys(tags.c.arn, tags.c.arn, tags.c.key, tags.c.value).order_by(tags.c.arn, tags.c.key)
)

_COLUMNS = (
    edges.c.kind, edges.c.source, edges.c.destination, edges.c.created, edges.c.document, edges.c.source_type,
    edges.c.destination_type,
)  # fmt: skip
_put_edge = insert(edges).values({column.name: bindparam(column.name) for column in _COLUMNS})
_put_edge_over = Statement(
    _put_edge.on_conflict_do_update(
        index_elements=["source", "destination", "kind"],
        set_={column.name: _put_edge.excluded[column.name] for column in _COLUMNS[3:]},
    )
)
_ends = (edges.c.source == bindparam("source"), edges.c.destination == bindparam("destination"))
_kinds_between = Statement(select(edges.c.kind).where(*_ends))
_delete_edge = Statement(delete(edges).where(*_ends, edges.c.kind == bindparam("kind")))


def _edge(row: Row) -> Edge:
    kind, source, destination, created, document, source_type, destination_type = row
    return Edge(kind, source, destination, created, from_json(document), source_type, destination_type)


class SqlTags:
    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def get(self, arn: str) -> dict[str, str]:
        return derived.stored_tags(self._session, arn)

    def of_many(self, arns: Iterable[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for arn, key, value in self._session.all(_tags_of_many, keys=keys(arns)):
            found.setdefault(arn, {})[key] = value
        return found

    def put(self, arn: str, tags: Mapping[str, str]) -> None:
        before = self.get(arn)
        changed = {key: value for key, value in tags.items() if before.get(key) != value}
        for key, value in changed.items():
            self._session.run(_put_tag_over, arn=arn, key=key, value=value)
        self._derive(arn, {key: before[key] for key in changed if key in before}, changed)

    def remove(self, arn: str, keys: Iterable[str]) -> None:
        before = self.get(arn)
        gone = {key: before[key] for key in keys if key in before}
        for key in gone:
            self._session.run(_remove_tag, arn=arn, key=key)
        self._derive(arn, gone, {})

    def _derive(self, arn: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        found = derived.locate(self._session, arn) if before or after else None
        if found is not None:
            derived.change(self._session, self._names, *found, of_tags(before), of_tags(after))


_ORDERS: dict[EdgeOrder, tuple[str, ...]] = {
    "created": ("created", "source", "destination", "kind"),
    "source": ("source", "created", "destination", "kind"),
    "destination": ("destination", "created", "source", "kind"),
    "source_type": ("source_type", "created", "source", "destination", "kind"),
    "destination_type": ("destination_type", "created", "source", "destination", "kind"),
}
"""Each that of an index."""
_by_time = itemgetter(3, 1, 2, 0)
"""Of a row of edges, the order `created`: SQLite, asked for it, would take the way by the index of time."""
_of_sources = Statement(by_keys(edges.c.source, *_COLUMNS))
_of_destinations = Statement(by_keys(edges.c.destination, *_COLUMNS))


@cache
def _list(
    known: frozenset[str], kinds: int, after: bool, limit: bool, descending: bool, by: EdgeOrder
) -> Statement:
    """`known`: the columns whose value is given."""
    order = [edges.c[name] for name in _ORDERS[by]]
    statement = select(*_COLUMNS).where(*(edges.c[name] == bindparam(name) for name in sorted(known)))
    if by.endswith("_type"):
        statement = statement.where(edges.c[by].is_not(None))
    if known.isdisjoint(("source", "destination")):
        # Those in the trash (see `trash`); no end that is asked for is one of theirs.
        statement = statement.where(or_(edges.c.source < "trash:", edges.c.source >= "trash;"))
    if kinds:
        statement = statement.where(edges.c.kind.in_([bindparam(f"kind{index}") for index in range(kinds)]))
    if after:
        seen = tuple_(*(bindparam(f"after_{name}") for name in _ORDERS[by][:-1]))
        at = tuple_(*order[:-1])
        statement = statement.where(at < seen if descending else at > seen)
    if limit:
        statement = statement.limit(bindparam("limit"))
    return Statement(statement.order_by(*(column.desc() if descending else column for column in order)))


class SqlEdges:
    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def put(self, edge: Edge) -> None:
        self._session.run(
            _put_edge_over, kind=edge.kind, source=edge.source, destination=edge.destination,
            created=edge.created, document=to_json(edge.document), source_type=edge.source_type,
            destination_type=edge.destination_type,
        )  # fmt: skip
        self._derive(edge.kind, edge.source)

    def delete(self, kind: str | None, source: str, destination: str) -> bool:
        there = [row[0] for row in self._session.all(_kinds_between, source=source, destination=destination)]
        gone = [found for found in there if kind is None or found == kind]
        for found in gone:
            self._session.run(_delete_edge, source=source, destination=destination, kind=found)
            self._derive(found, source)
        return bool(gone)

    def list(
        self,
        *,
        source: str | None = None,
        destination: str | None = None,
        source_type: str | None = None,
        destination_type: str | None = None,
        kinds: Iterable[str] | None = None,
        limit: int | None = None,
        after: EdgePlace | None = None,
        descending: bool = False,
        by: EdgeOrder = "created",
    ) -> Sequence[Edge]:
        wanted = None if kinds is None else list(kinds)
        if wanted == []:
            return []
        ends = {
            "source": source, "destination": destination, "source_type": source_type,
            "destination_type": destination_type,
        }  # fmt: skip
        known = frozenset(name for name, value in ends.items() if value is not None)
        statement = _list(known, len(wanted or ()), after is not None, limit is not None, descending, by)
        values: dict[str, Any] = {f"kind{index}": kind for index, kind in enumerate(wanted or ())}
        if after is not None:
            names = (by, "created", "source", "destination")[-len(after) :]
            values |= {f"after_{name}": value for name, value in zip(names, after, strict=True)}
        return list(map(_edge, self._session.all(statement, **ends, limit=limit, **values)))

    def of_many(
        self,
        *,
        sources: Iterable[str] | None = None,
        destinations: Iterable[str] | None = None,
        kinds: Iterable[str] | None = None,
    ) -> Mapping[str, Sequence[Edge]]:
        statement, end = (_of_destinations, 2) if sources is None else (_of_sources, 1)
        wanted = None if kinds is None else frozenset(kinds)
        found: dict[str, list[Edge]] = {}
        ends = keys((destinations or ()) if sources is None else sources)
        for row in sorted(self._session.all(statement, keys=ends), key=_by_time):
            if wanted is None or row[0] in wanted:
                found.setdefault(row[end], []).append(_edge(row))
        return found

    def _derive(self, kind: str, source: str) -> None:
        if kind == PART_OF:
            derived.refresh_parents(self._session, self._names, source)
