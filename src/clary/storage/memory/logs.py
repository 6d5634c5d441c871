"""Log lines by group and stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from clary.storage.memory.state import Area
from clary.storage.ports import Conflict, Exists, LogLine, LogStream, Missing


class MemoryLogs(Area):
    def create_stream(self, group: str, stream: str, now: float) -> None:
        if (group, stream) in self._draft.streams:
            raise Exists(f"{group} {stream}")
        self._draft.streams[group, stream] = LogStream(stream, now)

    def append(
        self, group: str, stream: str, lines: Sequence[LogLine], *, offset: tuple[int, int] | None = None
    ) -> None:
        at = self.stream(group, stream)
        old, new = offset if offset is not None else (at.offset, at.offset)
        if at.offset != old:
            raise Conflict(f"{group} {stream} was read up to {at.offset}, not {old}")
        for line in lines:
            id = self._next_id()
            self._draft.lines[id] = group, stream, replace(line, id=id)
        times = [time for time in (at.first_time, at.last_time) if time is not None]
        times += [line.time for line in lines]
        ingested = [] if at.last_ingested is None else [at.last_ingested]
        ingested += [line.ingested for line in lines]
        self._draft.streams[group, stream] = replace(
            at,
            first_time=min(times, default=None),
            last_time=max(times, default=None),
            last_ingested=max(ingested, default=None),
            lines=at.lines + len(lines),
            offset=new,
        )

    def stream(self, group: str, stream: str) -> LogStream:
        found = self._state.streams.get((group, stream))
        if found is None:
            raise Missing(f"{group} {stream}")
        return found

    def streams(
        self, group: str, prefix: str = "", *, after: str | None = None, limit: int = 50
    ) -> Sequence[LogStream]:
        names = [
            name
            for of, name in self._state.streams
            if of == group and name.startswith(prefix) and (after is None or name > after)
        ]
        return [self._state.streams[group, name] for name in sorted(names)[:limit]]

    def groups(self, prefix: str = "", *, after: str | None = None, limit: int = 50) -> Sequence[str]:
        names = {group for group, _ in self._state.streams if group.startswith(prefix)}
        return sorted(name for name in names if after is None or name > after)[:limit]

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
        wanted = None if streams is None else set(streams)
        found = [
            (stream, line)
            for id, (of, stream, line) in sorted(self._state.lines.items())
            if of == group
            and (wanted is None or stream in wanted)
            and (start is None or line.time >= start)
            and (end is None or line.time < end)
            and (after is None or id > after)
            and (before is None or id < before)
        ]
        return found[max(0, len(found) - limit) :] if newest else found[:limit]

    def delete_stream(self, group: str, stream: str) -> None:
        self.stream(group, stream)
        draft = self._draft
        del draft.streams[group, stream]
        draft.lines = {id: line for id, line in draft.lines.items() if line[:2] != (group, stream)}
