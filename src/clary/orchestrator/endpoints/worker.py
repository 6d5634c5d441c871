"""One worker of a model server, as its pool knows it: connected, asked for `/ping`, connected again when it is lost.

Its socket queues callers while it is brought back, so connecting again is all there is to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from clary.orchestrator.endpoints.connection import Connection, Lost
from clary.orchestrator.endpoints.patience import Patience

PING = b"GET /ping HTTP/1.1\r\nHost: worker\r\n\r\n"
RETRY = 0.05
"""Seconds between attempts to connect, while a socket is not there yet."""


class Team(Protocol):
    """Whom a worker works for."""

    def free(self, worker: Worker) -> None:
        """It may have the next request."""
        ...

    def lost(self, worker: Worker) -> None:
        """It cannot have one."""
        ...

    def shared(self, worker: Worker) -> list[Worker]:
        """All that are connections to the same process."""
        ...


class Worker:
    """One of an instance's workers, as the pool knows it."""

    def __init__(self, pool: Team, instance: object, path: str, hung: Callable[[], None]) -> None:
        self.pool, self.instance, self.path, self.hung = pool, instance, path, hung
        self.connection: Connection | None = None
        self.ready = asyncio.Event()
        """Set at its first answer to a ping."""
        self.leaving = False
        self.models: frozenset[str] = frozenset()
        """Those that it has loaded, where a server has many."""
        self.patience = Patience(self._expired)
        """With a request."""
        self._joining = asyncio.create_task(self._join())

    async def _join(self) -> None:
        """Connect and ping until that works, then be idle."""
        loop = asyncio.get_running_loop()
        while not self.leaving:
            try:
                _, connection = await loop.create_unix_connection(Connection, self.path)
            except OSError:
                await asyncio.sleep(RETRY)
                continue
            try:
                reply = await connection.send(PING, b"")
            except Lost:
                await asyncio.sleep(RETRY)
                continue
            except BaseException:
                connection.abort()
                raise
            if reply.status >= 300:
                connection.abort()
                await asyncio.sleep(RETRY)
                continue
            self.connection = connection
            connection.closed.add_done_callback(partial(self._lost, connection))
            self.ready.set()
            self.pool.free(self)
            return

    def _lost(self, connection: Connection, _: object) -> None:
        if self.connection is connection:
            self.rejoin()

    def _expired(self) -> None:
        """Its process is killed, and those who are the same process lose their requests to others."""
        if self.connection is not None:
            self.connection.abort()
            for other in self.pool.shared(self):
                if other is not self:
                    other.patience.end()
                    other.rejoin()
            self.hung()

    def rejoin(self, within: float | None = None) -> None:
        """Drop the connection, and come back with another; one that is not back `within` so many seconds hangs."""
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.abort()
            self.models = frozenset()
            self.pool.lost(self)
            if not self.leaving:
                self._joining = asyncio.create_task(self._join())
                if within is not None:
                    asyncio.get_running_loop().call_later(within, self._missed, self._joining)

    def _missed(self, joining: asyncio.Task[None]) -> None:
        if joining is self._joining and not joining.done():
            self.hung()

    def leave(self) -> None:
        self.leaving = True
        self._joining.cancel()
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.abort()
