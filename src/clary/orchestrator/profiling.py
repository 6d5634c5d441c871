"""Records a job's system metrics while its programs run, in AWS's layout:

    <S3OutputPath>/<job>/profiler-output/system/incremental/<YYYYMMDDHH>/<minute>.<host>.json

One JSON object a line; `minute` is the epoch time of a full minute, UTC. The minute under way is written every
`WRITE_SECONDS`, more often where rules wait for it. UpdateTrainingJob turns recording on and off: a job that is not
recorded costs a watch on its row. What goes wrong here is logged, and never the job's trouble.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clary.api.changes import Changes, Watch
from clary.api.context import Ports
from clary.domain.cluster import hosts as cluster_hosts
from clary.domain.profiling import interval, uri
from clary.orchestrator.capacity import of_host
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.slots import Room
from clary.orchestrator.sources import split
from clary.orchestrator.system_metrics import SystemMetrics
from clary.storage.objects import NoSuchBucket, NoSuchKey, ObjectStore
from clary.storage.ports import Document, Resource

log = logging.getLogger(__name__)

WRITE_SECONDS, RULES_SECONDS = 20.0, 5.0
IDLE_SECONDS = 3600.0


def recorders(
    job: Resource, hosts: Sequence[JobFiles], total: Room, ports: Ports, find: Callable[[], Resource | None]
) -> list[Recorder]:
    """One. `find`: the job as it is now."""
    by_name = {host.name: host for host in cluster_hosts(job.spec)}
    metrics = [
        SystemMetrics(
            files.host, supervisor(files.run), max(1, of_host(by_name[files.host]).clipped(total).cpus)
        )
        for files in hosts
    ]
    return [Recorder(job, metrics, ports.changes, find)]


class Recorder:
    def __init__(
        self, job: Resource, metrics: Sequence[SystemMetrics], changes: Changes, find: Callable[[], Resource | None]
    ) -> None:  # fmt: skip
        self._job, self._metrics, self._changes, self._find = job, metrics, changes, find
        self._minute = 0
        self._lines: dict[str, list[str]] = {}

    async def keep(self, objects: ObjectStore, ended: asyncio.Event) -> None:
        """Until `ended` is set."""
        try:
            with self._changes.watch(self._job.arn) as watch:
                await self._record(objects, ended, watch)
        except NoSuchBucket:
            log.warning("The metrics of %s are not recorded: the bucket does not exist", self._job.name)
        except Exception:
            log.exception("The metrics of %s are recorded no further", self._job.name)

    async def _record(self, objects: ObjectStore, ended: asyncio.Event, watch: Watch) -> None:
        changed, due, written = True, time.monotonic(), time.monotonic()
        while not ended.is_set():
            if changed:
                await self._look_again(objects)
            pause = interval(self._job.spec)
            if pause is not None and time.monotonic() >= due:
                await asyncio.to_thread(self._sample, objects)
                if time.monotonic() - written >= writing(self._job.spec):
                    written = time.monotonic()
                    await asyncio.to_thread(self._write, objects)
                due = max(due + pause, time.monotonic())
            changed = await first(ended, watch, IDLE_SECONDS if pause is None else due - time.monotonic())
        await asyncio.to_thread(self._write, objects)

    async def _look_again(self, objects: ObjectStore) -> None:
        """At the job as it is now; what was sampled before somebody turned it off is kept."""
        job = await asyncio.to_thread(self._find)
        if job is None:
            return
        if interval(job.spec) is None:
            await asyncio.to_thread(self._write, objects)
            self._lines, self._minute = {}, 0
        self._job = job

    def _sample(self, objects: ObjectStore) -> None:
        minute = int(time.time() // 60) * 60
        if minute != self._minute:
            self._write(objects)
            begins = not self._minute
            self._minute = minute
            self._lines = {
                each.node: self._kept(objects, each.node) if begins else [] for each in self._metrics
            }
        for metrics in self._metrics:
            self._lines[metrics.node] += [json.dumps(sample) for sample in metrics.sample()]

    def _write(self, objects: ObjectStore) -> None:
        for node, lines in self._lines.items():
            if lines:
                text = "\n".join(lines) + "\n"
                objects.put_bytes(*self._place(node), text.encode(), content_type="application/json")

    def _kept(self, objects: ObjectStore, node: str) -> list[str]:
        """What a server that was stopped has written of this minute."""
        try:
            return objects.read_bytes(*self._place(node)).decode().splitlines()
        except (NoSuchBucket, NoSuchKey):
            return []

    def _place(self, node: str) -> tuple[str, str]:
        """Bucket and key."""
        bucket, prefix = split(uri(self._job.spec, self._job.name))
        hour = time.strftime("%Y%m%d%H", time.gmtime(self._minute))
        return bucket, f"{prefix}/system/incremental/{hour}/{self._minute}.{node}.json"


def writing(spec: Document) -> float:
    """Seconds between writes."""
    return RULES_SECONDS if spec.get("ProfilerRuleConfigurations") else WRITE_SECONDS


async def first(ended: asyncio.Event, watch: Watch, seconds: float) -> bool:
    """Wait for the end or a change, `seconds` at most; whether a change came."""
    ending = asyncio.create_task(ended.wait())
    changing = asyncio.create_task(watch.wait(max(0.0, seconds)))
    try:
        await asyncio.wait((ending, changing), return_when=asyncio.FIRST_COMPLETED)
        return changing.done() and changing.result()
    finally:
        ending.cancel()
        changing.cancel()


def supervisor(run: Path) -> Callable[[], int | None]:
    """The process engine's own, whose descendants are the program; other engines leave no such file."""

    def pid() -> int | None:
        try:
            return int(json.loads((run / "supervisor" / "started").read_bytes())["pid"])
        except (OSError, ValueError, KeyError):
            return None

    return pid
