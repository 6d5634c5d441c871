"""Routes for a server that starts: its endpoints serve already, so callers wait until their workers are found
again rather than hear that there is no endpoint."""

from __future__ import annotations

import asyncio

from clary.api.routes import Invocation, Overloaded, Reply, Route, Routes, Variant
from clary.orchestrator.endpoints.running import chosen
from clary.storage.ports import Resource, Store

LONGEST = 60.0
LOOK = 0.01


def expect(store: Store, routes: Routes, effect: str) -> None:
    """Put a route for each endpoint whose `effect` is left over and that has served."""
    with store.read() as tx:
        arns = {each.arn for each in tx.outbox.due(float("inf"), limit=1_000_000) if each.name == effect}
        rows = [tx.resources.find(arn) for arn in arns]
    for row in rows:
        if row is not None and row.target != "Deleted" and row.state["Clary"]["active"]:
            routes.put(_route(routes, row))


def _route(routes: Routes, row: Resource) -> Route:
    clary = row.state["Clary"]
    active = clary["fleets"][clary["active"]]
    return Route(
        row.arn,
        tuple(
            Variant(
                each["name"],
                each["weight"],
                waiting,
                waiting if _many(each) else None,
                bool(active["async"]),
                containers=chosen(each),
            )
            for each in active["variants"]
            for waiting in [Waiting(routes, row.arn, each["name"])]
        ),
    )


def _many(variant: dict[str, object]) -> bool:
    containers = variant["containers"]
    assert isinstance(containers, list)
    return any(each.get("Mode") == "MultiModel" for each in containers)


class Waiting:
    """A `Backend` and `Models` that hands over to the one which takes its place."""

    def __init__(self, routes: Routes, arn: str, name: str) -> None:
        self._routes, self._arn, self._name = routes, arn, name

    async def invoke(self, invocation: Invocation) -> Reply:
        return await (await self._real()).backend.invoke(invocation)

    async def locate(self, target: str) -> str:
        models = (await self._real()).models
        if models is None:
            raise LookupError("The endpoint has no models of that kind any more.")
        return await models.locate(target)

    async def _real(self) -> Variant:
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST
        while loop.time() < until:
            route = self._routes.find(self._arn)
            variant = route.named(self._name) if route is not None else None
            if variant is not None and not isinstance(variant.backend, Waiting):
                return variant
            await asyncio.sleep(LOOK)
        raise Overloaded("The endpoint's workers were not found again in time.")
