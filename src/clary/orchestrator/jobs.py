"""Runs jobs: what each effect of `domain.jobs` does in the world, for every kind of job.

    prepare    the image's environment (and the source's requirements.txt on top), progress into log and status
    admit      waits for CPUs, memory and GPUs
    download   inputs into the hosts' folders
    run        the hosts' programs, their logs followed, until all have ended
    stop       asks them to end; the engine keeps the grace period
    deadline, wait, pending, interrupt    a limit is over; spot capacity is taken away
    upload     what they made
    reset      takes away a try's processes and files, so that the job can start over
    clean      the same at the end

Every handler may run again after a crash, and finds its own work done. A kind of job says what it runs and
what it moves (`TrainingJobs`, `ProcessingJobs`).
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from clary.api.context import Ports
from clary.domain import jobs
from clary.domain.cluster import Host, hosts
from clary.domain.job_events import (
    Admitted,
    Downloaded,
    EffectFailed,
    Event,
    Expired,
    Interrupted,
    Launched,
    Prepared,
    Progress,
    Reset,
    Uploaded,
    Woken,
)
from clary.domain.machine import Step
from clary.engines.ports import ContainerSpec, Engine, EngineError, EngineState
from clary.images.ports import Environment, EnvironmentSpec, ImageError, Images
from clary.orchestrator import capacity, failure
from clary.orchestrator.builds import specification
from clary.orchestrator.cluster_run import ClusterRun
from clary.orchestrator.container import Program, Workplace, isolated
from clary.orchestrator.follower import MetricPatterns
from clary.orchestrator.keeper import Keeper
from clary.orchestrator.layout import JobFiles, stream_name
from clary.orchestrator.reconciler import Tell
from clary.orchestrator.slots import Slots
from clary.orchestrator.sources import DownloadError
from clary.storage.objects import NoSuchBucket
from clary.storage.ports import Exists, LogLine, Missing, Resource, Transaction

log = logging.getLogger(__name__)

Derive = Callable[[Transaction, Resource, float], None]
"""Brings up to date what derives from a job's row (its trial component), in the same transaction."""


