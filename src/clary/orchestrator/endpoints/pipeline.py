"""Several containers behind one variant, each a `Pool`: in a row, or each by its name.

Serial  a request passes them in order; what one answers, with its content type, is what the next is asked. The
        caller's Accept is for the last: the others answer in their own default form, which their scripts' authors
        choose by SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT. The first that answers with an error answers for all.
Direct  the caller names one (TargetContainerHostname).

Source: "Inference pipelines" and "Multi-container endpoints" in AWS's developer guide.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from clary.api.routes import MODEL, Backend, Invocation, InvocationError, Meter, Reply

ACCEPT, TYPE = "Accept", "Content-Type"
OF_MANY = (MODEL, "X-Amzn-SageMaker-Target-Model")
"""Headers for the container that has many models, and for no other."""


class Named:
    """A container, as it answers for itself: by its name."""

    def __init__(self, name: str, pool: Backend, *, many: bool = False, meter: Meter | None = None) -> None:
        self.name, self.many = name, many
        self._pool, self._meter = pool, meter

    async def invoke(self, invocation: Invocation) -> Reply:
        """Raises `InvocationError`."""
        if not self.many:
            kept = {name: value for name, value in invocation.headers.items() if name not in OF_MANY}
            invocation = replace(invocation, headers=kept)
        began = time.perf_counter()
        try:
            reply = await self._pool.invoke(invocation)
        except InvocationError as error:
            error.source = self.name
            if self._meter is not None:
                self._meter.failed(None)
            raise
        reply.source = self.name
        if self._meter is not None:
            if 200 <= reply.status < 300:
                self._meter.answered(reply.seconds, time.perf_counter() - began)
            else:
                self._meter.failed(reply.status)
        return reply


class Serial:
    def __init__(self, containers: Sequence[Backend]) -> None:
        *self._first, self._last = containers

    async def invoke(self, invocation: Invocation) -> Reply:
        """Raises `InvocationError`."""
        seconds, body, headers = 0.0, invocation.body, invocation.headers
        for container in self._first:
            asked = {name: value for name, value in headers.items() if name != ACCEPT}
            reply = await container.invoke(replace(invocation, body=body, headers=asked, stream=False))
            seconds += reply.seconds
            if not 200 <= reply.status < 300:
                reply.seconds = seconds
                return reply
            assert isinstance(reply.body, bytes)
            body, headers = reply.body, _told(invocation.headers, reply)
        reply = await self._last.invoke(replace(invocation, body=body, headers=headers))
        reply.seconds += seconds
        return reply


def _told(given: Mapping[str, str], reply: Reply) -> Mapping[str, str]:
    """The next container's headers: the caller's, with the content type of what the last one answered."""
    kept = {name: value for name, value in given.items() if name != TYPE}
    kind = reply.headers.get("content-type")
    return {**kept, TYPE: kind} if kind else kept


class Unnamed(InvocationError):
    """An invocation that nobody could answer; of an asynchronous endpoint, whose callers cannot name a container."""


class Direct:
    def __init__(self, containers: Mapping[str, Backend]) -> None:
        self._containers = containers

    async def invoke(self, invocation: Invocation) -> Reply:
        """Raises `InvocationError`."""
        container = self._containers.get(invocation.container)
        if container is None:
            raise Unnamed(f"The request names none of the containers {', '.join(self._containers)}.")
        return await container.invoke(invocation)
