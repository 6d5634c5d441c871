"""The reconciler's machine for kind Endpoint: one effect, `host`, for as long as an endpoint lives.

The host brings what runs in step with the row, each time the row changes: fleets in the row are started, those
marked to go are drained and stopped, weights and counts adjusted, and the route table told. A server that
starts finds the effect in the outbox and takes on the fleets that run.

    traffic turns over before the row says so: an endpoint that is InService can be invoked
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from clary.api.routes import Route
from clary.domain import endpoint as rules
from clary.domain.endpoint_traffic import alarms, last_bake, steps, time_left
from clary.orchestrator.endpoints.baking import Alarmed, bake
from clary.orchestrator.endpoints.fleet import Fleet, FleetError, House, endpoint_root
from clary.orchestrator.endpoints.resuming import expect
from clary.orchestrator.jobs import Derive
from clary.orchestrator.reconciler import Tell
from clary.storage.ports import Document, Resource, Transaction

log = logging.getLogger(__name__)

LOOK = 600.0
"""Seconds after which a host looks at its row unasked."""
HOST = "host"


def mixed(old: Route, new: Route, share: float) -> Route:
    """Both fleets' variants, `share` of the traffic to the new one's. A variant that a caller names is the old one's
    until all has turned over, where both have it."""
    variants = [
        replace(each, weight=each.weight / (route.total or 1.0) * part)
        for route, part in ((old, 1.0 - share), (new, share))
        for each in route.variants
    ]
    return replace(old, variants=tuple(variants))


class Endpoints:
    status = "EndpointStatus"
    step = staticmethod(rules.step)

    def __init__(self, house: House, derive: Derive) -> None:
        """`derive` keeps the endpoint's lineage."""
        self._house, self._derive = house, derive
        expect(house.ports.store, house.ports.routes, HOST)

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[rules.Event | None]]]:
        return {HOST: self.host}

    def failed(self, error: Exception) -> rules.EffectFailed:
        return rules.EffectFailed(f"InternalServerError: {type(error).__name__}: {error}")

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        self._derive(tx, after, after.modified)

    def committed(self, after: Resource) -> None:
        self._house.ports.changes.publish(after.arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        """An endpoint takes no room from jobs."""

    async def host(self, endpoint: Resource, tell: Tell) -> None:
        host = Host(self._house, endpoint, tell)
        try:
            await host.run()
        finally:
            host.leave()


class Host:
    def __init__(self, house: House, endpoint: Resource, tell: Tell) -> None:
        self._house, self._endpoint, self._tell = house, endpoint, tell
        self._fleets: dict[str, Fleet] = {}
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[str] = set()
        self._serving: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the endpoint is deleted and all of it is gone."""
        ports, arn = self._house.ports, self._endpoint.arn
        with ports.changes.watch(arn) as watch:
            while True:
                row = await asyncio.to_thread(self._find)
                if row is None:
                    return
                clary = row.state["Clary"]
                if row.target == "Deleted":
                    ports.routes.remove(arn)
                    if not clary["fleets"]:
                        await asyncio.to_thread(self._delete)
                        return
                await watch.wait(self._align(clary, row))

    def leave(self) -> None:
        self._house.ports.routes.remove(self._endpoint.arn)
        for task in self._tasks:
            task.cancel()
        for fleet in self._fleets.values():
            fleet.leave()

    def _align(self, clary: Document, row: Resource) -> float:
        """Seconds after which there is something to do again."""
        patience, now = LOOK, time.time()
        alone = all(name == clary["active"] or each.get("drop") for name, each in clary["fleets"].items())
        for name, document in clary["fleets"].items():
            fleet = self._fleets.get(name)
            if document.get("drop"):
                left = (document.get("until") or 0.0) - now
                if left > 0:
                    patience = min(patience, left)
                elif name not in self._stopping:
                    self._stopping.add(name)
                    if fleet is None:
                        fleet = Fleet(self._house, self._endpoint, name, document, self._tell)
                        self._fleets[name] = fleet
                    self._do(self._stop(fleet))
            elif fleet is None:
                fleet = Fleet(self._house, self._endpoint, name, document, self._tell)
                self._fleets[name] = fleet
                self._starting[name] = self._do(self._start(fleet, active=name == clary["active"]))
            else:
                changed = fleet.adjust(document)
                if name == self._serving and (changed or row.status == "Updating"):
                    self._house.ports.routes.put(fleet.route())
                    if name == clary["active"] and alone:
                        self._do(self._adjusted(fleet))
        return patience

    async def _start(self, fleet: Fleet, *, active: bool) -> None:
        try:
            if active:  # it served before this server: callers wait for it rather than hear of no endpoint
                self._serve(fleet)
            async with asyncio.timeout(None if active else self._time_left(fleet)):
                await fleet.start(steady=active)
                if fleet.name in self._stopping:
                    return
                await self._shift(fleet)
        except TimeoutError:
            self._turn_back()
            words = "The update took longer than MaximumExecutionTimeoutInSeconds allows."
            await self._tell(rules.Failed(fleet.name, words))
            return
        except Alarmed as error:
            self._turn_back()
            await self._tell(rules.Failed(fleet.name, str(error)))
            return
        except FleetError as error:
            await self._tell(rules.Failed(fleet.name, str(error)))
            return
        except Exception as error:
            log.exception("Fleet %s of %s failed", fleet.name, self._endpoint.arn)
            await self._tell(
                rules.Failed(fleet.name, f"InternalServerError: {type(error).__name__}: {error}")
            )
            return
        self._serve(fleet)
        await self._tell(rules.Adjusted(fleet.name) if active else rules.Ready(fleet.name))

    def _time_left(self, fleet: Fleet) -> float | None:
        now = time.time()
        return time_left(fleet.document.get("deployment"), fleet.document.get("began", now), now)

    def _turn_back(self) -> None:
        """All traffic to the fleet that served before the update."""
        old = self._fleets.get(self._serving or "")
        if old is not None:
            self._house.ports.routes.put(old.route())

    async def _shift(self, fleet: Fleet) -> None:
        """Let the new fleet have its shares of the traffic, one after the other, as the update asks for. Raises
        `Alarmed`."""
        old = self._fleets.get(self._serving or "")
        if old is None or old is fleet:
            return
        deployment = fleet.document.get("deployment")
        instances = sum(each["count"] for each in fleet.document["variants"])
        names, ports = alarms(deployment), self._house.ports
        await bake(ports, self._endpoint, names, 0.0)
        for share, seconds in steps(deployment, instances):
            ports.routes.put(mixed(old.route(), fleet.route(), share))
            await bake(ports, self._endpoint, names, seconds)
        if names:
            ports.routes.put(fleet.route())
            await bake(ports, self._endpoint, names, last_bake(deployment))

    def _serve(self, fleet: Fleet) -> None:
        self._serving = fleet.name
        self._house.ports.routes.put(fleet.route())

    async def _adjusted(self, fleet: Fleet) -> None:
        try:
            await fleet.settled()
        except FleetError as error:
            log.warning("%s", error)
        await self._tell(rules.Adjusted(fleet.name))

    async def _stop(self, fleet: Fleet) -> None:
        starting = self._starting.pop(fleet.name, None)
        if starting is not None and not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        await fleet.stop()
        self._fleets.pop(fleet.name, None)
        self._stopping.discard(fleet.name)
        await self._tell(rules.Gone(fleet.name))

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _find(self) -> Resource | None:
        with self._house.ports.store.read() as tx:
            return tx.resources.find(self._endpoint.arn)

    def _delete(self) -> None:
        shutil.rmtree(endpoint_root(self._house.ports.settings.home, self._endpoint), ignore_errors=True)
        with self._house.ports.store.begin() as tx:
            tx.resources.delete(self._endpoint.arn)
