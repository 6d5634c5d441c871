"""Points on their way into series: each kept once, in a block or loose (see `blocks`), and the summaries with them.

All that is written together is looked at series by series: its head tells where it ends, so that what comes after
is new without a look at a single point of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import itemgetter, lt
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from clary.domain.series import Moments, merge, moments, step_key
from clary.storage.ports import Point
from clary.storage.sql.blocks import Additions, Row, outside
from clary.storage.sql.names import Names
from clary.storage.sql.schema import metric_blocks as blocks
from clary.storage.sql.schema import metric_points as points
from clary.storage.sql.schema import metric_summaries as series
from clary.storage.sql.schema import resources
from clary.storage.sql.session import Session, Statement
from clary.storage.sql.statistics import bound_staleness

MOMENTS = (
    series.c.count,
    series.c.total,
    series.c.rest,
    series.c.squares,
    series.c.minimum,
    series.c.maximum,
)
PLACE = (series.c.arrival, series.c.stale, series.c.time, series.c.step, series.c.last)
_last_block = (
    select(blocks.c.id)
    .where(blocks.c.series == series.c.id)
    .order_by(blocks.c.time.desc(), blocks.c.step.desc())
    .limit(1)
    .correlate(series)
    .scalar_subquery()
)
_head = Statement(
    select(
        resources.c.id, series.c.id, *PLACE, blocks.c.id, func.length(blocks.c.data), *MOMENTS
    )
    .select_from(resources)
    .outerjoin(series, and_(series.c.resource == resources.c.id, series.c.name == bindparam("name")))
    .outerjoin(blocks, blocks.c.id == _last_block)
    .where(resources.c.arn == bindparam("arn"))
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
    .ordered_values(
        *((column, bindparam(column.name)) for column in (*PLACE, *MOMENTS)),
    )
)
"""Its parameters in order are `Head.changed`."""
_insert = Statement(
    upsert(points)
    .values({column.name: bindparam(column.name) for column in points.columns})
    .on_conflict_do_nothing()
)
_of_resource = select(series.c.id).where(series.c.resource == bindparam("resource"))
_drop = (
    Statement(delete(points).where(points.c.series.in_(_of_resource))),
    Statement(delete(blocks).where(blocks.c.series.in_(_of_resource))),
    Statement(delete(series).where(series.c.resource == bindparam("resource"))),
)

Batch = dict[tuple[str, str], list[Row]]
"""Points by ARN and metric name, in order of arrival."""
Heads = dict[tuple[str, str], "Head"]
"""What is known of series, likewise."""
_place = itemgetter(0, 1)
"""Of a point, what orders it: time and step."""


class Head(NamedTuple):
    resource: int
    id: int
    arrival: int
    stale: int
    time: float
    step: int
    """Time and step key of the point that is last."""
    last: float | None
    """Its value."""
    block: int | None
    """The last block, and the bytes in it."""
    filled: int | None
    size: int
    total: float | None
    rest: float | None
    squares: float | None
    minimum: float | None
    maximum: float | None

    @property
    def moments(self) -> Moments:
        return moments_of(self[-6:])

    @property
    def changed(self) -> Sequence[Any]:
        """What an append changes, and the id behind it."""
        return (*self[2:7], *self[9:], self.id)


def collect(batch: Batch, arn: str, new: Iterable[Point]) -> None:
    """Raises `ValueError` for a time that is not finite, before the batch is touched."""
    found: dict[str, list[Row]] = {}
    last, rows = None, list[Row]()
    for name, value, time, step in new:
        if not math.isfinite(time):
            raise ValueError(f"a point's time must be finite: {Point(name, value, time, step)}")
        if name != last:
            last, rows = name, found.setdefault(name, [])
        rows.append((float(time), step_key(step), float(value) if value == value else math.nan))
    for name, rows in found.items():
        batch.setdefault((arn, name), []).extend(rows)


def write(session: Session, names: Names, batch: Batch, heads: Heads | None = None) -> set[str]:
    """Keep a batch, with its summaries. The answer is the ARNs that no resource has. `heads`: those known to be as in
    the database are not read again; they are brought up to date."""
    known: Heads = {} if heads is None else heads
    missing: set[str] = set()
    additions = Additions()
    changed: list[Sequence[Any]] = []
    stale = 0
    for key, rows in batch.items():
        head = known.pop(key, None) or _head_of(session, *key)
        if head is None:
            missing.add(key[0])
            continue
        new, filled = _kept(session, additions, head, rows)
        if not new:
            continue
        after = _merged(head, new, len(rows), filled)
        changed.append(after.changed)
        stale += not head.stale
        if filled is not None:
            known[key] = after
    additions.write(session)
    session.many(_update.compiled[0], changed)
    if stale and bound_staleness(session, names, stale):
        known.clear()  # they are no longer stale
    return missing


def drop_series(session: Session, resource: int) -> None:
    for statement in _drop:
        session.run(statement, resource=resource)


def moments_of(row: Sequence[Any]) -> Moments:
    """Of columns MOMENTS. SQLite keeps a NaN as NULL."""
    if None in row:
        return Moments(row[0], *(math.nan if number is None else number for number in row[1:]))
    return Moments._make(row)


def _head_of(session: Session, arn: str, name: str) -> Head | None:
    """Of a series, which begins if it is new; None where there is no such resource."""
    row = session.one(_head, arn=arn, name=name)
    if row is None:
        return None
    if row[1] is not None:
        return Head._make(row)
    id = session.all(_begin, resource=row[0], name=name)[0][0]
    return Head(row[0], id, 0, 0, -math.inf, 0, None, None, None, 0, None, None, None, None, None)


def _kept(
    session: Session, additions: Additions, head: Head, rows: list[Row]
) -> tuple[list[Row], int | None]:
    """Those of the rows that are new, the last of them by time, step and arrival at the end; and the bytes that the
    last block holds then, where that is known."""
    places = list(map(_place, rows))
    if not all(map(lt, places, places[1:])):
        rows = sorted(dict.fromkeys(rows), key=_place)
    end = head.time, head.step
    if _place(rows[0]) > end:
        return rows, additions.add(head.id, head.block, head.filled or 0, rows)
    after = [row for row in rows if _place(row) > end]
    late = rows[: len(rows) - len(after)]
    if after:
        additions.add(head.id, head.block, head.filled or 0, after)
    return _loose(session, head, late) + after, None


def _loose(session: Session, head: Head, rows: Sequence[Row]) -> list[Row]:
    """Keep rows beside the blocks; those that are new."""
    return [
        (time, step, value)
        for number, (time, step, value) in enumerate(outside(session, head.id, rows))
        if session.changed(
            _insert,
            series=head.id,
            time=time,
            step=step,
            value=value if value == value else "NaN",
            arrival=head.arrival + number,
        )
    ]


def _merged(head: Head, new: Sequence[Row], arrived: int, filled: int | None) -> Head:
    """The head after `arrived` points, of which these are new."""
    found = moments([value for _, _, value in new])
    if head.size:
        found = merge(head.moments, found)
    time, step, last = new[-1]
    if (time, step) < (head.time, head.step):
        time, step, last = head.time, head.step, math.nan if head.last is None else head.last
    return Head(
        head.resource, head.id, head.arrival + arrived, 1, time, step, last, head.block, filled, *found
    )
