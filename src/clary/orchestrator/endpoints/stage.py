"""One container of a variant, on as many instances as the variant has: prepared, started, scaled, awaited.

A variant has one stage, or one for each container of its model.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clary.api.routes import Models
from clary.engines.ports import EngineError
from clary.images.ports import ImageError
from clary.orchestrator.endpoints.container import MODELS, Place, Prepared, cached, prepare
from clary.orchestrator.endpoints.house import FleetError, House
from clary.orchestrator.endpoints.instance import Instance, Tell
from clary.orchestrator.endpoints.many import Fetching, ManyModels
from clary.orchestrator.endpoints.many_pool import ManyPool
from clary.orchestrator.endpoints.many_programs import ProgramPool
from clary.orchestrator.endpoints.model_data import ModelError
from clary.orchestrator.endpoints.names import instance_name, log_group
from clary.orchestrator.endpoints.pool import MOST, TIMEOUT, Pool
from clary.storage.ports import Document, Resource

STARTUP = 600.0
"""Seconds that an instance has until it serves, unless the variant says otherwise."""


@dataclass(frozen=True)
class Site:
    """Which fleet a stage is of, and what it works with there."""

    house: House
    endpoint: Resource
    fleet: str
    root: Path
    runs: Callable[[], Document]
    """By an instance's name, the run of it that the endpoint's row has."""
    tell: Tell
    say: Callable[[str], None]
    """Write a line into the endpoint's log."""


class Stage:
    def __init__(self, site: Site, variant: Document, container: Document, name: str = "") -> None:
        """`name`: its own, where the variant has several containers."""
        self.variant, self.container, self.name = variant, container, name
        self._place = Place(site.root / variant["name"] / name)
        self.pool = _pool(site.house, variant, container, self._place)
        self.instances: list[Instance] = []
        self._leaving: dict[int, asyncio.Task[None]] = {}
        """By their numbers: the next of that number begins when it has gone."""
        self._site = site
        self.models: Models | None = None
        """Where the container has many of them."""
        if container.get("Mode") == "MultiModel":
            models = ManyModels(container, self._place, site.house.ports.objects)
            self.models = Fetching(models, self.pool.timeout)
        self._prepared: Prepared | None = None

    @property
    def ready(self) -> bool:
        """Whether instances can be started."""
        return self._prepared is not None

    async def prepare(self) -> None:
        """Raises `FleetError`."""
        try:
            self._prepared = await asyncio.to_thread(self._prepare)
        except (ModelError, ImageError, EngineError) as error:
            raise FleetError(str(error)) from error

    def _prepare(self) -> Prepared:
        house = self._site.house
        return prepare(
            self.variant, self.container, self._place, house.images, house.ports.objects, house.workplace.slots.total,
            self._site.say, sandboxed=house.engine.isolates,
        )  # fmt: skip

    def grow(self, count: int, *, steady: bool) -> None:
        """Have `count` instances at least. `steady`: see `Instance`."""
        while len(self.instances) < count:
            self._add(len(self.instances), steady=steady)

    def shrink(self, count: int) -> list[asyncio.Task[None]]:
        """Have `count` at most: the stopping of each that is too much."""
        leaving, self.instances = self.instances[count:], self.instances[:count]
        stopping = {instance.number: asyncio.create_task(instance.stop()) for instance in leaving}
        self._leaving.update(stopping)
        return list(stopping.values())

    def _add(self, number: int, *, steady: bool) -> None:
        assert self._prepared is not None
        site = self._site
        last = site.runs().get(instance_name(self.variant["name"], number, self.name))
        self.instances.append(
            Instance(
                site.endpoint, site.fleet, number, self._prepared, self.pool, engine=site.house.engine,
                store=site.house.ports.store, workplace=site.house.workplace, tell=site.tell, last=last,
                steady=steady, stage=self.name, after=self._leaving.pop(number, None),
            )
        )  # fmt: skip

    async def settled(self) -> None:
        """Once all instances serve. Raises `FleetError`."""
        for instance in list(self.instances):
            await self._serves(instance)

    async def _serves(self, instance: Instance) -> None:
        limit = self.variant["startup"] or STARTUP
        ready = asyncio.create_task(instance.ready.wait())
        try:
            waited: set[asyncio.Future[Any]] = {ready, instance.died}
            await asyncio.wait(waited, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if instance.ready.is_set():
            return
        why = instance.died.result() if instance.died.done() else f"it was not ready after {limit:g} seconds"
        advice = self._prepared.advice if self._prepared is not None else ""
        raise FleetError(
            f"The {self.name or 'primary'} container for production variant {self.variant['name']} did not pass the ping health "
            f"check: {why.rstrip('.')}.{advice} Please check CloudWatch logs for this endpoint "
            f"({log_group(self._site.endpoint)})."
        )


def _pool(house: House, variant: Document, container: Document, place: Place) -> Pool:
    given = container.get("Environment", {}).get("SAGEMAKER_MODEL_SERVER_TIMEOUT", "")
    given = given if given.isdigit() and int(given) else ""
    timeout = float(given or TIMEOUT)
    serverless = variant["serverless"]
    most = int(serverless["MaxConcurrency"]) if serverless else MOST
    if container.get("Mode") != "MultiModel":
        return Pool(timeout, stream=timeout if given else math.inf, most=most)
    if not _has_program(house, container):
        return ManyPool(timeout, most=most)
    folder = MODELS if house.engine.isolates else str(place.models)
    return ProgramPool(folder, _full, timeout, cached=cached(container), most=most)


def _has_program(house: House, container: Document) -> bool:
    try:
        return house.images.resolve(container.get("Image", "")).server is not None
    except ImageError:
        return False  # `prepare` tells


def _full(instance: object) -> bool:
    return isinstance(instance, Instance) and instance.full()
