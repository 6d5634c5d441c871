"""Runs training jobs: what each effect of `domain.training` does in the world.

    prepare    the image's environment (and the source's requirements.txt on top), progress into log and status
    admit      waits for CPUs, memory and GPUs
    download   channels and source into the job's folder
    run        the program, its log followed, until it has ended
    stop       asks it to end; the engine keeps the grace period
    deadline   MaxRuntimeInSeconds is over
    upload     model.tar.gz and output.tar.gz
    clean      the folder goes

Every handler may run again after a crash, and finds its own work done.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from clary.api.context import Ports
from clary.domain import training
from clary.engines.ports import Engine, EngineError, EngineState, Observation
from clary.images.ports import Environment, ImageError, Images
from clary.orchestrator import artifacts, capacity, channels, failure
from clary.orchestrator.container import Workplace
from clary.orchestrator.follower import Follower, MetricPatterns
from clary.orchestrator.layout import LOG_GROUP, JobFiles, stream_name
from clary.orchestrator.reconciler import Tell
from clary.orchestrator.slots import Slots
from clary.storage.ports import Exists, LogLine, Missing, Resource, Transaction

log = logging.getLogger(__name__)

Derive = Callable[[Transaction, Resource, float], None]
"""Brings up to date what derives from a job's row (its trial component), in the same transaction."""


