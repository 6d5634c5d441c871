"""Follows a job's log: lines to the log store, metric matches to the metric store, each exactly once.

The source offset moves in the transaction that keeps its lines, so whoever follows after a crash goes on
at the first line that was not kept.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import regex

from clary.storage.ports import LogLine, Point, Store

CHUNK = 1 << 20
PAUSE = 0.1
MATCH_SECONDS = 0.5


class MetricPatterns:
    """A job's MetricDefinitions. Each takes its first match in a line; group 1 is the value."""

    def __init__(self, definitions: Iterable[dict[str, str]]) -> None:
        self._patterns = [(item["Name"], regex.compile(item["Regex"])) for item in definitions]

    def points(self, line: LogLine) -> list[Point]:
        found = []
        for name, pattern in self._patterns:
            try:
                match = pattern.search(line.text, timeout=MATCH_SECONDS)
            except TimeoutError:
                continue
            if match and match.groups() and match[1] is not None:
                try:
                    value = float(match[1])
                except ValueError:
                    continue
                if math.isfinite(value):
                    found.append(Point(name, value, line.time))
        return found


def parse(data: bytes, now: float) -> list[LogLine]:
    """Lines as the supervisor writes them: `<epoch milliseconds> <text>`."""
    lines = []
    for raw in data.split(b"\n")[:-1]:
        stamp, _, text = raw.partition(b" ")
        time = int(stamp) / 1000 if stamp.isdigit() else now
        lines.append(LogLine(time, now, text.decode("utf-8", "replace")))
    return lines


class Follower:
    def __init__(
        self, store: Store, path: Path, group: str, stream: str, component: str, patterns: MetricPatterns,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        """`component`: ARN of the trial component that gets the metrics."""
        self._store, self._path, self._group, self._stream = store, path, group, stream
        self._component, self._patterns, self._clock = component, patterns, clock
        self._offset: int | None = None

    async def follow(self, ended: asyncio.Event) -> None:
        """Until the log is drained after `ended` is set."""
        while True:
            last = ended.is_set()
            while self._grown():
                if not await asyncio.to_thread(self.drain):
                    break
            if last:
                return
            try:
                await asyncio.wait_for(ended.wait(), PAUSE)
            except TimeoutError:
                continue

    def _grown(self) -> bool:
        """Whether a look is worth a thread: most find nothing."""
        try:
            return self._offset is None or self._path.stat().st_size > self._offset
        except FileNotFoundError:
            return False

    def drain(self, chunk: int = CHUNK) -> int:
        """Keep the next chunk of whole lines; its bytes, 0 at the end."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return 0
        offset = self._kept()
        if size <= offset:
            return 0
        with self._path.open("rb") as file:
            file.seek(offset)
            data = file.read(chunk)
            if b"\n" not in data:
                data += file.readline()  # a line longer than a chunk
        data = data[: data.rfind(b"\n") + 1]
        if not data:
            return 0
        self._keep(parse(data, self._clock()), offset, offset + len(data))
        return len(data)

    def _kept(self) -> int:
        """How far the log is in the store already: asked once, for whoever followed before a crash."""
        if self._offset is None:
            with self._store.read() as tx:
                self._offset = tx.logs.stream(self._group, self._stream).offset
        return self._offset

    def _keep(self, lines: Sequence[LogLine], old: int, new: int) -> None:
        points = [point for line in lines for point in self._patterns.points(line)]
        with self._store.begin() as tx:
            tx.logs.append(self._group, self._stream, lines, offset=(old, new))
            if points and tx.resources.find(self._component) is not None:
                tx.metrics.append(self._component, points)
        self._offset = new
