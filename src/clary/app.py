"""The composition root: the only place that picks implementations and puts the house together."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from clary.api import Changes, Ports
from clary.clients import environment
from clary.clients.environment import HOOK
from clary.engines import toolkit_path
from clary.engines.ports import Engine
from clary.engines.process import ProcessEngine
from clary.gateway import Gateway
from clary.gateway.server import serve as serve_http
from clary.images.environments import Environments
from clary.orchestrator import capacity, sweep
from clary.orchestrator.alarms import Alarms
from clary.orchestrator.autoscaling import ScalableTargets
from clary.orchestrator.container import Workplace
from clary.orchestrator.endpoints.asynchronous import AsyncInvocations
from clary.orchestrator.endpoints.fleet import House as Serving
from clary.orchestrator.endpoints.machine import Endpoints
from clary.orchestrator.endpoints.transforms import TransformJobs
from clary.orchestrator.evaluations import RuleEvaluations
from clary.orchestrator.processing import ProcessingJobs
from clary.orchestrator.reconciler import Machine, Reconciler
from clary.orchestrator.reserve import Reserve
from clary.orchestrator.slots import Slots
from clary.orchestrator.suggester import OptunaSuggester
from clary.orchestrator.training import TrainingJobs
from clary.orchestrator.tuning import TuningJobs
from clary.orchestrator.usage import Usage
from clary.orchestrator.warm_pools import WarmPools
from clary.services import iam, sts
from clary.services.sagemaker import experiments_deletion
from clary.services.sagemaker.components import update_job_component
from clary.services.sagemaker.deployments_lineage import write_endpoint
from clary.services.sagemaker.tuning import make_training_job
from clary.settings import Settings
from clary.storage.blobs import FileBlobs
from clary.storage.objects import ObjectStore
from clary.storage.ports import Resource, Transaction
from clary.storage.sql import open_store

log = logging.getLogger(__name__)

SERVICES: Mapping[str, tuple[str, ...]] = {
    "sagemaker": (
        "clary.services.sagemaker.training",
        "clary.services.sagemaker.rule_evaluations",
        "clary.services.sagemaker.warm_pools",
        "clary.services.sagemaker.job_profiler",
        "clary.services.sagemaker.processing",
        "clary.services.sagemaker.tuning",
        "clary.services.sagemaker.models",
        "clary.services.sagemaker.endpoints",
        "clary.services.sagemaker.transforms",
        "clary.services.sagemaker.experiments",
        "clary.services.sagemaker.experiments_deletion",
        "clary.services.sagemaker.trials",
        "clary.services.sagemaker.components",
        "clary.services.sagemaker.search",
        "clary.services.sagemaker.runs",
        "clary.services.sagemaker.lineage",
        "clary.services.sagemaker.lineage_query",
        "clary.services.sagemaker.tags",
    ),
    "sagemaker-metrics": ("clary.services.metrics", "clary.services.metrics.curves"),
    "sagemaker-runtime": ("clary.services.runtime",),
    "s3": ("clary.services.s3",),
    "sts": ("clary.services.sts",),
    "iam": ("clary.services.iam",),
    "logs": ("clary.services.logs.events", "clary.services.logs.tail"),
    "cloudwatch": ("clary.services.cloudwatch",),
    "application-autoscaling": ("clary.services.autoscaling",),
}
"""botocore's service names, and the modules whose import answers their operations."""

KNOWN = (
    *SERVICES,
    "sagemaker-featurestore-runtime",
)
"""Services that the gateway recognises; what is not answered is refused as `UnsupportedOperation`."""

SESSION_SECONDS = 7 * 86400
"""How long a job's credentials last: longer than MaxRuntimeInSeconds allows a job to run by default."""

ENDPOINT_SESSION_SECONDS = 10 * 365 * 86400
"""An endpoint's: it may serve for years."""


THREADS = 64
"""For what blocks for a moment: reads of the store, files, programs that are started. What waits for long holds none."""


class HomeInUse(Exception):
    """Another server works in this home; the message says where it is."""


