"""One deployment of an endpoint: its variants at work, with what they share: a route, meters, data capture."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from clary.api.routes import Route
from clary.orchestrator.endpoints.backlog import Backlog
from clary.orchestrator.endpoints.capture import DataCapture
from clary.orchestrator.endpoints.house import FleetError, House, endpoint_root
from clary.orchestrator.endpoints.instance import Tell
from clary.orchestrator.endpoints.meter import Meter
from clary.orchestrator.endpoints.names import instance_name, log_group, machine, stream_name
from clary.orchestrator.endpoints.running import Running
from clary.orchestrator.endpoints.stage import Site
from clary.storage.ports import Document, Exists, LogLine, Missing, Resource

__all__ = ["Fleet", "FleetError", "House", "endpoint_root"]

DRAIN = 75.0
"""Seconds that requests under way have when a fleet goes."""
CLARY = "clary"
"""The log stream of Clary's own lines; a transform job's are in its first machine's."""


class Fleet:
    def __init__(self, house: House, endpoint: Resource, name: str, document: Document, tell: Tell) -> None:
        self.name, self.document = name, document
        self._house, self._endpoint = house, endpoint
        site = Site(house, endpoint, name, self.root, lambda: self.document["runs"], tell, self.say)
        self._variants = [
            *(Running(site, each) for each in document["variants"]),
            *(Running(site, each, shadow=True) for each in document["shadows"]),
        ]
        self._meters = {
            running.name: Meter(house.ports.store, endpoint, running.name, partial(_count, running))
            for running in self._variants
            if endpoint.kind == "Endpoint" and not running.shadow
        }
        self._backlog: Backlog | None = None
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
        asynchronous = bool(self.document["async"])
        variants = [
            (running, running.variant(asynchronous=asynchronous, meter=self._meters.get(running.name)))
            for running in self._variants
        ]
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
            await running.start(steady=steady)
        if steady:
            await self._end_others()
        await self.settled()
        if self.document["async"] and self._endpoint.kind == "Endpoint":
            self._backlog = Backlog(self._house.ports.store, self._endpoint, self._instances)

    def _instances(self) -> int:
        """That there are to be: one that sleeps is woken by a request."""
        return sum(int(each["count"]) for each in self.document["variants"])

    async def settled(self) -> None:
        """Raises `FleetError`."""
        for running in self._variants:
            await running.settled()

    def adjust(self, document: Document) -> bool:
        """Take weights and numbers of instances from the row; whether anything changed."""
        self.document = document
        wanted = [*document["variants"], *document["shadows"]]
        changed = [running.adjust(each) for running, each in zip(self._variants, wanted, strict=True)]
        return any(changed)

    def leave(self) -> None:
        """Let go of everything; the containers run on."""
        for running in self._variants:
            running.leave()
        self._close_meters()

    async def stop(self) -> None:
        """Drain, end and clean up."""
        await asyncio.gather(*(running.rest() for running in self._variants))
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                for running in self._variants:
                    await running.quiet()
        await asyncio.gather(self._end_others(), *(running.stop() for running in self._variants))
        if self._capture is not None:
            await self._capture.close()
        self._close_meters()
        await asyncio.to_thread(shutil.rmtree, self.root, ignore_errors=True)

    def _close_meters(self) -> None:
        if self._backlog is not None:
            self._backlog.close()
        for meter in (
            *self._meters.values(),
            *(each for run in self._variants for each in run.meters.values()),
        ):
            meter.close()

    async def _end_others(self) -> None:
        """Runs that an earlier server started, of instances that there are no more."""
        known = {instance.name for running in self._variants for instance in running.instances}
        others = [run for name, run in self.document["runs"].items() if name not in known]
        await asyncio.gather(*(self._end(run["engine"]) for run in others))

    async def _end(self, state: Document) -> None:
        await self._house.engine.signal(state, "SIGTERM")
        await self._house.engine.wait(state)
        await self._house.engine.clean(state)

    def say(self, text: str) -> None:
        now = time.time()
        group = log_group(self._endpoint)
        store = self._house.ports.store
        stream = stream_name(self._endpoint, self._own_stream)
        with suppress(Exists), store.begin() as tx:
            tx.logs.create_stream(group, stream, now)
        with suppress(Missing), store.begin() as tx:
            tx.logs.append(group, stream, [LogLine(now, now, f"[clary] {text}")])

    @property
    def _own_stream(self) -> str:
        if self._endpoint.kind != "TransformJob":
            return CLARY
        first = self._variants[0]
        where = machine(self._endpoint, self.name, instance_name(first.name, 0), 0)
        return f"{where}/{first.stages[0].name}" if first.stages[0].name else where


def _count(running: Running) -> int:
    return running.count
