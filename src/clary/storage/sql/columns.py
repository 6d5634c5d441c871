"""Resources by column: a statement for some thousand of them, whose rows come back in the order of the ids.

Walking ids first and reading rows by them keeps a table's memory flat, and its order that of a search.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, column, func, select

from clary.storage.ports import Query, Rows
from clary.storage.sql import search
from clary.storage.sql.many import keys
from clary.storage.sql.names import Names
from clary.storage.sql.schema import edges, resources
from clary.storage.sql.schema import metric_summaries as series
from clary.storage.sql.session import Row, Session, Statement

_ids = func.json_each(bindparam("keys")).table_valued(column("key"), column("value"))
_rows = Statement(
    select(_ids.c.key, resources.c.id, resources.c.arn, resources.c.created, resources.c.spec).select_from(
        _ids.join(resources, resources.c.id == _ids.c.value)
    )
)
_series = Statement(
    select(_ids.c.key, series.c.name)
    .select_from(_ids.join(series, and_(series.c.resource == _ids.c.value, series.c.count > 0)))
    .order_by(series.c.id)
)
_destinations = Statement(
    select(_ids.c.key, edges.c.destination)
    .select_from(
        _ids.join(resources, resources.c.id == _ids.c.value).join(
            edges, and_(edges.c.source == resources.c.arn, edges.c.kind == bindparam("kind"))
        )
    )
    .order_by(edges.c.created, edges.c.source, edges.c.destination)
)

_STATISTICS: dict[str, Callable[[FromClause], ColumnElement[Any]]] = {
    "Count": lambda of: of.c.count * 1.0,
    "Last": lambda of: of.c.last,
    "Min": lambda of: of.c.minimum,
    "Max": lambda of: of.c.maximum,
    "Avg": lambda of: (of.c.total + of.c.rest) / of.c.count,
    "StdDev": lambda of: of.c.squares / of.c.count,  # its square: not every SQLite has a root
}
JOINED = 16
"""Metrics a statement: SQLite joins 64 tables at most."""


@cache
def _statistics(wanted: tuple[tuple[str, ...], ...]) -> Statement:
    """Of as many metrics, whose names are the parameters name0, name1, ...: of each its count and what is wanted."""
    columns: list[ColumnElement[Any]] = [_ids.c.key]
    tables: FromClause = _ids
    for number, statistics in enumerate(wanted):
        one = series.alias(f"of{number}")
        tables = tables.outerjoin(
            one,
            and_(one.c.resource == _ids.c.value, one.c.name == bindparam(f"name{number}"), one.c.count > 0),
        )
        columns += [one.c.count, *(_STATISTICS[statistic](one) for statistic in statistics)]
    return Statement(select(*columns).select_from(tables))


class SqlColumns:
    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def ids(self, query: Query, limit: int | None = None) -> Sequence[int]:
        return array("q", search.ids(self._session, self._names, query, limit))

    def rows(self, ids: Sequence[int]) -> Rows:
        _, found, arns, created, specs = self._columns(5, _rows, ids)
        return Rows(found, arns, created, specs)

    def series(self, ids: Sequence[int]) -> Sequence[Sequence[str]]:
        return _grouped(len(ids), self._session.all(_series, keys=keys(ids)))

    def statistics(
        self, ids: Sequence[int], wanted: Sequence[tuple[str, str]]
    ) -> Sequence[Sequence[float | None]]:
        by_metric: dict[str, list[str]] = {}
        for metric, statistic in wanted:
            by_metric.setdefault(metric, []).append(statistic)
        metrics = list(by_metric.items())
        found: dict[tuple[str, str], Sequence[float | None]] = {}
        for start in range(0, len(metrics), JOINED):
            some = metrics[start : start + JOINED]
            names = {f"name{number}": metric for number, (metric, _) in enumerate(some)}
            width = 1 + sum(1 + len(statistics) for _, statistics in some)
            statement = _statistics(tuple(tuple(statistics) for _, statistics in some))
            _, *columns = self._columns(width, statement, ids, **names)
            for metric, statistics in some:
                counts, *columns = columns
                for statistic in statistics:
                    values, *columns = columns
                    found[metric, statistic] = _shown(statistic, counts, values)
        return [found[one] for one in wanted]

    def destinations(self, ids: Sequence[int], kind: str) -> Sequence[Sequence[str]]:
        return _grouped(len(ids), self._session.all(_destinations, keys=keys(ids), kind=kind))

    def _columns(
        self, width: int, statement: Statement, ids: Sequence[int], **values: Any
    ) -> list[Sequence[Any]]:
        rows = self._session.all(statement, keys=keys(ids), **values)
        rows.sort(key=itemgetter(0))  # they are in this order as a rule, which the sort sees
        return list(zip(*rows, strict=True)) or list(repeat((), width))


def _shown(
    statistic: str, counts: Sequence[int | None], values: Sequence[float | None]
) -> Sequence[float | None]:
    """SQLite keeps a NaN as NULL: only where there is no count, there is no such metric."""
    if statistic == "StdDev":
        values = [None if value is None else math.sqrt(max(value, 0.0)) for value in values]
    if None not in values:
        return values
    return [
        math.nan if value is None and count is not None else value
        for count, value in zip(counts, values, strict=True)
    ]


def _grouped(length: int, rows: Iterable[Row]) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(length)]
    for place, text in rows:
        found[place].append(text)
    return found