class TrainingJobs:
    """The reconciler's `Machine` for kind TrainingJob."""

    status = "TrainingJobStatus"
    step = staticmethod(training.step)

    def __init__(
        self, ports: Ports, engine: Engine, images: Images, workplace: Workplace, slots: Slots, derive: Derive
    ) -> None:
        self._ports, self._engine, self._images = ports, engine, images
        self._workplace, self._slots, self._derive = workplace, slots, derive

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[training.Event | None]]]:
        return {
            "wake": self.wake,
            "prepare": self.prepare,
            "admit": self.admit,
            "download": self.download,
            "run": self.run,
            "stop": self.stop,
            "deadline": self.deadline,
            "upload": self.upload,
            "clean": self.clean,
        }

    def failed(self, error: Exception) -> training.EffectFailed:
        if isinstance(error, ImageError | channels.DownloadError | EngineError | CapacityError):
            return training.EffectFailed(str(error))
        if failure.is_disk_full(error):
            home = self._ports.settings.home
            return training.EffectFailed(
                f"ClientError: no space left on the disk that holds {home}. Free some space, then start the job again."
            )
        return training.EffectFailed(f"InternalServerError: {type(error).__name__}: {error}")

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        self._derive(tx, after, after.modified)

    def committed(self, after: Resource) -> None:
        if training.phase(after) not in training.HOLDS_SLOTS:
            self._slots.release(after.arn)
        self._ports.changes.publish(after.arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        if training.phase(resource) in training.HOLDS_SLOTS:
            self._slots.hold(resource.arn, capacity.needed(resource))

    async def wake(self, job: Resource, tell: Tell) -> training.Event:
        return training.Woken()

    async def prepare(self, job: Resource, tell: Tell) -> training.Event:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._open_log, job)

        def progress(line: str) -> None:
            self._say(job, line)
            message = f"Preparing the environment: {line}"
            asyncio.run_coroutine_threadsafe(tell(training.Progress(message)), loop).result()

        await asyncio.to_thread(self._environment, job, progress)
        return training.Prepared()

    async def admit(self, job: Resource, tell: Tell) -> training.Event:
        lacking = capacity.shortfall(job, self._slots.total)
        if lacking and self._ports.settings.refuse_larger_instances:
            raise CapacityError(
                f"CapacityError: {lacking.split(', and the job')[0]} (refuse_larger_instances is set)."
            )
        if lacking:
            await asyncio.to_thread(self._say, job, lacking)
        await self._slots.acquire(job.arn, capacity.needed(job))
        return training.Admitted((lacking,) if lacking else ())

    async def download(self, job: Resource, tell: Tell) -> training.Event:
        files = self._files(job)

        def fetch() -> None:
            files.make(job)
            channels.download(job, files, self._ports.objects)

        await asyncio.to_thread(fetch)
        return training.Downloaded()

    async def run(self, job: Resource, tell: Tell) -> training.Event:
        files = self._files(job)
        environment = await asyncio.to_thread(self._environment, job, lambda line: None)
        spec = await asyncio.to_thread(self._workplace.container, job, files, environment)
        state: EngineState = job.state["Clary"].get("engine", {})
        async for learned in self._engine.launch(spec):
            if learned != state:
                state = learned
                await tell(training.Launched(state))
        ended = asyncio.Event()
        follower = self._follower(job, state)
        async with asyncio.TaskGroup() as group:
            group.create_task(follower.follow(ended))
            observation = await self._engine.wait(state)
            ended.set()
        return await asyncio.to_thread(self._exited, job, files, observation)

    async def stop(self, job: Resource, tell: Tell) -> None:
        # Launching comes before the state that tells where the program is: wait for either.
        state = job.state["Clary"].get("engine")
        with self._ports.changes.watch(job.arn) as watch:
            while state is None:
                current = await asyncio.to_thread(self._find, job.arn)
                if current is None or training.phase(current) != "run":
                    return
                state = current.state["Clary"].get("engine")
                if state is None:
                    await watch.wait(1.0)
        await self._engine.signal(state, "SIGTERM")

    async def deadline(self, job: Resource, tell: Tell) -> training.Event:
        return training.Expired()

    async def upload(self, job: Resource, tell: Tell) -> training.Event:
        keep_model = job.state["Clary"]["outcome"] != "Failed"
        uri = await asyncio.to_thread(
            artifacts.upload, job, self._files(job), self._ports.objects, model=keep_model
        )
        return training.Uploaded(uri)

    async def clean(self, job: Resource, tell: Tell) -> None:
        state = job.state["Clary"].get("engine")
        if state is not None:
            await self._engine.signal(state, "SIGKILL")
            await self._engine.wait(state)
            await self._engine.clean(state)
        await asyncio.to_thread(shutil.rmtree, self._files(job).root, ignore_errors=True)

    def _files(self, job: Resource) -> JobFiles:
        return JobFiles.of(self._ports.settings.home, job)

    def _find(self, arn: str) -> Resource | None:
        with self._ports.store.read() as tx:
            return tx.resources.find(arn)

    def _environment(self, job: Resource, progress: Callable[[str], None]) -> Environment:
        spec = self._images.resolve(job.spec["AlgorithmSpecification"].get("TrainingImage", ""))
        for note in spec.notes:
            progress(note)
        wanted = channels.requirements(job, self._ports.objects)
        if wanted.strip():
            spec = self._images.derive(spec, wanted)
        return self._images.ready(spec) or self._images.build(spec, progress)

    def _follower(self, job: Resource, state: EngineState) -> Follower:
        return Follower(
            self._ports.store, self._engine.log_path(state), LOG_GROUP, stream_name(job),
            job.state["Clary"]["component"],
            MetricPatterns(job.spec["AlgorithmSpecification"].get("MetricDefinitions", ())), time.time,
        )  # fmt: skip

    def _open_log(self, job: Resource) -> None:
        with suppress(Exists), self._ports.store.begin() as tx:
            tx.logs.create_stream(LOG_GROUP, stream_name(job), time.time())

    def _say(self, job: Resource, text: str) -> None:
        """A line of Clary's own in the job's log."""
        now = time.time()
        with suppress(Missing), self._ports.store.begin() as tx:
            tx.logs.append(LOG_GROUP, stream_name(job), [LogLine(now, now, f"[clary] {text}")])

    def _exited(self, job: Resource, files: JobFiles, observation: Observation) -> training.Exited:
        ended = observation.ended or time.time()
        metrics = self._metrics(job)
        if observation.status == "exited" and observation.code == 0:
            return training.Exited(True, ended, metrics=metrics)
        words = ""
        if files.failure.is_file():
            with files.failure.open(encoding="utf-8", errors="replace") as file:
                words = file.read(training.REASON_LIMIT)
        with self._ports.store.read() as tx:
            lines = tx.logs.lines(LOG_GROUP, [stream_name(job)], limit=failure.TAIL, newest=True)
        tail = [line.text for _, line in lines if not line.text.startswith("[clary] ")]
        return training.Exited(False, ended, failure.explain(observation, words, tail), metrics)

    def _metrics(self, job: Resource) -> tuple[dict[str, object], ...]:
        with self._ports.store.read() as tx:
            return final_metrics(tx, job)


def final_metrics(tx: Transaction, job: Resource) -> tuple[dict[str, object], ...]:
    """FinalMetricDataList as it stands now: the last value of each metric found in the log."""
    component = job.state["Clary"]["component"]
    return tuple(
        {"MetricName": summary.name, "Value": summary.last, "Timestamp": summary.time}
        for summary in tx.metrics.summaries([component]).get(component, ())
    )


class CapacityError(Exception):
    """The machine is smaller than the instance type, and the settings say not to run then."""
