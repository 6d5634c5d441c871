"""Pages of resources: a query becomes SQL over `resources` and `properties`.

A page is read in the order of its sort property's index, each row checked against the filter, until the
page is full: its cost does not grow with the table. When some term of the filter holds for few resources
only, those are fetched instead and sorted here. Resources that lack the sort property follow at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, func, literal, select, true, tuple_

from clary.domain.properties import NO_NUMBER
from clary.domain.search import Both, Compare, Expression, Operator
from clary.storage.cursors import Cursors, Position
from clary.storage.ports import Query
from clary.storage.sql.conditions import COLUMNS, Filter, mentions_metrics
from clary.storage.sql.names import Names
from clary.storage.sql.schema import properties, resources
from clary.storage.sql.session import Row, Session, Statement
from clary.storage.sql.statistics import lagging, write_statistics

FEW = 2500
"""Resources that are fetched and sorted here rather than looked for along the sort property's index."""
_SELECTIVE = frozenset(Operator) - {Operator.NOT_EQUALS, Operator.NOT_EXISTS, Operator.CONTAINS}


def after_prefix(prefix: str) -> str:
    """The smallest text, by its UTF-8 bytes, that is greater than all that start with the prefix; where there
    is none (an empty prefix), one that is greater than all that occur."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1])
        if code < 0x10FFFF:
            return prefix[: end - 1] + chr(0xE000 if code == 0xD7FF else code + 1)
    return "\U0010ffff" * 4


def bring_up_to_date(session: Session, names: Names) -> None:
    """Write the statistics that lag behind. In a read-only session this renews its view of the store."""
    if lagging(session):
        if session.writable:
            write_statistics(session, names)
        elif session.catch_up is not None:
            session.catch_up()


def count(session: Session, names: Names, query: Query) -> int:
    scopes = _prepare(session, names, query)
    where = Filter(session, names, scopes).condition(query.where, resources.c.id)
    statement = select(func.count()).select_from(resources).where(resources.c.scope.in_(scopes), where)
    return int(session.all(Statement(statement))[0][0])


def page(
    session: Session, names: Names, cursors: Cursors, query: Query, columns: Sequence[ColumnElement[Any]]
) -> tuple[list[Row], str | None]:
    """Rows of `columns`, and where to go on."""
    position = None if query.cursor is None else cursors.take(query, query.cursor)
    scopes = _prepare(session, names, query)
    if not scopes:
        return [], None
    found = _Search(session, names, scopes, query, columns).after(position)
    rows = found[: query.limit]
    cursor = cursors.give(query, _position(rows[-1])) if len(found) > query.limit and rows else None
    return [row[4:] for row in rows], cursor


def _prepare(session: Session, names: Names, query: Query) -> list[int]:
    if query.sort_by.startswith("Metrics.") or mentions_metrics(query.where):
        bring_up_to_date(session, names)
    found = (names.scope(session, (query.account, query.region, kind)) for kind in dict.fromkeys(query.kinds))
    return [scope for scope in found if scope is not None]


def _position(row: Row) -> Position:
    return Position(bool(row[0]), row[1], row[2], row[3])


class _Search:
    """Selected rows are (lacks, number, text, id, *columns): the position, then what was asked for."""

    def __init__(
        self,
        session: Session,
        names: Names,
        scopes: list[int],
        query: Query,
        columns: Sequence[ColumnElement[Any]],
    ) -> None:
        self._session, self._query, self._columns, self._scopes = session, query, columns, scopes
        self._filter = Filter(session, names, scopes)
        self._wanted = query.limit + 1
        self._number: ColumnElement[Any]
        self._text: ColumnElement[Any]
        self._has: ColumnElement[bool]
        self._lacks: ColumnElement[bool] | None
        self._from: FromClause
        self._id: ColumnElement[int] = resources.c.id
        column = COLUMNS.get(query.sort_by)
        if column is not None:
            numeric = query.sort_by in ("CreationTime", "LastModifiedTime")
            self._number, self._text = (column, literal("")) if numeric else (literal(NO_NUMBER), column)
            self._order = [column, resources.c.id]
            self._from = resources
            self._has = and_(
                resources.c.scope.in_(scopes), column.is_not(None) if column.nullable else true()
            )
            self._lacks = column.is_(None) if column.nullable else None
        else:
            ids = names.names(session, scopes, query.sort_by)
            self._number, self._text = properties.c.number, properties.c.text
            self._order = [properties.c.number, properties.c.text, properties.c.resource]
            self._id = properties.c.resource
            self._from = properties.join(resources, resources.c.id == properties.c.resource)
            self._has = and_(self._filter.among(properties.c.name, ids), properties.c.position == 0)
            self._lacks = ~self._filter.has(query.sort_by, resources.c.id)
            self._sort_ids = ids

    def after(self, position: Position | None) -> list[Row]:
        driver = self._driver()
        if driver is not None:
            return self._few(driver, position)
        rows: list[Row] = []
        if position is None or not position.lacks:
            rows = self._session.all(Statement(self._having(position)))
        if len(rows) < self._wanted and self._lacks is not None:
            rest = self._wanted - len(rows)
            rows += self._session.all(Statement(self._lacking(position, rest)))
        return rows

    def _having(self, position: Position | None) -> Select[Any]:
        where = self._filter.condition(self._query.where, self._id)
        statement = (
            select(literal(0), self._number, self._text, self._id, *self._columns)
            .select_from(self._from)
            .where(self._has, where)
        )
        if position is not None:
            seen: list[Any] = [position.number, position.text, position.id]
            if len(self._order) == 2:
                seen = [position.text if position.number == NO_NUMBER else position.number, position.id]
            at, then = tuple_(*self._order), tuple_(*(literal(value) for value in seen))
            statement = statement.where(at < then if self._query.descending else at > then)
        return self._ordered(statement, self._order).limit(self._wanted)

    def _lacking(self, position: Position | None, limit: int) -> Select[Any]:
        where = self._filter.condition(self._query.where, resources.c.id)
        statement = select(literal(1), literal(NO_NUMBER), literal(""), resources.c.id, *self._columns).where(
            resources.c.scope.in_(self._scopes), where
        )
        if self._lacks is not None:
            statement = statement.where(self._lacks)
        if position is not None and position.lacks:
            id = resources.c.id
            statement = statement.where(id < position.id if self._query.descending else id > position.id)
        return self._ordered(statement, [resources.c.id]).limit(limit)

    def _ordered(self, statement: Select[Any], order: Sequence[ColumnElement[Any]]) -> Select[Any]:
        return statement.order_by(*(column.desc() if self._query.descending else column for column in order))

    def _driver(self) -> Select[Any] | None:
        """Ids that one of the filter's terms leaves, when they are few."""
        best: tuple[int, Select[Any]] | None = None
        for term in _terms(self._query.where):
            if isinstance(term, Compare) and term.operator in _SELECTIVE:
                ids = self._filter.ids(term)
                bound = FEW + 1 if best is None else best[0]
                sample = ids.limit(bound).subquery()
                found = int(self._session.all(Statement(select(func.count()).select_from(sample)))[0][0])
                if found < bound:
                    best = found, ids
        return None if best is None else best[1]

    def _few(self, driver: Select[Any], position: Position | None) -> list[Row]:
        query, id = self._query, resources.c.id
        lacks: Any
        source: FromClause = resources
        if query.sort_by in COLUMNS:
            lacks = literal(0) if self._lacks is None else self._lacks
        else:
            sort = self._filter.among(properties.c.name, self._sort_ids)
            on = and_(properties.c.resource == id, sort, properties.c.position == 0)
            source, lacks = resources.outerjoin(properties, on), properties.c.resource.is_(None)
        number, text = func.coalesce(self._number, NO_NUMBER), func.coalesce(self._text, "")
        where = self._filter.condition(query.where, id)
        keys = self._session.all(
            Statement(select(lacks, number, text, id).select_from(source).where(id.in_(driver), where))
        )
        sign = -1 if query.descending else 1
        having = sorted(
            (row for row in keys if not row[0]), key=lambda row: row[1:], reverse=query.descending
        )
        lacking = sorted((row for row in keys if row[0]), key=lambda row: sign * row[3])
        if position is not None:
            if position.lacks:
                having = []
                lacking = [row for row in lacking if sign * row[3] > sign * position.id]
            else:
                at = position[1:]
                having = [row for row in having if (row[1:] < at if query.descending else row[1:] > at)]
        chosen = [*having, *lacking][: self._wanted]
        fetch = Statement(select(*self._columns).where(id == bindparam("id_")))
        return [(*row, *self._session.all(fetch, id_=row[3])[0]) for row in chosen]


def _terms(where: Expression | None) -> tuple[Expression, ...]:
    if isinstance(where, Both):
        return tuple(inner for term in where.terms for inner in _terms(term))
    return () if where is None else (where,)
