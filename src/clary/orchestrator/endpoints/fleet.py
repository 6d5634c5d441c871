"""One deployment of an endpoint: its variants' instances, prepared, started, adjusted, drained.

A serverless variant has an instance only while it is used: the first request in line starts one, and it goes
after `IDLE` seconds without.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from clary.api.context import Ports
from clary.api.routes import Models, Route, Variant
from clary.engines.ports import Engine, EngineError
from clary.images.ports import ImageError, Images
from clary.orchestrator.container import Workplace
from clary.orchestrator.endpoints.capture import DataCapture
from clary.orchestrator.endpoints.container import ModelError, Place, Prepared, prepare
from clary.orchestrator.endpoints.instance import Instance, Tell, log_group, stream_name
from clary.orchestrator.endpoints.many import Fetching, ManyModels
from clary.orchestrator.endpoints.meter import Meter
from clary.orchestrator.endpoints.pool import TIMEOUT, Pool
from clary.storage.ports import Document, Exists, LogLine, Missing, Resource

STARTUP = 600.0
"""Seconds that an instance has until it serves, unless the variant says otherwise."""
IDLE = 300.0
"""Seconds without a request after which a serverless variant's instance ends."""
DRAIN = 75.0
"""Seconds that requests under way have when a fleet goes."""
CLARY = "clary"
"""The log stream of Clary's own lines."""


class FleetError(Exception):
    """The fleet does not serve; the message is the endpoint's FailureReason."""


@dataclass(frozen=True)
class House:
    """What fleets work with."""

    ports: Ports
    engine: Engine
    images: Images
    workplace: Workplace


@dataclass
class Running:
    """A variant at work."""

    document: Document
    pool: Pool
    prepared: Prepared | None = None
    instances: list[Instance] = field(default_factory=list)
    models: Models | None = None
    shadow: bool = False


