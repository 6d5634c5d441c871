"""Log lines by group and stream. A line's id is its row's, which grows with arrival and is never used again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from clary.storage.ports import Conflict, Exists, LogLine, LogStream, Missing
from clary.storage.sql.schema import log_events as events
from clary.storage.sql.schema import log_streams as streams
from clary.storage.sql.search import after_prefix
from clary.storage.sql.session import Row, Session, Statement

_COLUMNS = (
    streams.c.name, streams.c.created, streams.c.first_time, streams.c.last_time, streams.c.last_ingested,
    streams.c.lines, streams.c.offset,
)  # fmt: skip
_group = streams.c.group == bindparam("group")
_stream = (_group, streams.c.name == bindparam("name"))
_find = Statement(select(streams.c.id, *_COLUMNS).where(*_stream))
_create = Statement(
    insert(streams).values(
        group=bindparam("group"), name=bindparam("name"), created=bindparam("created"), lines=0, offset=0
    )
)
_add = Statement(
    insert(events).values(
        stream=bindparam("stream"),
        time=bindparam("time"),
        ingested=bindparam("ingested"),
        text=bindparam("text"),
    )
)
_advance = Statement(
    update(streams)
    .where(streams.c.id == bindparam("id_"))
    .values(
        first_time=bindparam("first"), last_time=bindparam("last"), last_ingested=bindparam("ingested"),
        lines=streams.c.lines + bindparam("more"), offset=bindparam("offset"),
    )
)  # fmt: skip
_of_group = Statement(
    select(*_COLUMNS)
    .where(
        _group,
        streams.c.name > bindparam("after"),
        streams.c.name >= bindparam("prefix"),
        streams.c.name < bindparam("end"),
    )
    .order_by(streams.c.name)
    .limit(bindparam("limit"))
)
_next_group = Statement(
    select(func.min(streams.c.group)).where(
        streams.c.group > bindparam("after"),
        streams.c.group >= bindparam("prefix"),
        streams.c.group < bindparam("end"),
    )
)
_drop_lines = Statement(delete(events).where(events.c.stream == bindparam("id")))
_drop_stream = Statement(delete(streams).where(streams.c.id == bindparam("id")))


@cache
def _lines(names: int | None, bounds: tuple[str, ...], newest: bool) -> Statement:
    conditions: dict[str, Any] = {
        "start": events.c.time >= bindparam("start"),
        "end": events.c.time < bindparam("end"),
        "after": events.c.id > bindparam("after"),
        "before": events.c.id < bindparam("before"),
    }
    wanted = select(streams.c.id).where(_group)
    if names is not None:
        wanted = wanted.where(streams.c.name.in_([bindparam(f"name{index}") for index in range(names)]))
    among = events.c.stream == wanted.scalar_subquery() if names == 1 else events.c.stream.in_(wanted)
    return Statement(
        select(streams.c.name, events.c.time, events.c.ingested, events.c.text, events.c.id)
        .join(streams, streams.c.id == events.c.stream)
        .where(among, *(conditions[bound] for bound in bounds))
        .order_by(events.c.id.desc() if newest else events.c.id)
        .limit(bindparam("limit"))
    )


class SqlLogs:
    def __init__(self, session: Session) -> None:
        self._session = session

    def create_stream(self, group: str, stream: str, now: float) -> None:
        if self._session.one(_find, group=group, name=stream) is not None:
            raise Exists(f"{group} {stream}")
        self._session.run(_create, group=group, name=stream, created=now)

    def append(
        self, group: str, stream: str, lines: Sequence[LogLine], *, offset: tuple[int, int] | None = None
    ) -> None:
        row = self._row(group, stream)
        at = LogStream(*row[1:])
        old, new = offset if offset is not None else (at.offset, at.offset)
        if at.offset != old:
            raise Conflict(f"{group} {stream} was read up to {at.offset}, not {old}")
        self._session.many(
            _add.compiled[0], [(row[0], line.time, line.ingested, line.text) for line in lines]
        )
        times = [line.time for line in lines]
        self._session.run(
            _advance, id_=row[0], more=len(lines), offset=new,
            first=min([*times, *_given(at.first_time)], default=None),
            last=max([*times, *_given(at.last_time)], default=None),
            ingested=max([*(line.ingested for line in lines), *_given(at.last_ingested)], default=None),
        )  # fmt: skip

    def _row(self, group: str, stream: str) -> Row:
        row = self._session.one(_find, group=group, name=stream)
        if row is None:
            raise Missing(f"{group} {stream}")
        return row

    def stream(self, group: str, stream: str) -> LogStream:
        return LogStream(*self._row(group, stream)[1:])

    def streams(
        self, group: str, prefix: str = "", *, after: str | None = None, limit: int = 50
    ) -> Sequence[LogStream]:
        rows = self._session.all(
            _of_group, group=group, prefix=prefix, end=after_prefix(prefix), after=after or "", limit=limit
        )
        return [LogStream(*row) for row in rows]

    def groups(self, prefix: str = "", *, after: str | None = None, limit: int = 50) -> Sequence[str]:
        found: list[str] = []
        at = after or ""
        while len(found) < limit:
            row = self._session.one(_next_group, after=at, prefix=prefix, end=after_prefix(prefix))
            if row is None or row[0] is None:
                break
            at = row[0]
            found.append(at)
        return found

    def lines(
        self,
        group: str,
        streams: Iterable[str] | None = None,
        *,
        start: float | None = None,
        end: float | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int = 10_000,
        newest: bool = False,
    ) -> Sequence[tuple[str, LogLine]]:
        bounds = {"start": start, "end": end, "after": after, "before": before}
        given = {name: value for name, value in bounds.items() if value is not None}
        wanted = None if streams is None else sorted(set(streams))
        if wanted == []:
            return []
        names = {f"name{index}": name for index, name in enumerate(wanted or ())}
        statement = _lines(None if wanted is None else len(wanted), tuple(given), newest)
        rows = self._session.all(statement, group=group, limit=limit, **names, **given)
        if newest:
            rows.reverse()
        return [(row[0], LogLine(row[1], row[2], row[3], row[4])) for row in rows]

    def delete_stream(self, group: str, stream: str) -> None:
        id = self._row(group, stream)[0]
        self._session.run(_drop_lines, id=id)
        self._session.run(_drop_stream, id=id)


def _given(value: float | None) -> list[float]:
    return [] if value is None else [value]
