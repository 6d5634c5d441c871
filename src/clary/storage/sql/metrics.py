"""Metric points at full resolution, and the running summary of each series.

Points are clustered by (series, time, step, value): a curve is one range, and a repeated point meets the
key of the first. `arrival` counts within a series and settles the order of points with equal time and
step. A NaN is kept as the text `NaN` (SQLite has no other key for it) and read back by `float`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import lt
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from clary.domain.series import Moments, merge, moments, step_key, step_of
from clary.storage.ports import Curve, Missing, Point, Summary
from clary.storage.sql.many import by_keys, keys
from clary.storage.sql.names import Names
from clary.storage.sql.properties import locate
from clary.storage.sql.schema import metric_points as points
from clary.storage.sql.schema import metric_summaries as series
from clary.storage.sql.schema import resources
from clary.storage.sql.session import Row, Session, Statement
from clary.storage.sql.statistics import bound_staleness

_MOMENTS = (
    series.c.count,
    series.c.total,
    series.c.rest,
    series.c.squares,
    series.c.minimum,
    series.c.maximum,
)
_find = Statement(
    select(series.c.id, series.c.arrival, series.c.stale, series.c.time, series.c.step, series.c.last, *_MOMENTS)
    .where(series.c.resource == bindparam("resource"), series.c.name == bindparam("name"))
)  # fmt: skip
_begin = Statement(
    insert(series)
    .values(
        resource=bindparam("resource"), name=bindparam("name"), count=0, time=0.0, step=0, arrival=0, stale=0
    )
    .returning(series.c.id)
)
_update = Statement(
    update(series)
    .where(series.c.id == bindparam("id_"))
    .values(
        arrival=bindparam("arrival"), time=bindparam("time"), step=bindparam("step"), last=bindparam("last"),
        count=bindparam("count"), total=bindparam("total"), rest=bindparam("rest"), squares=bindparam("squares"),
        minimum=bindparam("minimum"), maximum=bindparam("maximum"), stale=bindparam("stale"),
    )
)  # fmt: skip
_insert = Statement(
    upsert(points)
    .values({column.name: bindparam(column.name) for column in points.columns})
    .on_conflict_do_nothing()
)
_point = Statement(
    select(points.c.arrival).where(
        points.c.series == bindparam("series"), points.c.time == bindparam("time"),
        points.c.step == bindparam("step"), points.c.value == bindparam("value"),
    )
)  # fmt: skip
_ids = Statement(by_keys(resources.c.arn, resources.c.id, resources.c.arn))
_of_resources = Statement(
    by_keys(series.c.resource, series.c.resource, series.c.name, series.c.time, series.c.last, *_MOMENTS)
    .where(series.c.count > 0)
    .order_by(series.c.id)
)
_series_id = Statement(
    select(series.c.id)
    .join(resources, resources.c.id == series.c.resource)
    .where(resources.c.arn == bindparam("arn"), series.c.name == bindparam("name"))
)
_range = (
    select(points.c.time, points.c.step, points.c.value)
    .where(
        points.c.series == bindparam("series"),
        points.c.time >= bindparam("start"),
        points.c.time < bindparam("end"),
    )
    .order_by(points.c.time, points.c.step)
)
_curve = Statement(_range)
_curve_with_ties = Statement(_range.order_by(points.c.arrival))
_drop_points = Statement(
    delete(points).where(
        points.c.series.in_(select(series.c.id).where(series.c.resource == bindparam("resource")))
    )
)
_drop_series = Statement(delete(series).where(series.c.resource == bindparam("resource")))

Batch = dict[tuple[int, str], list[tuple[float, int, float]]]
"""(time, step key, value) by resource id and metric name, in order of arrival."""


def collect(batch: Batch, resource: int, new: Iterable[Point]) -> None:
    """Raises `ValueError` for a time that is not finite, before the batch is touched."""
    found: Batch = {}
    for point in new:
        if not math.isfinite(point.time):
            raise ValueError(f"a point's time must be finite: {point}")
        key = resource, point.name
        row = float(point.time), step_key(point.step), float(point.value)
        if key in found:
            found[key].append(row)
        else:
            found[key] = [row]
    for key, rows in found.items():
        batch.setdefault(key, []).extend(rows)


def write(session: Session, names: Names, batch: Batch) -> None:
    """Keep a batch, with its summaries."""
    heads: list[tuple[Row, list[tuple[float, int, float]]]] = []
    inserted: list[tuple[Any, ...]] = []
    for (resource, name), rows in batch.items():
        if len(rows) > 1:
            rows = list(dict.fromkeys(rows))
        head = session.one(_find, resource=resource, name=name)
        if head is None:
            id = session.all(_begin, resource=resource, name=name)[0][0]
            head = (id, 0, 0, 0.0, 0, None, 0, None, None, None, None, None)
        heads.append((head, rows))
        id, arrival = head[0], head[1]
        inserted += [
            (id, time, step, value if value == value else "NaN", arrival + index)
            for index, (time, step, value) in enumerate(rows)
        ]
    whole = session.many(_insert.compiled[0], inserted) == len(inserted)
    changed, stale = [], 0
    for head, rows in heads:
        new = rows if whole else _new(session, head[0], head[1], rows)
        if new:
            changed.append(_merged(head, new, head[1] + len(rows)))
            stale += not head[2]
    session.many(_update.compiled[0], [[values[name] for name in _update.compiled[1]] for values in changed])
    if stale:
        bound_staleness(session, names, stale)


def _new(
    session: Session, id: int, arrival: int, rows: Sequence[tuple[float, int, float]]
) -> list[tuple[float, int, float]]:
    """Those that were not there before this batch: what stands in their place arrived with it."""
    return [
        (time, step, value)
        for index, (time, step, value) in enumerate(rows)
        if session.one(_point, series=id, time=time, step=step, value=value if value == value else "NaN")
        == (arrival + index,)
    ]


def _merged(head: Row, new: list[tuple[float, int, float]], arrival: int) -> dict[str, Any]:
    id, _, _, time, step, last, *before = head
    found = moments([row[2] for row in new])
    if before[0]:
        found = merge(_moments(before), found)
    latest = max(new, key=lambda row: (row[0], row[1])) if len(new) > 1 else new[0]
    if len(new) > 1:
        at = latest[:2]
        latest = next(row for row in reversed(new) if row[:2] == at)
    if before[0] == 0 or latest[:2] >= (time, step):
        time, step, last = latest
    return {
        "id_": id, "arrival": arrival, "time": time, "step": step, "last": last, "stale": 1,
        "count": found.size, "total": found.total, "rest": found.rest, "squares": found.squares,
        "minimum": found.minimum, "maximum": found.maximum,
    }  # fmt: skip


def _moments(row: Sequence[Any]) -> Moments:
    return Moments(row[0], *(math.nan if number is None else number for number in row[1:]))


def drop_series(session: Session, resource: int) -> None:
    session.run(_drop_points, resource=resource)
    session.run(_drop_series, resource=resource)


class SqlMetrics:
    def __init__(self, session: Session, names: Names) -> None:
        self._session, self._names = session, names

    def append(self, arn: str, points: Iterable[Point]) -> None:
        found = locate(self._session, arn)
        if found is None:
            raise Missing(arn)
        batch: Batch = {}
        collect(batch, found[0], points)
        if batch:
            write(self._session, self._names, batch)

    def summaries(self, arns: Iterable[str]) -> dict[str, list[Summary]]:
        by_id: dict[int, str] = dict(self._session.all(_ids, keys=keys(arns)))
        found: dict[str, list[Summary]] = {}
        for row in self._session.all(_of_resources, keys=keys(by_id)):
            found.setdefault(by_id[row[0]], []).append(_summary(row[1:]))
        return found

    def points(self, arn: str, name: str, *, start: float | None = None, end: float | None = None) -> Curve:
        found = self._session.one(_series_id, arn=arn, name=name)
        if found is None:
            return Curve(name, (), (), ())
        bounds = {"start": -math.inf if start is None else start, "end": math.inf if end is None else end}
        times, keys, values = self._columns(_curve, series=found[0], **bounds)
        if not _ascending(times, keys):
            times, keys, values = self._columns(_curve_with_ties, series=found[0], **bounds)
        if "NaN" in values:
            values = list(map(float, values))
        steps = [key - 1 if key > 0 else step_of(key) for key in keys]
        return Curve(name, times, steps, values)

    def _columns(self, statement: Statement, **values: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Flat, then every third: a third of the time that 100,000 rows cost as tuples."""
        flat = list(chain.from_iterable(self._session.run(statement, **values)))
        return flat[0::3], flat[1::3], flat[2::3]


def _ascending(times: Sequence[float], keys: Sequence[int]) -> bool:
    """Whether no two points are equal in time and step: arrival has nothing to settle then. Looked at by time
    alone first, which is a third of the work; but many clients send whole seconds."""
    if all(map(lt, times, times[1:])):
        return True
    places = list(zip(times, keys, strict=True))
    return all(map(lt, places, places[1:]))


def _summary(row: Row) -> Summary:
    found = _moments(row[3:]) if None in row else Moments._make(row[3:])
    return Summary(
        name=row[0], count=found.size, total=found.total + found.rest, minimum=found.minimum,
        maximum=found.maximum, deviation=found.deviation, last=math.nan if row[2] is None else row[2], time=row[1],
    )  # fmt: skip