class Fleet:
    def __init__(self, house: House, endpoint: Resource, name: str, document: Document, tell: Tell) -> None:
        self.name, self.document = name, document
        self._house, self._endpoint, self._tell = house, endpoint, tell
        self._variants = [
            *(Running(each, _pool(each)) for each in document["variants"]),
            *(Running(each, _pool(each), shadow=True) for each in document["shadows"]),
        ]
        self._meters = {
            running.document["name"]: Meter(
                house.ports.store, endpoint, running.document["name"], partial(_count, running)
            )
            for running in self._variants
            if endpoint.kind == "Endpoint" and not running.shadow
        }
        self._idlers: list[asyncio.Task[None]] = []
        self._leaving: set[asyncio.Task[None]] = set()
        capture = document["capture"]
        self._capture = (
            DataCapture(house.ports.objects, endpoint.name, capture)
            if capture and capture.get("EnableCapture", True)
            else None
        )

    @property
    def root(self) -> Path:
        return endpoint_root(self._house.ports.settings.home, self._endpoint) / self.name

    def route(self) -> Route:
        """What callers see of it now."""
        variants = [
            (running, Variant(
                running.document["name"], running.document["weight"], running.pool, running.models,
                asynchronous=bool(self.document["async"]), meter=self._meters.get(running.document["name"]),
            ))
            for running in self._variants
        ]  # fmt: skip
        return Route(
            self._endpoint.arn,
            tuple(variant for running, variant in variants if not running.shadow),
            tuple(variant for running, variant in variants if running.shadow),
            self._capture,
            log_group(self._endpoint),
        )

    async def start(self, *, steady: bool) -> None:
        """Return once all instances serve. `steady`: it served before this server started, so nothing that is
        missing for the moment makes it fail. Raises `FleetError`."""
        for running in self._variants:
            try:
                running.prepared = await asyncio.to_thread(self._prepare, running)
            except (ModelError, ImageError, EngineError) as error:
                raise FleetError(str(error)) from error
            if running.prepared.many:
                running.models = Fetching(ManyModels(running.prepared.container, running.prepared.place,
                                                     self._house.ports.objects))  # fmt: skip
            if running.document["serverless"]:
                running.pool.wanted = partial(self._awake, running)
                self._idlers.append(asyncio.create_task(self._doze(running)))
                self._awake(running, steady=False)  # once, to see that it works
            else:
                self._scale(running, running.document["count"], steady=steady)
        await self.settled()

    async def settled(self) -> None:
        """Raises `FleetError`."""
        for running in self._variants:
            for instance in list(running.instances):
                await self._serves(running, instance)

    async def _serves(self, running: Running, instance: Instance) -> None:
        limit = running.document["startup"] or STARTUP
        ready = asyncio.create_task(instance.ready.wait())
        try:
            waited: set[asyncio.Future[Any]] = {ready, instance.died}
            await asyncio.wait(waited, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if instance.ready.is_set():
            return
        why = instance.died.result() if instance.died.done() else f"it was not ready after {limit:g} seconds"
        raise FleetError(
            f"The primary container for production variant {running.document['name']} did not pass the ping health "
            f"check: {why}. Please check CloudWatch logs for this endpoint ({log_group(self._endpoint)})."
        )

    def adjust(self, document: Document) -> bool:
        """Take weights and numbers of instances from the row; whether anything changed."""
        changed = False
        for running, wanted in zip(
            self._variants, [*document["variants"], *document["shadows"]], strict=True
        ):
            if wanted != running.document:
                changed = True
                running.document = wanted
                if running.prepared is not None and not wanted["serverless"]:
                    self._scale(running, wanted["count"], steady=True)
        self.document = document
        return changed

    def leave(self) -> None:
        """Let go of everything; the containers run on."""
        for idler in self._idlers:
            idler.cancel()
        for running in self._variants:
            for instance in running.instances:
                instance.leave()
        for meter in self._meters.values():
            meter.close()

    async def stop(self) -> None:
        """Drain, end and clean up."""
        for idler in self._idlers:
            idler.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                for running in self._variants:
                    if running.instances:
                        await running.pool.quiet()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        known = {instance.name for running in self._variants for instance in running.instances}
        await asyncio.gather(
            *(instance.stop() for running in self._variants for instance in running.instances),
            *(self._end(run["engine"]) for name, run in self.document["runs"].items() if name not in known),
        )
        if self._capture is not None:
            await self._capture.close()
        for meter in self._meters.values():
            meter.close()
        await asyncio.to_thread(shutil.rmtree, self.root, ignore_errors=True)

    async def _end(self, state: Document) -> None:
        """A run that an earlier server started."""
        await self._house.engine.signal(state, "SIGTERM")
        await self._house.engine.wait(state)
        await self._house.engine.clean(state)

    def _prepare(self, running: Running) -> Prepared:
        variant = running.document
        if len(variant["containers"]) != 1:
            raise ModelError("Clary does not serve models of several containers (inference pipelines) yet.")
        return prepare(
            variant, variant["containers"][0], Place(self.root / variant["name"]), self._house.images,
            self._house.ports.objects, self._house.workplace.slots.total, self.say,
        )  # fmt: skip

    def _scale(self, running: Running, count: int, *, steady: bool) -> None:
        while len(running.instances) < count:
            self._add(running, len(running.instances), steady=steady)
        while len(running.instances) > count:
            leaving = asyncio.create_task(running.instances.pop().stop())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def _add(self, running: Running, number: int, *, steady: bool) -> None:
        assert running.prepared is not None
        house = self._house
        name = f"{running.document['name']}/{number}"
        running.instances.append(
            Instance(
                self._endpoint, self.name, number, running.prepared, running.pool, engine=house.engine,
                store=house.ports.store, workplace=house.workplace, tell=self._tell,
                last=self.document["runs"].get(name), steady=steady,
            )
        )  # fmt: skip

    def _awake(self, running: Running, *, steady: bool = True) -> None:
        if not running.instances:
            self._add(running, 0, steady=steady)

    async def _doze(self, running: Running) -> None:
        served, since = -1, time.monotonic()
        while True:
            await asyncio.sleep(IDLE / 10)
            if running.pool.served != served or running.pool.load:
                served, since = running.pool.served, time.monotonic()
            elif running.instances and time.monotonic() - since > IDLE:
                await running.instances.pop().stop()

    def say(self, text: str) -> None:
        now = time.time()
        group = log_group(self._endpoint)
        store = self._house.ports.store
        stream = stream_name(self._endpoint, CLARY)
        with suppress(Exists), store.begin() as tx:
            tx.logs.create_stream(group, stream, now)
        with suppress(Missing), store.begin() as tx:
            tx.logs.append(group, stream, [LogLine(now, now, f"[clary] {text}")])


def _count(running: Running) -> int:
    return len(running.instances)


def endpoint_root(home: Path, endpoint: Resource) -> Path:
    return (
        home
        / ("endpoints" if endpoint.kind == "Endpoint" else "transforms")
        / f"{endpoint.name.lower()}-{int(endpoint.created * 1000)}"
    )


def _pool(variant: Document) -> Pool:
    given = variant["containers"][0].get("Environment", {}).get("SAGEMAKER_MODEL_SERVER_TIMEOUT", "")
    return Pool(float(given) if given.isdigit() and int(given) else TIMEOUT)
