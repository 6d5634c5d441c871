"""Resources by column: a statement for some thousand of them, whose rows come back in the order of the ids.

Walking ids first and reading rows by them keeps a table's memory flat, and its order that of a search.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import and_, bindparam, column, func, select

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
_statistics = Statement(
    select(
        _ids.c.key, series.c.count, series.c.last, series.c.minimum, series.c.maximum,
        series.c.total + series.c.rest, series.c.squares,
    ).select_from(
        _ids.outerjoin(
            series,
            and_(series.c.resource == _ids.c.value, series.c.name == bindparam("name"), series.c.count > 0),
        )
    )
)  # fmt: skip
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

_Numbers = Sequence[float | None]


def _average(counts: Sequence[int | None], totals: _Numbers) -> Iterable[float | None]:
    return (
        total if total is None or count is None else total / count
        for count, total in zip(counts, totals, strict=True)
    )


def _deviation(counts: Sequence[int | None], squares: _Numbers) -> Iterable[float | None]:
    return (
        None if square is None or count is None else math.sqrt(max(square, 0.0) / count)
        for count, square in zip(counts, squares, strict=True)
    )


def _itself(_: Sequence[int | None], values: _Numbers) -> Iterable[float | None]:
    return values


def _count(_: Sequence[int | None], values: _Numbers) -> Iterable[float | None]:
    return (None if value is None else float(value) for value in values)


_STATISTICS: dict[str, tuple[int, Callable[[Sequence[int | None], _Numbers], Iterable[float | None]]]] = {
    "Count": (1, _count),
    "Last": (2, _itself),
    "Min": (3, _itself),
    "Max": (4, _itself),
    "Avg": (5, _average),
    "StdDev": (6, _deviation),
}
"""By name, the column of `_statistics` and what becomes of it."""


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
        self, ids: Sequence[int], metric: str, statistics: Sequence[str]
    ) -> Sequence[Sequence[float | None]]:
        columns = self._columns(7, _statistics, ids, name=metric)
        counts = columns[1]
        answer: list[Sequence[float | None]] = []
        for statistic in statistics:
            place, compute = _STATISTICS[statistic]
            values = list(compute(counts, columns[place]))
            if None in values:  # no such metric, or a NaN
                values = [
                    math.nan if value is None and count is not None else value
                    for count, value in zip(counts, values, strict=True)
                ]
            answer.append(values)
        return answer

    def destinations(self, ids: Sequence[int], kind: str) -> Sequence[Sequence[str]]:
        return _grouped(len(ids), self._session.all(_destinations, keys=keys(ids), kind=kind))

    def _columns(
        self, width: int, statement: Statement, ids: Sequence[int], **values: Any
    ) -> list[Sequence[Any]]:
        rows = self._session.all(statement, keys=keys(ids), **values)
        rows.sort(key=itemgetter(0))  # they are in this order as a rule, which the sort sees
        return list(zip(*rows, strict=True)) or list(repeat((), width))


def _grouped(length: int, rows: Iterable[Row]) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(length)]
    for place, text in rows:
        found[place].append(text)
    return found
