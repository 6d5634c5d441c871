"""What running jobs use of this machine, as CloudWatch metrics by host: CPUUtilization (100 a core, as on AWS),
MemoryUtilization and DiskUtilization in percent.

- One look at /proc for all jobs, every `PERIOD` seconds while any runs: a few milliseconds. A job that is
  shorter leaves nothing and costs nothing.
- A program is its supervisor's descendants. The time of those that have ended is counted by their parents.
- The folder's size is asked less often: it costs a `stat` a file.
- GPUUtilization and GPUMemoryUtilization (100 a GPU) are there where `nvidia-smi` is, of programs that use one.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clary.orchestrator.gpus import Gpus, look
from clary.orchestrator.proc import MEMORY, Processes
from clary.storage import metric_streams
from clary.storage.ports import Point, Resource, Store

log = logging.getLogger(__name__)

PERIOD = 5.0
DISK_PERIOD = 60.0


@dataclass
class Watched:
    job: Resource
    host: str
    namespace: str
    pid: int
    """The supervisor's."""
    folder: Path
    started: float
    """Epoch seconds."""
    dimensions: Mapping[str, str] | None = None
    """None: the job's host."""
    period: float = 0.0
    """Seconds between looks, where that is longer than `PERIOD`."""
    seconds: float = 0.0
    """CPU time at the last look."""
    looked: float = field(init=False)
    """By the wall clock, because the start is."""
    disk_looked: float = -math.inf
    kept: float = -math.inf
    """When it was looked at last."""

    def __post_init__(self) -> None:
        self.looked = self.started


class Usage:
    """One for all jobs of a server."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[int, Watched] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def of(self, watched: Watched) -> AsyncIterator[None]:
        """Measure it for as long as the block lasts."""
        key = id(watched)
        self._runs[key] = watched
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._measure(), name="usage")
        try:
            yield
        finally:
            del self._runs[key]
            if not self._runs:
                self._task.cancel()
                self._task = None

    async def _measure(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await asyncio.to_thread(self.sample, list(self._runs.values()))
            except Exception:
                log.exception("the jobs' usage was not measured")

    def sample(self, runs: list[Watched]) -> None:
        """Look once, and keep what was found."""
        now = time.time()
        runs = [run for run in runs if now - run.kept >= run.period]
        if not runs:
            return
        processes, gpus = Processes(), look()
        found = [(run, points) for run in runs if (points := measure(run, processes, gpus, now))]
        if found:
            with self._store.begin() as tx:
                for run, points in found:
                    run.kept = now
                    dimensions = run.dimensions or {"Host": f"{run.job.name}/{run.host}"}
                    kept = [Point(name, value, now) for name, value in points.items()]
                    metric_streams.put(tx, run.job, run.namespace, dimensions, kept, now)


def measure(run: Watched, processes: Processes, gpus: Gpus, now: float) -> dict[str, float]:
    """Percentages by metric; CPU since the last look, or since the start."""
    seconds, memory = processes.used(run.pid)
    points = {"MemoryUtilization": 100.0 * memory / MEMORY, **gpus.of(frozenset(processes.below(run.pid)))}
    if now > run.looked:
        # The time of a process that was killed with its parent is nobody's: the sum may fall.
        points["CPUUtilization"] = max(0.0, 100.0 * (seconds - run.seconds) / (now - run.looked))
    run.seconds, run.looked = seconds, now
    if now - run.disk_looked >= DISK_PERIOD and run.folder.is_dir():
        points["DiskUtilization"] = 100.0 * size(run.folder) / shutil.disk_usage(run.folder).total
        run.disk_looked = now
    return points


def size(folder: Path) -> int:
    """Bytes that its files take, each counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                stat = os.lstat(os.path.join(root, name))  # noqa: PTH118
            except FileNotFoundError:
                continue
            if (stat.st_dev, stat.st_ino) not in seen:
                seen.add((stat.st_dev, stat.st_ino))
                total += stat.st_blocks * 512
    return total
