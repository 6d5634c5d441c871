"""Where invocations go: endpoints that serve, by ARN, in memory.

The orchestrator writes the table, `services.runtime` reads it; between them no database and no lock, as both
work on the loop. A route is replaced whole, so whoever holds one sees one deployment.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

MODEL = "X-Clary-Model"
"""The header that names a model of many to its server, as `Models.locate` gives it."""


class Invocation(Struct):
    """What a model server is asked. `headers` are sent as they are; none may hold a line break."""

    body: bytes
    headers: Mapping[str, str]
    stream: bool = False
    """Whether the answer's body is wanted piece by piece."""
    path: str = "/invocations"
    timeout: float | None = None
    """Seconds; None: the model's own."""
    container: str = ""
    """Which of the variant's `containers` is asked, where it has any."""


class Reply(Struct):
    """A model server's answer; `headers` have lower-case names. A streamed body must be read or closed."""

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncIterator[bytes]
    seconds: float = 0.0
    """That the model server took, up to a streamed answer's head."""
    source: str = "primary"
    """The container that answered, as AWS names it."""


class InvocationError(Exception):
    """An invocation that no model server answered; the message is for its caller."""

    source = "primary"
    """The container that was asked, as AWS names it."""


class TimedOut(InvocationError):
    """The model server did not answer in its time."""


class Broken(InvocationError):
    """The model server's process died over the request, more than once."""


class Overloaded(InvocationError):
    """No worker came free in time."""


class NotReady(InvocationError):
    """The model is still being fetched or loaded."""


class Unreadable(InvocationError):
    """The model is there, and its bytes cannot be had."""


class Starting(InvocationError):
    """There is no worker yet."""


class Backend(Protocol):
    """A variant's model servers."""

    async def invoke(self, invocation: Invocation) -> Reply:
        """Raises `InvocationError`."""
        ...


class Capture(Protocol):
    def keep(self, variant: str, invocation: Invocation, reply: Reply, inference_id: str | None) -> None:
        """Take note of a call; never raises, never waits."""
        ...


class Meter(Protocol):
    """Counts calls; neither raises, neither waits."""

    def answered(self, model: float, total: float) -> None:
        """With status 2xx: the seconds of the model, and of all."""
        ...

    def failed(self, status: int | None) -> None:
        """With another status, or None: not at all."""
        ...


class Models(Protocol):
    """Of an endpoint with many models."""

    async def locate(self, target: str) -> str:
        """The name by which the model server knows it, its files in place. Raises `LookupError`, with words, for a
        model that is not there; `NotReady`, while it is fetched; `Unreadable`."""
        ...


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    weight: float
    backend: Backend
    models: Models | None = None
    asynchronous: bool = False
    meter: Meter | None = None
    containers: tuple[str, ...] = ()
    """Names of those that callers must choose from (InferenceExecutionConfig Mode Direct)."""
    largest: int | None = None
    """Bytes of a request's body at most, where that is fewer than the API allows."""


@dataclass(frozen=True, slots=True)
class Route:
    arn: str
    variants: tuple[Variant, ...]
    shadows: tuple[Variant, ...] = ()
    capture: Capture | None = None
    log_group: str = ""
    total: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", sum(variant.weight for variant in self.variants))

    def choose(self) -> Variant:
        """One variant, by weight; by chance alone where all weights are 0."""
        if len(self.variants) == 1:
            return self.variants[0]
        if self.total <= 0:
            return random.choice(self.variants)
        at = random.random() * self.total
        for variant in self.variants:
            at -= variant.weight
            if at < 0:
                return variant
        return max(self.variants, key=lambda each: each.weight)

    def named(self, name: str) -> Variant | None:
        return next((variant for variant in self.variants if variant.name == name), None)


class Routes:
    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}

    def find(self, arn: str) -> Route | None:
        return self._routes.get(arn)

    def put(self, route: Route) -> None:
        self._routes[route.arn] = route

    def remove(self, arn: str) -> None:
        self._routes.pop(arn, None)
