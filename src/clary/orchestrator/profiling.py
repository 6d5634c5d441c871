"""Records a job's system metrics while its programs run, in AWS's layout:

    <S3OutputPath>/<job>/profiler-output/system/incremental/<YYYYMMDDHH>/<minute>.<host>.json

One JSON object a line; `minute` is the epoch time of a full minute, UTC. The minute under way is written every few
seconds, so that rules see it. What goes
wrong here is logged, and never the job's trouble.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from clary.domain.cluster import hosts as cluster_hosts
from clary.domain.profiling import interval, uri
from clary.orchestrator.capacity import of_host
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.slots import Room
from clary.orchestrator.sources import split
from clary.orchestrator.system_metrics import SystemMetrics
from clary.storage.objects import ObjectStore
from clary.storage.ports import Resource

log = logging.getLogger(__name__)

WRITE_SECONDS = 5.0


def recorders(
    job: Resource, hosts: Sequence[JobFiles], total: Room, find: Callable[[], Resource | None]
) -> list[Recorder]:
    """One, where metrics are asked for. `find`: the job as it is now; whoever disables the profiler ends it."""
    if interval(job.spec) is None:
        return []
    by_name = {host.name: host for host in cluster_hosts(job.spec)}
    metrics = [
        SystemMetrics(
            files.host, supervisor(files.run), max(1, of_host(by_name[files.host]).clipped(total).cpus)
        )
        for files in hosts
    ]
    return [Recorder(job, metrics, find)]


class Recorder:
    def __init__(
        self, job: Resource, metrics: Sequence[SystemMetrics], find: Callable[[], Resource | None]
    ) -> None:
        self._job, self._metrics, self._find = job, metrics, find
        self._minute = 0
        self._lines: dict[str, list[str]] = {}

    async def keep(self, objects: ObjectStore, ended: asyncio.Event) -> None:
        """Until `ended` is set."""
        try:
            await self._record(objects, ended)
        except Exception:
            log.exception("The metrics of %s are recorded no further", self._job.name)

    async def _record(self, objects: ObjectStore, ended: asyncio.Event) -> None:
        pause = interval(self._job.spec)
        written = due = time.monotonic()
        while pause is not None and not ended.is_set():
            await asyncio.to_thread(self._sample, objects)
            if time.monotonic() - written >= WRITE_SECONDS:
                written = time.monotonic()
                await asyncio.to_thread(self._write, objects)
                job = await asyncio.to_thread(self._find)
                pause = interval(job.spec) if job is not None else None
            due = max(due + (pause or 0.0), time.monotonic())
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), due - time.monotonic())
        await asyncio.to_thread(self._write, objects)

    def _sample(self, objects: ObjectStore) -> None:
        minute = int(time.time() // 60) * 60
        if minute != self._minute:
            self._write(objects)
            self._minute = minute
            self._lines = {metrics.node: [] for metrics in self._metrics}
        for metrics in self._metrics:
            self._lines[metrics.node] += [json.dumps(sample) for sample in metrics.sample()]

    def _write(self, objects: ObjectStore) -> None:
        bucket, prefix = split(uri(self._job.spec, self._job.name))
        hour = time.strftime("%Y%m%d%H", time.gmtime(self._minute))
        for node, lines in self._lines.items():
            if lines:
                key = f"{prefix}/system/incremental/{hour}/{self._minute}.{node}.json"
                objects.put_bytes(
                    bucket, key, ("\n".join(lines) + "\n").encode(), content_type="application/json"
                )


def supervisor(run: Path) -> Callable[[], int | None]:
    """The process engine's own, whose descendants are the program; other engines leave no such file."""

    def pid() -> int | None:
        try:
            return int(json.loads((run / "supervisor" / "started").read_bytes())["pid"])
        except (OSError, ValueError, KeyError):
            return None

    return pid