@dataclass
class House:
    """Everything that one server is made of."""

    ports: Ports
    engine: Engine
    images: Environments
    reconciler: Reconciler
    gateway: Gateway

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application: the gateway, and the reconciler for as long as it is up."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self.gateway(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, "work"))
        self.ports.changes.bind(loop)
        task = asyncio.create_task(self.reconciler.run(), name="reconciler")
        # What a killed server left half-made; done aside, as it looks at every blob.
        threading.Thread(target=self._tidy, args=(time.time(),), name="tidy", daemon=True).start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    def _tidy(self, started: float) -> None:
        try:
            self.ports.objects.sweep(started)
            self.images.sweep()
            experiments_deletion.purge(self.ports.store, started, self.ports.settings.undo_days)
        except Exception:
            log.exception("Tidying up failed; the server goes on")


class Address:
    """Where the server listens: known once it does."""

    def __init__(self, settings: Settings) -> None:
        self._host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host
        self.port = settings.port

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"


def load_services() -> None:
    for modules in SERVICES.values():
        for module in modules:
            importlib.import_module(module)


def build(settings: Settings, address: Address) -> House:
    """Put a house together in `settings.home`, which is made if it is not there."""
    load_services()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = open_store(settings.database)
    objects = ObjectStore(store, FileBlobs(settings.home / "objects"))
    ports = Ports(settings, store, objects, Changes())
    iam.bootstrap(ports)
    images = environments(settings)
    engine = ProcessEngine(settings.home / "engine", sandbox=settings.sandbox)
    slots = Slots(capacity.total(settings))

    def credentials(job: Resource) -> dict[str, str]:
        session = f"SageMaker-{job.name}"[:64]
        seconds = ENDPOINT_SESSION_SECONDS if job.kind == "Endpoint" else SESSION_SECONDS
        with store.begin() as tx:
            key = sts.session(tx, job.account, job.spec["RoleArn"], session, time.time(), seconds)
        return environment(address.url, key.id, key.secret, job.region, {}, token=key.token or "")

    workplace = Workplace(toolkit_path(), HOOK, slots, Usage(store), credentials)
    tuning = TuningJobs(ports, OptunaSuggester(), make_training_job(ports))

    def derive(tx: Transaction, job: Resource, now: float) -> None:
        update_job_component(tx, job, now)
        tuning.follow(tx, job, now)

    parts = ports, engine, images, workplace, slots, derive
    pools = WarmPools(ports, engine, images, workplace)
    machines: dict[str, Machine] = {
        "TrainingJob": TrainingJobs(*parts, pools),
        "WarmPool": pools,
        "ProcessingJob": ProcessingJobs(*parts),
    }
    machines["RuleEvaluation"] = RuleEvaluations(*parts[:-1], lambda tx, evaluation, now: None)
    machines["HyperParameterTuningJob"] = tuning
    serving = Serving(ports, engine, images, workplace)
    machines["Endpoint"] = Endpoints(serving, write_endpoint)
    machines["TransformJob"] = TransformJobs(serving, derive)
    machines["AsyncInvocation"] = AsyncInvocations(ports)
    machines["MetricAlarm"] = Alarms(ports)
    machines["ScalableTarget"] = ScalableTargets(ports)
    reserve = Reserve(settings.home / "reserve")
    reserve.keep()
    reconciler = Reconciler(store, machines, reserve=reserve)
    sweep.jobs(settings.home, store)
    sweep.endpoints(settings.home, store, engine)
    return House(ports, engine, images, reconciler, Gateway(ports, KNOWN))


def environments(settings: Settings) -> Environments:
    return Environments(settings.images, settings)


@contextlib.contextmanager
def lock(home: Path) -> Iterator[TextIO]:
    """One server a home. Raises `HomeInUse`."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(f"{home} is in use by another server{_where(home)}.") from None
        yield file


def serve(settings: Settings, listening: Callable[[str], None]) -> None:
    """Run a server until SIGINT or SIGTERM; `listening` is told its URL. Jobs go on without it."""
    with lock(settings.home):
        address = Address(settings)
        house = build(settings, address)
        record = settings.home / "server.json"

        def ready(port: int) -> None:
            address.port = port
            write_atomically(
                record, json.dumps({"url": address.url, "pid": os.getpid(), "started": time.time()})
            )
            listening(address.url)

        try:
            serve_http(house, settings.host, settings.port, ready=ready)
        finally:
            record.unlink(missing_ok=True)
            house.ports.ahead.close()
            house.ports.store.close()


def write_atomically(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def _where(home: Path) -> str:
    try:
        return f" ({json.loads((home / 'server.json').read_text(encoding='utf-8'))['url']})"
    except (OSError, ValueError, KeyError):
        return ""
