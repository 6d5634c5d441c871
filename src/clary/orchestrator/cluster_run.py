"""The programs of a job's hosts: launched, followed, and judged together.

All succeed, or the job has failed: a host that fails has the others asked to end, as a cluster that lost a
member makes no progress. Whoever calls `launch` again after a crash attaches to what runs.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from clary.api.context import Ports
from clary.domain.cluster import Host
from clary.domain.job_events import Exited
from clary.domain.jobs import REASON_LIMIT, inner
from clary.domain.machine import Document
from clary.engines.ports import ContainerSpec, Engine, EngineError, EngineState, Observation
from clary.orchestrator import failure
from clary.orchestrator.follower import Follower, MetricPatterns
from clary.orchestrator.keeper import Keeper
from clary.orchestrator.layout import JobFiles, stream_name
from clary.orchestrator.usage import Usage, Watched
from clary.storage.ports import Resource

NO_ROOM = 1 << 20
"""Bytes free below which a program that failed is taken to have failed for lack of them."""


class ClusterRun:
    def __init__(
        self, ports: Ports, engine: Engine, job: Resource, group: str, files: JobFiles,
        patterns: MetricPatterns, usage: Usage,
    ) -> None:  # fmt: skip
        """`group`: the log group, and the namespace of usage; `patterns`: of the metrics in the log."""
        self._ports, self._engine, self._job, self._group = ports, engine, job, group
        self._files, self._patterns, self._usage = files, patterns, usage
        self._states: dict[Host, EngineState] = {}

    @property
    def hosts(self) -> list[JobFiles]:
        return [self._files.at(host) for host in self._states]

    async def launch(
        self, host: Host, spec: ContainerSpec, learned: Callable[[Host, EngineState], Awaitable[None]]
    ) -> None:
        """`learned` keeps where it runs. Raises `EngineError`, and then nothing of the job runs."""
        known = inner(self._job).get("engines", {}).get(host.name, {})
        try:
            async for state in self._engine.launch(spec):
                if state != known:
                    known = state
                    await learned(host, state)
        except EngineError:
            await self._end("SIGKILL")
            raise
        self._states[host] = known

    async def adopt(
        self, host: Host, state: EngineState, learned: Callable[[Host, EngineState], Awaitable[None]]
    ) -> None:
        """What runs already, and is the host's from now on."""
        if state != inner(self._job).get("engines", {}).get(host.name):
            await learned(host, state)
        self._states[host] = state

    async def wait(self, mirrors: Sequence[Keeper]) -> Exited:
        """Until all have ended, and what they printed and mirrored is kept."""
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for mirror in mirrors:
                group.create_task(mirror.keep(self._ports.objects, ended))
            waiting = [group.create_task(self._host(host, state)) for host, state in self._states.items()]
            found = await asyncio.gather(*waiting)
            ended.set()
        return await asyncio.to_thread(self._judge, dict(zip(self._states, found, strict=True)))

    async def _host(self, host: Host, state: EngineState) -> Observation:
        ended = asyncio.Event()
        follower = Follower(
            self._ports.store, self._engine.log_path(state), self._group, stream_name(self._job, host.name),
            inner(self._job).get("component", ""), self._patterns, time.time,
        )  # fmt: skip
        async with self._measured(host, state), asyncio.TaskGroup() as group:
            group.create_task(follower.follow(ended))
            observation = await self._engine.wait(state)
            ended.set()
        if not succeeded(observation):
            await self._end("SIGTERM", but=host)
        return observation

    def _measured(self, host: Host, state: EngineState) -> AbstractAsyncContextManager[None]:
        """An engine that runs it on this machine says its process."""
        if "pid" not in state:
            return nullcontext()
        folder = self._files.at(host).ml
        started = state.get("started", time.time())
        return self._usage.of(Watched(self._job, host.name, self._group, state["pid"], folder, started))

    async def _end(self, signal: str, but: Host | None = None) -> None:
        for host, state in self._states.items():
            if host != but:
                await self._engine.signal(state, signal)

    def _judge(self, found: dict[Host, Observation]) -> Exited:
        ended = max((each.ended or time.time() for each in found.values()), default=time.time())
        metrics = self._metrics()
        files = {host: self._files.at(host) for host in found}
        message = next(filter(None, (read(file.made("output/message")) for file in files.values())), "")
        failed = {host: each for host, each in found.items() if not succeeded(each)}
        if not failed:
            return Exited(True, ended, metrics=metrics, message=message)
        # The first that failed by itself: the others were asked to end because of it.
        host = min(failed, key=lambda host: (failed[host].stopped, failed[host].ended or ended))
        with self._ports.store.read() as tx:
            lines = tx.logs.lines(
                self._group, [stream_name(self._job, host.name)], limit=failure.TAIL, newest=True
            )
        tail = [line.text for _, line in lines if not line.text.startswith("[clary] ")]
        words = read(files[host].made("output/failure"))
        disk_full = shutil.disk_usage(self._files.root).free < NO_ROOM
        reason = failure.explain(failed[host], words, tail, disk_full=disk_full)
        if len(found) > 1:
            reason = failure.fit(reason, f" (on {host.name} of {len(found)} hosts)")
        lost = any(each.status == "lost" for each in failed.values())
        return Exited(False, ended, reason, metrics, lost, message)

    def _metrics(self) -> tuple[Document, ...]:
        """FinalMetricDataList as it stands now: the last value of each metric found in the log."""
        component = inner(self._job).get("component", "")
        with self._ports.store.read() as tx:
            return tuple(
                {"MetricName": summary.name, "Value": summary.last, "Timestamp": summary.time}
                for summary in tx.metrics.summaries([component]).get(component, ())
            )


def succeeded(observation: Observation) -> bool:
    return observation.status == "exited" and observation.code == 0


def read(path: Path | None) -> str:
    """The beginning of a text that a program left, empty when it left none."""
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(REASON_LIMIT).strip()
    except OSError:
        return ""
