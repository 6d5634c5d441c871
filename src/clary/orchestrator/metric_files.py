"""Takes in the metrics that a training program writes into files, as the agent on AWS's training hosts does: what
smexperiments' `Tracker.log_metric` and other writers of its format leave.

    $SAGEMAKER_METRICS_DIRECTORY/*.json     below /opt/ml/output/metrics/sagemaker
    {"MetricName": "acc", "Value": 0.9, "Timestamp": 1795458837.5, "IterationNumber": 3}

A JSON object a line; the time in epoch seconds, the iteration number may be left out. Points go to the job's trial
component. After a crash the files are read again from their beginnings: a point that is there already is the same
point (see `Metrics.append`).
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from clary.domain.jobs import inner
from clary.orchestrator.layout import JobFiles
from clary.storage.objects import ObjectStore
from clary.storage.ports import Missing, Point, Resource, Store

FOLDER = "output/metrics/sagemaker"
"""Below /opt/ml."""
CHUNK = 1 << 20
PAUSE = 0.25


class MetricFiles:
    """A `Keeper`."""

    def __init__(self, store: Store, job: Resource, hosts: Sequence[JobFiles]) -> None:
        self._store, self._component, self._hosts = store, inner(job).get("component", ""), hosts
        self._read: dict[Path, int] = {}
        """Bytes taken in, by file."""

    async def keep(self, objects: ObjectStore, ended: asyncio.Event) -> None:
        """Until `ended` is set, and all is taken in."""
        while True:
            last = ended.is_set()
            await asyncio.to_thread(self.take)
            if last:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), PAUSE)

    def take(self) -> int:
        """All whole lines that are new; how many points they had."""
        count = 0
        for path in self._files():
            while points := self._points(path):
                good = [point for point in points if point]
                try:
                    self._store.append_points(self._component, good)
                except Missing:  # its user has deleted the trial component
                    return count
                count += len(good)
        return count

    def _files(self) -> Iterator[Path]:
        for host in self._hosts:
            folder = host.made(FOLDER)
            if folder is not None and folder.is_dir():
                yield from sorted(folder.glob("*.json"))

    def _points(self, path: Path) -> list[Point | None]:
        """Of the next chunk's lines, None for one that cannot be read; none at the end."""
        try:
            # A program may put a link or a pipe there.
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return []
        try:
            if not S_ISREG(os.fstat(file).st_mode):
                return []
            start = self._read.get(path, 0)
            data = os.pread(file, CHUNK, start)
        finally:
            os.close(file)
        lines = data[: data.rfind(b"\n") + 1] or (data if len(data) == CHUNK else b"")
        self._read[path] = start + len(lines)
        return [point_of(line) for line in lines.splitlines()]


def point_of(line: bytes) -> Point | None:
    try:
        found = json.loads(line)
        name, value, time = found["MetricName"], float(found["Value"]), float(found["Timestamp"])
        step = found.get("IterationNumber")
    except (ValueError, KeyError, TypeError):
        return None
    right = isinstance(name, str) and 0 < len(name) <= 255 and (step is None or type(step) is int)
    return Point(name, value, time, step) if right and math.isfinite(value) and math.isfinite(time) else None
