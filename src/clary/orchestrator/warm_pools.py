"""Runs warm pools (`domain.warm_pool`): while a job with a KeepAlivePeriodInSeconds runs, the sandbox of the next one
is made ready, with an interpreter in it that has imported the frameworks of the job's source (`toolkit/warm.py`).

- The sandbox is a new one, for one job, which sees nothing of the job before: its /opt/ml is an empty folder that
  becomes the next job's, filled when that has come. What AWS carries from job to job is carried: `CACHE`.
- It is an ordinary run of the engine, so a killed server finds it again, and ends by itself when nobody comes.
- It holds no room: it ends when memory is short. One that ended is made again, `ATTEMPTS` times.
- Without a sandbox nothing is made ready: the pool is there, and the next job starts as any other.

What a job does with a pool is in `warm_start.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec.structs import replace

from clary.api.context import Ports
from clary.domain import warm_pool
from clary.domain.cluster import Host, hosts
from clary.domain.jobs import phase
from clary.domain.machine import Step
from clary.engines import TOOLKIT
from clary.engines.ports import ContainerSpec, Engine, EngineError, EngineState, Mount
from clary.images.ports import Environment, ImageError, Images
from clary.orchestrator import channels, checkpoints, debugging, proc
from clary.orchestrator.builds import specification
from clary.orchestrator.container import Program, Workplace
from clary.orchestrator.imported import frameworks
from clary.orchestrator.layout import TRAINING_FOLDERS, JobFiles
from clary.orchestrator.reconciler import Tell, advance
from clary.orchestrator.sources import DownloadError
from clary.storage.ports import Document, Effect, Resource, Transaction

log = logging.getLogger(__name__)

WARM = "/opt/clary/warm"
"""Where a warm interpreter looks for its order."""
CACHE = "sagemaker/warmpoolcache"
"""Below /opt/ml: what a pool's jobs hand on to each other, as on AWS."""
ATTEMPTS = 5
PAUSE = 5.0
"""Seconds between looks at memory and at what was made ready."""
FRESH = 3000.0
"""Seconds after which a sandbox is made anew."""
SHORT = 0.1
"""Share of the machine's memory; with less available, pools end."""
_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class WarmPools:
    """The reconciler's `Machine` for kind WarmPool."""

    status = warm_pool.STATUS

    def __init__(self, ports: Ports, engine: Engine, images: Images, workplace: Workplace) -> None:
        self.ports, self.engine, self.images, self.workplace = ports, engine, images, workplace
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held while a pool's sandboxes are started or taken away."""

    def step(self, pool: Resource, event: warm_pool.Event, now: float) -> Step:
        return warm_pool.step(pool, event, now)

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[Any]]]:
        return {"wake": look, "retire": look, "keep": self.keep, "clean": self.clean, "forget": self.forget}

    def failed(self, error: Exception) -> warm_pool.Ended:
        return warm_pool.Ended()

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        """The job's row shows it, and goes on to when the pool is gone."""
        job = tx.resources.find(after.spec["TrainingJobArn"])
        shown = warm_pool.shown(after, after.modified)
        if job is not None and job.state.get(warm_pool.SHOWN) != shown:
            tx.resources.update(replace(job, state={**job.state, warm_pool.SHOWN: shown}))

    def committed(self, after: Resource) -> None:
        self.ports.changes.publish(after.arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        """It holds no room."""

    def follow(self, tx: Transaction, before: Resource, job: Resource) -> None:
        """A training job's step, in its transaction."""
        at = phase(job)
        if not warm_pool.period(job.spec) or at == phase(before) or at not in ("run", "end"):
            return
        pool = tx.resources.find(warm_pool.pool_arn(job.arn, job.created))
        if pool is None:
            return
        if at == "end":
            fault = job.state.get("FailureReason", "").startswith("InternalServerError")
            ran = "TrainingStartTime" in job.state and not fault
            advance(tx, self, pool, warm_pool.Left(ran), job.modified)
        elif not tx.outbox.list(pool.arn):
            tx.outbox.put(Effect(pool.arn, pool.generation, "keep", due=job.modified))

    async def keep(self, pool: Resource, tell: Tell) -> warm_pool.Event | None:
        with self.ports.changes.watch(pool.arn) as watch:
            while True:
                current = await asyncio.to_thread(self._find, pool.arn)
                if current is None or current.status not in warm_pool.KEPT:
                    return None
                if (proc.available() or 1.0) < SHORT:
                    log.info("%s ends: memory is short", pool.name)
                    return warm_pool.Ended()
                if not current.state.get("Ready") or await self._ended(current):
                    # From here on nobody takes it.
                    made = current.state.get("Made", 0) + 1
                    await tell(warm_pool.Launching(current.state.get("Sandboxes", {}), made))
                    await asyncio.shield(self._make_ready(pool.arn, tell))
                    continue
                await watch.wait(PAUSE)

    async def _ended(self, pool: Resource) -> bool:
        states = [each["state"] for each in pool.state["Sandboxes"].values()]
        if any(old(state) for state in states):
            return True
        return any([(await self.engine.observe(state)).status != "running" for state in states])

    async def _make_ready(self, arn: str, tell: Tell) -> None:
        async with self._making[arn]:
            pool = await asyncio.to_thread(self._find, arn)
            if pool is None or pool.status not in warm_pool.KEPT or pool.state.get("Ready"):
                return
            made, sandboxes = pool.state["Made"], {}
            await self._end(pool)
            try:
                for host, spec in await asyncio.to_thread(self._specs, pool) if made <= ATTEMPTS else ():
                    async for state in self.engine.launch(spec):
                        sandboxes[host.name] = remembered(spec, state)
                        await tell(warm_pool.Launching(dict(sandboxes), made))
            except (EngineError, ImageError, DownloadError, OSError) as error:
                log.warning("Nothing is made ready for %s: %s", pool.name, error)
                sandboxes = {}
            await tell(warm_pool.Launching(sandboxes, made, ready=True))

    def _specs(self, pool: Resource) -> list[tuple[Host, ContainerSpec]]:
        """What is to be started, its folders made; nothing where a program would see all of them anyway."""
        job = self._find(pool.spec["TrainingJobArn"])
        environment = self._environment(job) if job is not None and self.engine.isolates else None
        if job is None or environment is None:
            return []
        modules = frameworks(job, self.ports.objects)
        root = self.files(pool)
        return [
            (host, self._spec(pool, job, host, root.at(host), environment, modules))
            for host in hosts(job.spec)
        ]

    def _spec(
        self, pool: Resource, job: Resource, host: Host, files: JobFiles, environment: Environment,
        modules: list[str],
    ) -> ContainerSpec:  # fmt: skip
        files.make((*TRAINING_FOLDERS, CACHE), debugging.documents(job))
        files.warm.mkdir(exist_ok=True)
        if not (files.warm / "wake").exists():
            os.mkfifo(files.warm / "wake", 0o600)
        argv = (str(environment.python), "-u", f"{TOOLKIT}/warm.py", WARM, *modules)
        mounts = [Mount(files.warm, WARM), *checkpoints.mounts(job, files), *debugging.mounts(job, files)]
        program = Program(argv, {}, mounts, debugging.pythonpath(job))
        known = {k: v for k, v in self.workplace.credentials(job).items() if k not in _SECRET}
        env = {**known, **job.spec.get("Environment", {})}
        key = f"{pool.arn}#{pool.state['Made']}"
        return self.workplace.sandbox(key, job, host, files, environment, program, env)

    def _environment(self, job: Resource) -> Environment | None:
        """The job's own, which is built as it runs."""
        image = str(job.spec["AlgorithmSpecification"].get("TrainingImage", ""))
        wanted = channels.requirements(job, self.ports.objects)
        return self.images.ready(specification(self.images, image, wanted))

    async def clean(self, pool: Resource, tell: Tell) -> None:
        async with self._making[pool.arn]:
            current = await asyncio.to_thread(self._find, pool.arn)
            if current is not None:
                await self._end(current)
                await asyncio.to_thread(shutil.rmtree, self.files(pool).root, ignore_errors=True)
        await self.forget(pool, tell)

    async def forget(self, pool: Resource, tell: Tell) -> None:
        def delete() -> None:
            with self.ports.store.begin() as tx:
                if tx.resources.find(pool.arn) is not None:
                    tx.resources.delete(pool.arn)

        await asyncio.to_thread(delete)
        self._making.pop(pool.arn, None)
        self.ports.changes.publish(pool.arn)

    async def _end(self, pool: Resource) -> None:
        for each in pool.state.get("Sandboxes", {}).values():
            await self.end(each["state"])

    async def end(self, sandbox: EngineState) -> None:
        """Idempotent."""
        await self.engine.signal(sandbox, "SIGKILL")
        await self.engine.wait(sandbox)
        await self.engine.clean(sandbox)

    def files(self, pool: Resource) -> JobFiles:
        return JobFiles.of(self.ports.settings.home, pool)

    def _find(self, arn: str) -> Resource | None:
        with self.ports.store.read() as tx:
            return tx.resources.find(arn)


def old(sandbox: EngineState, margin: float = 0.0) -> bool:
    """Whether it will end soon by itself (`toolkit/warm.py` waits for an hour), so that another is to be made."""
    now = time.time()
    return now - float(sandbox.get("started", now)) > FRESH + margin


def remembered(spec: ContainerSpec, state: Document) -> Document:
    """What a job has to know of a sandbox to see whether it is the one that it needs."""
    return {"state": state, "mounts": shown(spec.mounts), "env": dict(spec.env)}


def shown(mounts: tuple[Mount, ...]) -> list[list[Any]]:
    return [[str(mount.source), mount.target, mount.writable] for mount in mounts]


async def look(pool: Resource, tell: Tell) -> warm_pool.Event:
    return warm_pool.Looked()