class Jobs:
    """The reconciler's `Machine` for a kind of job."""

    life: jobs.Life
    log_group: str

    def __init__(
        self, ports: Ports, engine: Engine, images: Images, workplace: Workplace, slots: Slots, derive: Derive
    ) -> None:
        self.ports, self.engine, self.images = ports, engine, images
        self.workplace, self.slots, self._derive = workplace, slots, derive

    def image(self, job: Resource) -> str:
        raise NotImplementedError

    def requirements(self, job: Resource) -> str:
        """A requirements.txt of the job's own."""
        return ""

    def fetch(self, job: Resource, host: Host, files: JobFiles) -> None:
        """Make and fill the host's folders. Idempotent. Raises `DownloadError`."""
        raise NotImplementedError

    def program(self, job: Resource, host: Host, files: JobFiles, environment: Environment) -> Program:
        raise NotImplementedError

    def mirrors(self, job: Resource, hosts: Sequence[JobFiles]) -> Sequence[Keeper]:
        """What is to be kept in S3 while the programs run."""
        return []

    def patterns(self, job: Resource) -> MetricPatterns:
        return MetricPatterns(())

    def deliver(self, job: Resource, hosts: Sequence[JobFiles]) -> str | None:
        """Send what the programs made; the model's URI, where there is one. Idempotent."""
        raise NotImplementedError

    @property
    def status(self) -> str:
        return self.life.status

    def step(self, job: Resource, event: Event, now: float) -> Step:
        return jobs.step(self.life, job, event, now)

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[Event | None]]]:
        return {
            "wake": _always(Woken()),
            "prepare": self.prepare,
            "admit": self.admit,
            "download": self.download,
            "run": self.run,
            "stop": self.stop,
            "deadline": _always(Expired("MaxRuntimeExceeded")),
            "wait": _always(Expired("MaxWaitTimeExceeded")),
            "pending": _always(Expired("MaxPendingTimeExceeded")),
            "interrupt": _always(Interrupted()),
            "upload": self.upload,
            "reset": self.reset,
            "clean": self.clean,
        }

    def failed(self, error: Exception) -> EffectFailed:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, ImageError | DownloadError | EngineError | CapacityError):
            return EffectFailed(str(error))
        if isinstance(error, NoSuchBucket):
            return EffectFailed(f"ClientError: Data upload failed. {error}")
        if failure.is_disk_full(error):
            home = self.ports.settings.home
            return EffectFailed(
                f"ClientError: no space left on the disk that holds {home}. Free some space, then start the job again."
            )
        return EffectFailed(f"InternalServerError: {type(error).__name__}: {error}", platform=True)

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        self._derive(tx, after, after.modified)

    def committed(self, after: Resource) -> None:
        if jobs.phase(after) not in jobs.HOLDS_SLOTS:
            self.slots.release(after.arn)
        self.ports.changes.publish(after.arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        if jobs.phase(resource) in jobs.HOLDS_SLOTS:
            self.slots.hold(resource.arn, capacity.needed(resource))

    async def prepare(self, job: Resource, tell: Tell) -> Event:
        async def told(line: str) -> None:
            await asyncio.to_thread(self._say, job, line)
            await tell(Progress(f"Preparing the environment: {line}"))

        await asyncio.to_thread(self._open_logs, job)
        spec = await asyncio.to_thread(self.specification, job)
        for note in spec.notes:
            await told(note)
        await self.workplace.builds.environment(self.images, spec, told)
        return Prepared()

    async def admit(self, job: Resource, tell: Tell) -> Event:
        lacking = capacity.shortfall(job, self.slots.total)
        if lacking and self.ports.settings.refuse_larger_instances:
            raise CapacityError(
                f"CapacityError: {lacking.split(', and the job')[0]} (refuse_larger_instances is set)."
            )
        if lacking:
            await asyncio.to_thread(self._say, job, lacking)
        if len(hosts(job.spec)) > 1 and not self.engine.isolates:
            await asyncio.to_thread(self._say, job, "without a sandbox, the hosts' names do not resolve")
        if len(hosts(job.spec)) > 1 and isolated(job.spec):
            raise EngineError(
                "ClientError: with EnableNetworkIsolation the hosts of a job cannot reach each other here. "
                "Use one instance, or no isolation."
            )
        await self.slots.acquire(job.arn, capacity.needed(job))
        return Admitted((lacking,) if lacking else ())

    async def download(self, job: Resource, tell: Tell) -> Event:
        def fetch() -> None:
            for host in hosts(job.spec):
                self.fetch(job, host, self.files(job).at(host))

        await asyncio.get_running_loop().run_in_executor(self.workplace.movers, fetch)
        return Downloaded()

    async def run(self, job: Resource, tell: Tell) -> Event:
        spec = await asyncio.to_thread(self.specification, job)
        environment = await self.workplace.builds.environment(self.images, spec, _unheard)
        run = ClusterRun(
            self.ports, self.engine, job, self.log_group, self.files(job), self.patterns(job),
            self.workplace.usage,
        )  # fmt: skip

        async def launched(host: Host, state: EngineState) -> None:
            await tell(Launched(state, host.name))

        for host in hosts(job.spec):
            files = self.files(job).at(host)
            program = self.program(job, host, files, environment)
            container = self.workplace.container
            given = await asyncio.to_thread(container, job, host, files, environment, program)
            await self.start(run, job, host, given, launched)
        return await run.wait(self.mirrors(job, run.hosts))

    async def start(
        self, run: ClusterRun, job: Resource, host: Host, spec: ContainerSpec,
        learned: Callable[[Host, EngineState], Awaitable[None]],
    ) -> None:  # fmt: skip
        """Start a host's program. Raises `EngineError`."""
        await run.launch(host, spec, learned)

    async def stop(self, job: Resource, tell: Tell) -> None:
        """A host whose program is only being launched is waited for."""
        left = {host.name for host in hosts(job.spec)}
        with self.ports.changes.watch(job.arn) as watch:
            while True:
                current = await asyncio.to_thread(self._find, job.arn)
                if current is None or jobs.phase(current) != "run":
                    return
                for name, state in jobs.engines(current).items():
                    if name in left and (await self.engine.observe(state)).status != "lost":
                        await self.engine.signal(state, "SIGTERM")
                        left.discard(name)
                if not left:
                    return
                await watch.wait(0.5)

    async def upload(self, job: Resource, tell: Tell) -> Event:
        everyone = [self.files(job).at(host) for host in hosts(job.spec)]
        move = asyncio.get_running_loop().run_in_executor
        return Uploaded(await move(self.workplace.movers, self.deliver, job, everyone))

    async def reset(self, job: Resource, tell: Tell) -> Event:
        await self.clean(job, tell)
        return Reset()

    async def clean(self, job: Resource, tell: Tell) -> None:
        for state in jobs.engines(job).values():
            await self.engine.signal(state, "SIGKILL")
            await self.engine.wait(state)
            await self.engine.clean(state)
        await asyncio.to_thread(shutil.rmtree, self.files(job).root, ignore_errors=True)

    def files(self, job: Resource) -> JobFiles:
        return JobFiles.of(self.ports.settings.home, job)

    def _find(self, arn: str) -> Resource | None:
        with self.ports.store.read() as tx:
            return tx.resources.find(arn)

    def specification(self, job: Resource) -> EnvironmentSpec:
        """Of the environment that its programs run in. Raises `ImageError`."""
        return specification(self.images, self.image(job), self.requirements(job))

    def _open_logs(self, job: Resource) -> None:
        for host in hosts(job.spec):
            with suppress(Exists), self.ports.store.begin() as tx:
                tx.logs.create_stream(self.log_group, stream_name(job, host.name), time.time())

    def _say(self, job: Resource, text: str) -> None:
        """A line of Clary's own in the job's log."""
        now = time.time()
        with suppress(Missing), self.ports.store.begin() as tx:
            tx.logs.append(self.log_group, stream_name(job), [LogLine(now, now, f"[clary] {text}")])


class CapacityError(Exception):
    """The machine is smaller than the instance type, and the settings say not to run then."""


def _always(event: Event) -> Callable[[Resource, Tell], Awaitable[Event | None]]:
    async def handler(job: Resource, tell: Tell) -> Event:
        return event

    return handler


async def _unheard(line: str) -> None:
    """It has been told before."""
