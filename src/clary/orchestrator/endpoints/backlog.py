"""What CloudWatch tells of an asynchronous endpoint's queue: AWS/SageMaker by EndpointName, every few seconds.

    ApproximateBacklogSize              invocations in the queue and under way
    ApproximateBacklogSizePerInstance   the same per instance, where there is one
    ApproximateAgeOfOldestRequest       seconds, where there is one
    HasBacklogWithoutCapacity           1 where there are some and no instance

A queue that stays empty is told of now and then only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from clary.domain.search import Compare, Operator
from clary.orchestrator.endpoints.meter import NAMESPACE
from clary.storage import metric_streams
from clary.storage.ports import Point, Query, Resource, Store

log = logging.getLogger(__name__)

SECONDS = 2.0
SELDOM = 30.0
"""Seconds between two points of a queue that stays empty."""


class Backlog:
    def __init__(self, store: Store, endpoint: Resource, instances: Callable[[], int]) -> None:
        self._store, self._endpoint, self._instances = store, endpoint, instances
        self._watching = asyncio.create_task(self._watch())

    def close(self) -> None:
        self._watching.cancel()

    async def _watch(self) -> None:
        told: tuple[list[float], float] = ([], 0.0)
        while True:
            try:
                told = await asyncio.to_thread(self._look, *told)
            except Exception:
                log.exception("the backlog of %s was not measured", self._endpoint.arn)
            await asyncio.sleep(SECONDS)

    def _look(self, told: list[float], when: float) -> tuple[list[float], float]:
        """What was told last, and when. Blocking."""
        now, instances = time.time(), self._instances()
        mine = Compare("endpoint", Operator.EQUALS, self._endpoint.arn)
        query = Query(
            self._endpoint.account,
            self._endpoint.region,
            ("AsyncInvocation",),
            mine,
            descending=False,
            limit=1,
        )
        with self._store.read() as tx:
            size = tx.resources.count(query)
            oldest = next(iter(tx.resources.list(query).items), None)
        points = [
            Point("ApproximateBacklogSize", size, now),
            Point("HasBacklogWithoutCapacity", float(size > 0 and not instances), now),
        ]
        if instances:
            points.append(Point("ApproximateBacklogSizePerInstance", size / instances, now))
        if oldest is not None:
            points.append(Point("ApproximateAgeOfOldestRequest", max(0.0, now - oldest.created), now))
        values = [float(size), float(instances)]
        if values == told and not size and now - when < SELDOM:
            return told, when
        with self._store.begin() as tx:
            given = {"EndpointName": self._endpoint.name}
            metric_streams.put(tx, self._endpoint, NAMESPACE, given, points, now)
        return values, now
