"""What CloudWatch tells of a variant's invocations: AWS/SageMaker by EndpointName and VariantName.

`note` only keeps two numbers; a task writes what a second gathered, in one transaction. A second is one point of
each count (its Sum is right, its SampleCount is not) and at most `SAMPLES` points of each latency, the shortest
and the longest among them. Nothing is done, and no timer runs, while nobody calls.

    Invocations, InvocationsPerInstance          calls
    Invocation4XXErrors, Invocation5XXErrors     of them, those that the model answered so
    InvocationModelErrors                        those that got no answer of status 2xx
    ModelLatency, OverheadLatency                microseconds

Where a variant has several containers, each has the same by ContainerName too, its latency as ContainerLatency.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator

from clary.storage import metric_streams
from clary.storage.ports import Point, Resource, Store

log = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
SECONDS = 1.0
SAMPLES = 100


class Meter:
    def __init__(
        self, store: Store, endpoint: Resource, variant: str, instances: Callable[[], int], container: str = ""
    ) -> None:  # fmt: skip
        """`container`: the name of the one that is measured, where a variant has several."""
        self._store, self._endpoint, self._instances = store, endpoint, instances
        self._dimensions = {"EndpointName": endpoint.name, "VariantName": variant}
        if container:
            self._dimensions["ContainerName"] = container
        self._latency = "ContainerLatency" if container else "ModelLatency"
        self._model: list[float] = []
        self._overhead: list[float] = []
        self._calls = self._clients = self._servers = self._failed = 0
        self._writing: asyncio.Task[None] | None = None

    def answered(self, model: float, total: float) -> None:
        """A call that the model answered with status 2xx: the model's seconds, and all of them."""
        self._model.append(model)
        self._overhead.append(max(0.0, total - model))
        self._calls += 1
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    def failed(self, status: int | None) -> None:
        """A call without such an answer; None: the model gave none, or had no time for it."""
        self._calls += 1
        self._failed += 1
        if status is not None:
            self._clients += 400 <= status < 500
            self._servers += status >= 500
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    def close(self) -> None:
        """Keep what is there. Blocking."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        self._keep(self._taken())

    async def _write(self) -> None:
        await asyncio.sleep(SECONDS)
        self._writing = None
        await asyncio.to_thread(self._keep, self._taken())

    def _taken(self) -> list[Point]:
        found = list(self._points(time.time())) if self._calls else []
        self._model, self._overhead = [], []
        self._calls = self._clients = self._servers = self._failed = 0
        return found

    def _points(self, now: float) -> Iterator[Point]:
        yield Point("Invocations", self._calls, now)
        yield Point("InvocationsPerInstance", self._calls / max(1, self._instances()), now)
        yield Point("Invocation4XXErrors", self._clients, now)
        yield Point("Invocation5XXErrors", self._servers, now)
        yield Point("InvocationModelErrors", self._failed, now)
        for name, seconds in ((self._latency, self._model), ("OverheadLatency", self._overhead)):
            # Samples of one time and value are several here; the store would take them for a repetition of one.
            for number, value in enumerate(sampled(seconds)):
                yield Point(name, round(value * 1e6, 1), now, number)

    def _keep(self, points: list[Point]) -> None:
        if not points:
            return
        try:
            with self._store.begin() as tx:
                metric_streams.put(tx, self._endpoint, NAMESPACE, self._dimensions, points, points[0].time)
        except Exception:
            log.exception("metrics of %s were lost", self._endpoint.arn)


def sampled(values: list[float], most: int = SAMPLES) -> list[float]:
    """`most` of them at most, the smallest and the largest among them."""
    if len(values) <= most:
        return values
    return [min(values), max(values), *random.sample(values, most - 2)]
