"""Points of a series side by side: a row holds up to 160 of them, 24 bytes each, as one value.

Points that come after all others of their series by time and step, as a training loop's do, go to the end of its
last block. A point that comes late, or at the time and step of another, is loose: a row of `metric_points`. So

- no two blocks of a series overlap: where a point would lie is in the last block that begins not after it;
- of points equal in time and step, the one in a block arrived first.

A curve is its blocks joined, with no work for each point (see docs/adr/0008-metric-blocks.md).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, NamedTuple

from sqlalchemy import LargeBinary, bindparam, cast, func, insert, select, tuple_, update

from clary.domain.series import step_key
from clary.storage.sql.schema import metric_blocks as blocks
from clary.storage.sql.session import Session, Statement

Row = tuple[float, int, float]
"""A point: time, step key, value. A NaN is `math.nan` itself, so that equal rows are equal."""

POINTS = 160
"""In a block: as many as one page of SQLite's holds."""
NO_STEP = -(2**63)
_POINT = Struct("=dqd")
"""Time, step (NO_STEP for none), value."""

_extend = Statement(
    update(blocks)
    .where(blocks.c.id == bindparam("block"))
    .values(data=cast(blocks.c.data.concat(bindparam("more")), LargeBinary))
)
_begin = Statement(
    insert(blocks).values({name: bindparam(name) for name in ("series", "time", "step", "data")})
)
_at = Statement(
    select(blocks.c.id, blocks.c.data)
    .where(
        blocks.c.series == bindparam("series"),
        tuple_(blocks.c.time, blocks.c.step) <= tuple_(bindparam("time"), bindparam("step_key")),
    )
    .order_by(blocks.c.time.desc(), blocks.c.step.desc())
    .limit(1)
)
_before = blocks.alias()
_first = (
    select(func.max(_before.c.time))
    .where(_before.c.series == bindparam("series"), _before.c.time < bindparam("start"))
    .scalar_subquery()
)
_between = Statement(
    select(blocks.c.data)
    .where(
        blocks.c.series == bindparam("series"),
        blocks.c.time >= func.coalesce(_first, bindparam("start")),
        blocks.c.time < bindparam("end"),
    )
    .order_by(blocks.c.time, blocks.c.step)
)


class Columns(NamedTuple):
    times: Sequence[float]
    steps: Sequence[int | None]
    values: Sequence[float]


class Additions:
    """Points for the ends of many series, written together."""

    def __init__(self) -> None:
        self._extended: list[tuple[bytes, int]] = []
        self._begun: list[tuple[int, float, int, bytes]] = []

    def add(self, series: int, last: int | None, filled: int, rows: Sequence[Row]) -> int | None:
        """Rows in order, all after what the series has. `last`: its last block, which holds `filled` bytes. The answer
        is how many it holds then; None where another block is the last."""
        at = 0
        if last is not None and (room := POINTS - filled // _POINT.size) > 0:
            at = min(room, len(rows))
            self._extended.append((_packed(rows[:at]), last))
        for start in range(at, len(rows), POINTS):
            some = rows[start : start + POINTS]
            time, key, _ = some[0]
            self._begun.append((series, time, key, _packed(some)))
        return filled + at * _POINT.size if at == len(rows) else None

    def write(self, session: Session) -> None:
        if self._extended:
            session.many(_extend.compiled[0], self._extended)
        if self._begun:
            session.many(_begin.compiled[0], self._begun)


def outside(session: Session, series: int, rows: Iterable[Row]) -> Iterator[Row]:
    """Those that lie in no block of the series."""
    known, held = None, frozenset[Row]()
    for row in rows:
        found = session.one(_at, series=series, time=row[0], step_key=row[1])
        if found is None:
            yield row
            continue
        if found[0] != known:
            known, held = found[0], frozenset(_rows(unpacked(found[1])))
        if row not in held:
            yield row


def between(session: Session, series: int, start: float, end: float) -> Columns:
    """The points with a time in [start, end)."""
    found: Iterable[tuple[bytes]] = session.run(_between, series=series, start=start, end=end)
    times, steps, values = unpacked(b"".join([data for (data,) in found]))
    part = slice(bisect_left(times, start), bisect_left(times, end))
    return Columns(times[part], steps[part], values[part])


def unpacked(data: bytes) -> Columns:
    reals, integers = array("d", data), array("q", data)
    steps: Any = integers[1::3]
    if NO_STEP in steps:
        steps = [None if step == NO_STEP else step for step in steps]
    return Columns(reals[0::3], steps, reals[2::3])


def _packed(rows: Iterable[Row]) -> bytes:
    return b"".join(
        [_POINT.pack(time, key - 1 if key > 0 else key or NO_STEP, value) for time, key, value in rows]
    )


def _rows(columns: Columns) -> Iterator[Row]:
    for time, step, value in zip(*columns, strict=True):
        yield time, step_key(step), value
