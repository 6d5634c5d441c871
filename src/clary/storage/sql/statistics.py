"""The searchable statistics of metrics (`Metrics.loss.Min`, ...), written when a search asks for them.

A series' summary is right after every append; its seven properties, each in an index, would cost ten
times the points. So an append only marks the series stale, and a search over metrics brings the stale
ones up to date first. Their number is bounded: an append that makes too many brings them up itself.
"""

from __future__ import annotations

import math

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from clary.domain.properties import METRIC_STATISTICS, OUTSIDE, of_metric
from clary.domain.series import Moments
from clary.storage.sql.names import Names
from clary.storage.sql.schema import metric_summaries as series
from clary.storage.sql.schema import properties, resources
from clary.storage.sql.session import Session, Statement

STALE_LIMIT = 500

_any = Statement(select(series.c.id).where(series.c.stale == 1).limit(1))
_stale = Statement(
    select(
        series.c.resource, resources.c.scope, series.c.name, series.c.last, series.c.time, series.c.count,
        series.c.total, series.c.rest, series.c.squares, series.c.minimum, series.c.maximum,
    )
    .join(resources, resources.c.id == series.c.resource)
    .where(series.c.stale == 1)
)  # fmt: skip
_clear = Statement(update(series).where(series.c.stale == 1).values(stale=0))
_insert = insert(properties).values({column.name: bindparam(column.name) for column in properties.columns})
_write = Statement(
    _insert.on_conflict_do_update(
        index_elements=["resource", "name", "position"],
        set_={"number": _insert.excluded.number},
        where=properties.c.number != _insert.excluded.number,
    )
)
_remove = Statement(
    properties.delete().where(
        properties.c.resource == bindparam("resource"), properties.c.name == bindparam("name")
    )
)


def lagging(session: Session) -> bool:
    return session.one(_any) is not None


def bound_staleness(session: Session, names: Names, more: int) -> bool:
    """Count series that became stale; bring all up to date when they are too many, and say so."""
    names.stale += more
    over = names.stale > STALE_LIMIT
    if over:
        write_statistics(session, names)
    return over


def write_statistics(session: Session, names: Names) -> None:
    names.stale = 0
    written: list[tuple[int, int, int, int, float, str]] = []
    removed: list[tuple[int, int]] = []
    for resource, scope, name, *row in session.all(_stale):
        numbers = [math.nan if number is None else number for number in row]
        last, time, count, total, rest, squares, minimum, maximum = numbers
        found = Moments(int(count), total, rest, squares, minimum, maximum)
        statistics = of_metric(name, (last, minimum, maximum, found.mean, count, found.deviation, time))
        for statistic in METRIC_STATISTICS:
            path = f"Metrics.{name}.{statistic}"
            id = names.make_name(session, scope, path)
            if path in statistics:
                written.append((resource, id, 0, OUTSIDE, statistics[path][0].number, ""))
            else:
                removed.append((resource, id))
    session.many(_write.compiled[0], written)
    session.many(_remove.compiled[0], removed)
    session.run(_clear)
