"""A variant's workers: who is idle, who waits for one.

- A request goes to a worker that is idle, or waits in line; a worker has one request at a time.
- A worker whose connection ends is connected again (its socket queues callers while it is brought back) and is
  asked for `/ping` before it gets work.
- A request whose worker died before it answered goes to another: a killed worker costs nobody an error, nor does
  a killed container, whose workers die one after the other. A request that kills workers kills `TRIES` at most.
- A worker that does not answer in time is reported to its instance, which has it killed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

from clary.api.routes import Broken, Invocation, Overloaded, Reply, TimedOut
from clary.orchestrator.endpoints.connection import Connection, Lost, request_head
from clary.orchestrator.endpoints.patience import Line
from clary.orchestrator.endpoints.streaming import Streamed
from clary.orchestrator.endpoints.worker import Worker

TRIES = 3
ALONE = "X-Clary-Alone: 1\r\n"
"""Tells a worker that takes requests together to take this one alone: a worker died over it, perhaps by it."""
SETTLED = 0.2
"""Seconds in which the connections of a container that died have all ended."""
MOST, ROOM = 10_000, 512 << 20
TIMEOUT = 60.0
"""Seconds that a model server has for a request, as on AWS."""


class Pool:
    """The `Backend` of a variant."""

    at_once = True
    """Whether an invocation is all that a worker is asked for it."""

    def __init__(
        self, timeout: float = TIMEOUT, longest_wait: float = TIMEOUT, *, stream: float = math.inf, most: int = MOST,
        room: int = ROOM,
    ) -> None:  # fmt: skip
        """Seconds of a request at a worker, and in line; those of a `stream` at most, whatever its request says.
        `most`: requests under way and in line; `room`: bytes of the bodies in line. What is beyond is refused at
        once."""
        self.timeout, self.stream, self.most, self._room = timeout, stream, most, room
        self._workers: list[Worker] = []
        self._idle: deque[Worker] = deque()
        self._line: Line[Worker] = Line(longest_wait)
        self._abandoned: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.served = 0
        """Requests taken in, for whoever watches whether it is used."""
        self.wanted: Callable[[], None] = lambda: None
        """Called when a request finds no worker."""

    @property
    def size(self) -> int:
        return len(self._workers)

    @property
    def load(self) -> int:
        """Requests under way and in line."""
        return self._busy

    def add(self, instance: object, path: Path, hung: Callable[[], None]) -> Worker:
        worker = Worker(self, instance, str(path), hung)
        self._workers.append(worker)
        return worker

    def remove(self, instance: object) -> None:
        """Its workers get no more work; one that is at work ends it first."""
        for worker in [worker for worker in self._workers if worker.instance is instance]:
            self._workers.remove(worker)
            worker.leaving = True
            if worker.connection is None or worker in self._idle:
                self.lost(worker)
                worker.leave()

    def shared(self, worker: Worker) -> list[Worker]:
        """All that are the same process, which takes requests together; this one alone where none does."""
        return [
            each for each in self._workers if (each.instance, each.path) == (worker.instance, worker.path)
        ]

    async def quiet(self) -> None:
        """Once nothing is under way or in line."""
        await self._quiet.wait()

    def free(self, worker: Worker) -> None:
        """It may have the next request in line."""
        if worker.leaving:
            worker.leave()
        elif worker.connection is None or worker.connection.closed.done():
            worker.rejoin()
        elif not self._line.give(worker):
            self._idle.append(worker)

    def prefer(self, wanted: Callable[[Worker], bool]) -> None:
        """Have a worker of that kind be the next to get work, where one is idle."""
        for worker in self._idle:
            if wanted(worker):
                self._idle.remove(worker)
                self._idle.append(worker)
                break

    def lost(self, worker: Worker) -> None:
        with suppress(ValueError):
            self._idle.remove(worker)

    async def invoke(self, invocation: Invocation) -> Reply:
        """Raises `TimedOut`, `Broken`, `Overloaded`."""
        if self._busy >= self.most:
            raise Overloaded(f"{self._busy} requests are under way, and no more than {self.most} may be.")
        self.served += 1
        self._busy += 1
        self._quiet.clear()
        kept = False
        try:
            try:
                head = request_head(invocation)
                worker = self._at_hand() or await self._next(head, invocation)
                reply, kept = await self._ask(worker, head, invocation)
            except Lost as error:
                reply, kept = await self._again(invocation, error)
            return reply
        finally:
            if not kept:
                self._done()

    async def _again(self, invocation: Invocation, error: Lost) -> tuple[Reply, bool]:
        """The answer of another worker, to a request whose worker died. One after the other where a process takes
        several together: what waits in it behind one that hangs would die with it again."""
        head, together = (
            request_head(invocation, ALONE),
            any(len(self.shared(each)) > 1 for each in self._workers),
        )
        for number in range(1, TRIES):
            if error.began:
                break
            if number > 1:
                await asyncio.sleep(SETTLED)
            try:
                async with self._one_at_a_time if together else nullcontext():
                    worker = self._at_hand() or await self._next(head, invocation)
                    return await self._ask(worker, head, invocation)
            except Lost as another:
                error = another
        if error.began:
            raise Broken("The model server's answer broke off.") from None
        raise Broken("The model server's process ended while it worked on the request.") from None

    async def _ask(self, worker: Worker, head: bytes, invocation: Invocation) -> tuple[Reply, bool]:
        """The reply, and whether the worker is still at it."""
        connection = worker.connection
        if connection is None:
            raise Lost(False)
        reply = await self._send(worker, connection, head, invocation, self._seconds(invocation))
        reply.seconds = time.perf_counter() - connection.began
        return reply, self._answered(worker, connection, reply)

    def _seconds(self, invocation: Invocation) -> float:
        """That it may take a worker."""
        seconds = invocation.timeout or self.timeout
        return min(seconds, self.stream) if invocation.stream else seconds

    def _answered(self, worker: Worker, connection: Connection, reply: Reply) -> bool:
        """Have the worker back, at once or after a streamed answer; whether it is still at that."""
        if isinstance(reply.body, Streamed):
            self._follow(worker, connection, reply, reply.body)
            return True
        worker.patience.end()
        self._release(worker, connection, reply)
        return False

    async def _send(
        self, worker: Worker, connection: Connection, head: bytes, invocation: Invocation, seconds: float
    ) -> Reply:
        """The reply, or its head; the worker's patience lasts. A caller that leaves has the worker out of work until
        the reply has come. Raises `TimedOut`, `Lost`."""
        worker.patience.begin(seconds)
        try:
            return await connection.send(head, invocation.body, invocation.stream)
        except Lost:
            worker.patience.end()
            worker.rejoin()
            if not worker.patience.over:
                raise
            if len(self.shared(worker)) > 1 and ALONE.encode() not in head:
                raise  # not perhaps what hangs, but one that it was taken together with
            raise TimedOut(f"The model server did not answer within {seconds:g} seconds.") from None
        except BaseException:
            if invocation.stream:
                worker.patience.end()
                worker.rejoin(self.timeout)
                raise
            self._abandon(worker, connection)
            raise

    def _release(self, worker: Worker, connection: Connection, reply: Reply) -> None:
        if reply.headers.get("connection") == "close" or worker.connection is not connection:
            worker.rejoin()
        else:
            self.free(worker)

    def _abandon(self, worker: Worker, connection: Connection) -> None:
        """The caller left: what the worker makes of the request is for nobody, but it must not be interrupted."""
        outlasting = asyncio.create_task(self._outlast(worker, connection))
        self._abandoned.add(outlasting)
        outlasting.add_done_callback(self._abandoned.discard)

    async def _outlast(self, worker: Worker, connection: Connection) -> None:
        """Keep an abandoned worker out of work until its reply has come; it has the time that it had."""
        await connection.settled()
        worker.patience.end()
        if connection.complete and worker.connection is connection:
            self.free(worker)
        else:
            worker.rejoin()

    def _follow(self, worker: Worker, connection: Connection, reply: Reply, streamed: Streamed) -> None:
        """Have the worker back once its answer is made, or given up."""

        def ended(whole: bool) -> None:
            streamed.overdue = not whole and worker.patience.over
            worker.patience.end()
            self._done()
            if whole:
                self._release(worker, connection, reply)
            elif worker.connection is connection:
                worker.rejoin(self.timeout)

        streamed.follow(ended)

    def _at_hand(self) -> Worker | None:
        """One that is idle."""
        while self._idle:
            worker = self._idle.pop()  # the one whose memory is warmest
            if worker.connection is not None and not worker.connection.closed.done():
                return worker
            worker.rejoin()  # it died while it was idle
        return None

    async def _next(self, head: bytes, invocation: Invocation) -> Worker:
        """The next to come free, where none is idle. Raises `Overloaded`."""
        size = len(invocation.body)
        if size > self._room:
            raise Overloaded("The requests in line for a worker of the model are too large to take another.")
        self.wanted()
        self._room -= size
        try:
            return await self._line.wait(
                partial(self._begin, head, invocation), partial(self._give_back, invocation)
            )
        finally:
            self._room += size

    def _begin(self, head: bytes, invocation: Invocation, worker: Worker) -> None:
        """Have a worker that came free begin at once: on a busy loop its caller wakes later."""
        if self.at_once and worker.connection is not None:
            worker.patience.begin(self._seconds(invocation))
            worker.connection.begin(head, invocation.body, invocation.stream)

    def _give_back(self, invocation: Invocation, worker: Worker) -> None:
        """A worker whose caller left just as it came free."""
        connection = worker.connection
        if connection is None or connection.complete:
            self.free(worker)
        elif invocation.stream:
            worker.patience.end()
            worker.rejoin(self.timeout)
        else:
            self._abandon(worker, connection)

    def _done(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._quiet.set()
