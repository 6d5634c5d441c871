"""Metrics as a transaction offers them: points in, summaries and curves out.

Loose points (see `blocks`) are clustered by (series, time, step, value), so that a repeated point meets the key of
the first. `arrival` counts within a series and settles the order of those with equal time and step. A loose NaN is
kept as the text `NaN` (SQLite has no other key for it) and read back by `float`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from sqlalchemy import bindparam, select

from clary.domain.series import step_key, step_of
from clary.storage.ports import Curve, Missing, Point, Summary
from clary.storage.sql.blocks import Columns, between
from clary.storage.sql.many import PLACE, by_keys, keys
from clary.storage.sql.names import Names
from clary.storage.sql.properties import locate
from clary.storage.sql.schema import metric_points as points
from clary.storage.sql.schema import metric_summaries as series
from clary.storage.sql.schema import resources
from clary.storage.sql.series import Batch, collect, write
from clary.storage.sql.session import Row, Session, Statement

_of_resources = Statement(
    by_keys(
        resources.c.arn, series.c.id, PLACE, series.c.name, series.c.count,
        (series.c.total + series.c.rest) / series.c.count, series.c.minimum, series.c.maximum,
        series.c.squares / series.c.count, series.c.last, series.c.time,
    )
    .join(series, series.c.resource == resources.c.id)
    .where(series.c.count > 0)
)  # fmt: skip
"""Sorted by id in Python, for a quarter of what SQLite takes: it would write all columns of each row anew."""
_series_id = Statement(
    select(series.c.id)
    .join(resources, resources.c.id == series.c.resource)
    .where(resources.c.arn == bindparam("arn"), series.c.name == bindparam("name"))
)
_loose = Statement(
    select(points.c.time, points.c.step, points.c.value)
    .where(
        points.c.series == bindparam("series"),
        points.c.time >= bindparam("start"),
        points.c.time < bindparam("end"),
    )
    .order_by(points.c.time, points.c.step, points.c.arrival)
)


class SqlMetrics:
    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def append(self, arn: str, points: Iterable[Point]) -> None:
        batch: Batch = {}
        collect(batch, arn, points)
        missing = write(self._session, self._names, batch)
        if missing or (not batch and locate(self._session, arn) is None):
            raise Missing(arn)

    def summaries(self, arns: Iterable[str]) -> dict[str, list[Summary]]:
        wanted = list(arns)
        found: dict[str, list[Summary]] = {}
        for row in sorted(self._session.all(_of_resources, keys=keys(wanted))):
            found.setdefault(wanted[row[1]], []).append(_summary(row))
        return found

    def points(self, arn: str, name: str, *, start: float | None = None, end: float | None = None) -> Curve:
        found = self._session.one(_series_id, arn=arn, name=name)
        if found is None:
            return Curve(name, (), (), ())
        first, last = -math.inf if start is None else start, math.inf if end is None else end
        columns = between(self._session, found[0], first, last)
        loose = self._session.all(_loose, series=found[0], start=first, end=last)
        return Curve(name, *(_merged(columns, loose) if loose else columns))


def _merged(columns: Columns, loose: Iterable[Row]) -> Columns:
    """By time and step; of equal ones the loose came later."""
    rows = [*zip(*columns, strict=True), *((time, step_of(key), float(value)) for time, key, value in loose)]
    rows.sort(key=lambda row: (row[0], step_key(row[1])))
    times, steps, values = zip(*rows, strict=True)
    return Columns(times, steps, values)


def _summary(row: Row) -> Summary:
    """SQLite keeps a NaN as NULL, and not every one has a root."""
    if None in row:
        row = tuple(math.nan if value is None else value for value in row)
    _, _, name, count, average, minimum, maximum, variance, last, time = row
    deviation = variance if variance != variance else math.sqrt(max(variance, 0.0))
    return Summary(name, count, average, minimum, maximum, deviation, last, time)
