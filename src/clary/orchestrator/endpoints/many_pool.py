"""The workers of a server of many models: whose model is loaded where, and loading one.

- A request goes to an idle worker that has its model, where there is one.
- A model is loaded by a call of its own, before the request. That may take `LOADING` seconds, longer than a request
  may: callers are told to come again (`NotReady`) while the worker loads on, out of work.
"""

from __future__ import annotations

import asyncio

from clary.api.routes import MODEL, Invocation, NotReady, Reply
from clary.orchestrator.endpoints.connection import Connection, Lost
from clary.orchestrator.endpoints.pool import MOST, TIMEOUT, Pool
from clary.orchestrator.endpoints.worker import Worker

LOADING = 600.0
"""Seconds that a model has to load."""
WORDS = "The model is still being loaded: wait, and try your request again."


class ManyPool(Pool):
    at_once = False

    def __init__(self, timeout: float = TIMEOUT, *, most: int = MOST) -> None:
        super().__init__(timeout, most=most)
        self._late: dict[str, tuple[Worker, Connection]] = {}
        """By model, the worker that took longer to load it than its caller could wait."""

    async def invoke(self, invocation: Invocation) -> Reply:
        """Raises `NotReady`, and as `Pool` does."""
        model = invocation.headers.get(MODEL, "")
        if model in self._late:
            self._look_at_late(model)
        self.prefer(lambda worker: model in worker.models)
        return await super().invoke(invocation)

    def _look_at_late(self, model: str) -> None:
        worker, connection = self._late[model]
        if not connection.complete and not connection.closed.done():
            raise NotReady(WORDS)
        del self._late[model]
        if worker.connection is connection:
            worker.models |= {model}

    async def _ask(self, worker: Worker, head: bytes, invocation: Invocation) -> tuple[Reply, bool]:
        model, connection = invocation.headers.get(MODEL, ""), worker.connection
        if connection is None:
            raise Lost(False)
        if model not in worker.models:
            reply = await self._load(worker, connection, model, invocation.timeout or self.timeout)
            if reply.status >= 300:
                self._release(worker, connection, reply)
                return reply, False
            assert isinstance(reply.body, bytes)
            worker.models = frozenset(reply.body.decode("ascii").split())
        return await super()._ask(worker, head, invocation)

    async def _load(self, worker: Worker, connection: Connection, model: str, seconds: float) -> Reply:
        head = f"POST /models HTTP/1.1\r\nHost: worker\r\n{MODEL}: {model}\r\nContent-Length: 0\r\n\r\n"
        try:
            async with asyncio.timeout(seconds):
                reply = await self._send(
                    worker, connection, head.encode("ascii"), Invocation(b"", {}), LOADING
                )
        except TimeoutError:
            self._late[model] = worker, connection
            raise NotReady(WORDS) from None
        worker.patience.end()
        return reply
