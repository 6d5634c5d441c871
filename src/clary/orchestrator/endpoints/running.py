"""A variant at work: its stages started and scaled together, put to sleep and woken.

A variant has instances only while it is used: they go after a while without a request (the settings serverless_idle
and endpoint_idle), and the first request in line starts them. One that takes long to start stays awake, unless it
is serverless.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from clary.api.routes import Backend, Variant
from clary.api.routes import Meter as Metered
from clary.orchestrator.endpoints.instance import Instance
from clary.orchestrator.endpoints.meter import Meter
from clary.orchestrator.endpoints.pipeline import Direct, Named, Serial
from clary.orchestrator.endpoints.stage import Site, Stage
from clary.storage.ports import Document

SHADOWED = 100
"""Requests at a shadow variant, under way and in line: one that falls behind misses some, and holds no more memory."""
QUICK = 30.0
"""Seconds in which an instance must start for its variant to be put to sleep."""

SERVERLESS_BODY = 4 << 20
"""Bytes of a request to a serverless variant at most, as on AWS."""


class Running:
    def __init__(self, site: Site, document: Document, *, shadow: bool = False) -> None:
        self.document, self.shadow = document, shadow
        given = document["containers"]
        self.stages = [
            Stage(site, document, each, each["ContainerHostname"] if len(given) > 1 else "") for each in given
        ]
        if shadow:
            for stage in self.stages:
                stage.pool.most = SHADOWED
        settings = site.house.ports.settings
        idle = settings.serverless_idle if document["serverless"] else settings.endpoint_idle
        self._idle = idle if site.endpoint.kind == "Endpoint" else 0.0
        self.meters = {
            stage.name: Meter(site.house.ports.store, site.endpoint, self.name, self._count, stage.name)
            for stage in self.stages
            if stage.name and site.endpoint.kind == "Endpoint" and not shadow
        }
        """Of the containers, by their names, where there are several."""
        self._leaving: set[asyncio.Task[None]] = set()
        self._dozing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return str(self.document["name"])

    @property
    def count(self) -> int:
        """Instances that run."""
        return max(len(stage.instances) for stage in self.stages)

    def _count(self) -> int:
        return self.count

    @property
    def instances(self) -> list[Instance]:
        """Of all stages."""
        return [instance for stage in self.stages for instance in stage.instances]

    def variant(self, *, asynchronous: bool, meter: Metered | None) -> Variant:
        """What callers see of it now."""
        return Variant(
            self.name, self.document["weight"], self._backend(),
            next((stage.models for stage in self.stages if stage.models is not None), None),
            asynchronous=asynchronous, meter=meter, containers=chosen(self.document),
            largest=SERVERLESS_BODY if self.document["serverless"] else None,
        )  # fmt: skip

    def _backend(self) -> Backend:
        if len(self.stages) == 1:
            return self.stages[0].pool
        named = [
            Named(stage.name, stage.pool, many=stage.models is not None, meter=self.meters.get(stage.name))
            for stage in self.stages
        ]
        return Direct({each.name: each for each in named}) if chosen(self.document) else Serial(named)

    async def start(self, *, steady: bool) -> None:
        """Prepare, and have instances started. Raises `FleetError`."""
        for stage in self.stages:
            await stage.prepare()
        if self._idle > 0:
            for stage in self.stages:
                stage.pool.wanted = partial(self._awake, steady=True)
            self._dozing = asyncio.create_task(self._doze())
        # A serverless one too, to see that it works.
        self._awake(steady=steady and not self.document["serverless"])

    async def settled(self) -> None:
        """Once all instances serve. Raises `FleetError`."""
        for stage in self.stages:
            await stage.settled()

    def adjust(self, document: Document) -> bool:
        """Take the weight and the number of instances from the row; whether anything changed."""
        if document == self.document:
            return False
        self.document = document
        if not document["serverless"] and all(stage.ready for stage in self.stages):
            self._scale(document["count"], steady=True)
        return True

    def leave(self) -> None:
        """Let go of everything; the containers run on."""
        if self._dozing is not None:
            self._dozing.cancel()
        for instance in self.instances:
            instance.leave()

    async def rest(self) -> None:
        """No longer put it to sleep; once what was too much has gone."""
        if self._dozing is not None:
            self._dozing.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def quiet(self) -> None:
        """Once nothing is under way or in line."""
        for stage in self.stages:
            if stage.instances:
                await stage.pool.quiet()

    async def stop(self) -> None:
        """End all of it."""
        await asyncio.gather(*(instance.stop() for instance in self.instances))

    def _scale(self, count: int, *, steady: bool) -> None:
        for stage in self.stages:
            stage.grow(count, steady=steady)
            for leaving in stage.shrink(count):
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)

    def _awake(self, *, steady: bool) -> None:
        count = 1 if self.document["serverless"] else self.document["count"]
        for stage in self.stages:
            stage.grow(count, steady=steady)

    async def _doze(self) -> None:
        before, since = -1, time.monotonic()
        while True:
            await asyncio.sleep(self._idle / 10)
            served = sum(stage.pool.served for stage in self.stages)
            if served != before or any(stage.pool.load for stage in self.stages):
                before, since = served, time.monotonic()
            elif self.count and time.monotonic() - since > self._idle and self._may_sleep():
                for stage in self.stages:
                    await asyncio.gather(*stage.shrink(0))

    def _may_sleep(self) -> bool:
        """Whether all of it has started, and will again before long."""
        return all(
            instance.ready.is_set() and (self.document["serverless"] or instance.took < QUICK)
            for instance in self.instances
        )


def chosen(variant: Document) -> tuple[str, ...]:
    """Names of the containers of which a caller chooses one; none where a request passes all."""
    if variant.get("mode", "Serial") != "Direct":
        return ()
    return tuple(each["ContainerHostname"] for each in variant["containers"])
