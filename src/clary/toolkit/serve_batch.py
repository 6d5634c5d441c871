"""A worker that answers several requests with one prediction: micro-batching, where SAGEMAKER_TS_BATCH_SIZE asks for it.

The names are those of SageMaker's PyTorch containers (TorchServe's batch_size and max_batch_delay):

    SAGEMAKER_TS_BATCH_SIZE        requests at most that are taken together
    SAGEMAKER_TS_MAX_BATCH_DELAY   milliseconds at most for which the first one waits for others; 0 where not given

Callers keep up to that many connections to the worker, each with one request at a time. What has come by the time
the worker is free is taken together, so a busy worker's batches grow by themselves and a lonely request waits for
no one but the delay. One loop over non-blocking sockets: a caller that is slow to write or to read holds up none
but itself. An answer in pieces is sent whole.
"""

import os
import selectors
import signal
import socket
import sys
import time

from .serve_http import BUFFER, CHUNK, Keeper, Request, failure, head
from .serve_stack import answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIZE, DELAY = "SAGEMAKER_TS_BATCH_SIZE", "SAGEMAKER_TS_MAX_BATCH_DELAY"
ALONE = "x-clary-alone"
"""A request that was with a worker which died is taken alone: it may be what others die of."""
LAST = 10.0
"""Seconds that a caller has to read the last of its answer from a worker that ends."""


def size() -> int:
    given = os.environ.get(SIZE, "")
    return max(1, int(given)) if given.isdigit() else 1


def delay() -> float:
    """Seconds."""
    given = os.environ.get(DELAY, "")
    return int(given) / 1000 if given.isdigit() else 0.0


class Caller:
    """One connection: what has come of its request, and what is left of its answer to send."""

    def __init__(self, connection: "socket.socket") -> None:
        self.socket = connection
        self.came = bytearray()
        self.request = None  # type: Request | None
        self.left = memoryview(b"")
        self.length = -1
        self.start = 0

    def complete(self) -> "Request | None":
        """The request, once all of it has come."""
        if self.length < 0:
            end = self.came.find(b"\r\n\r\n")
            if end < 0:
                return None
            lines = bytes(self.came[:end]).decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ", 2)
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            self.request = Request(method, path, headers, b"")
            self.start, self.length = end + 4, int(headers.get("content-length") or 0)
        if len(self.came) < self.start + self.length:
            return None
        request, self.request = self.request, None
        assert request is not None
        request.body = bytes(memoryview(self.came)[self.start : self.start + self.length])
        self.came, self.length = self.came[self.start + self.length :], -1
        return request


class Server:
    def __init__(self, listener: "socket.socket", handler: "object") -> None:
        self.handler, self.listener = handler, listener
        self.size, self.delay = size(), delay()
        self.selector = selectors.DefaultSelector()
        self.callers = set()  # type: set[Caller]
        self.waiting = []  # type: list[tuple[Caller, Request, float]]
        self.keeper = Keeper()
        self.stopping = False
        self.woken, self.wake = os.pipe()

    def run(self) -> None:
        """Until SIGTERM, or until it has grown too much; what has come by then is answered."""
        os.set_blocking(self.wake, False)
        signal.set_wakeup_fd(self.wake)
        signal.signal(signal.SIGTERM, self.stop)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.selector.register(self.woken, selectors.EVENT_READ, lambda events: os.read(self.woken, 4096))
        while not (self.stopping or self.keeper.retiring):
            for key, events in self.selector.select(self.patience()):
                key.data(events)
            if self.waiting and self.due():
                self.work()
        signal.set_wakeup_fd(-1)
        while self.waiting:
            self.work()
        for caller in self.callers:
            caller.socket.settimeout(LAST)
            try:
                caller.socket.sendall(caller.left)
            except OSError as error:
                sys.stderr.write("connection: %s\n" % error)

    def stop(self, *_: object) -> None:
        self.stopping = True

    def patience(self) -> "float | None":
        """Seconds until there is something to do."""
        if not self.waiting:
            return None
        return max(0.0, self.waiting[0][2] + self.delay - time.monotonic())

    def due(self) -> bool:
        """Whether to wait no longer: it is time, there are enough, or nobody else can come."""
        can_come = sum(not caller.left for caller in self.callers)
        return len(self.waiting) >= min(self.size, can_come) or not self.patience()

    def accept(self, events: int) -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        caller = Caller(connection)
        self.callers.add(caller)
        self.watch(caller, selectors.EVENT_READ)

    def watch(self, caller: Caller, events: int) -> None:
        def ready(happened: int) -> None:
            try:
                if happened & selectors.EVENT_WRITE:
                    self.send(caller)
                elif happened & selectors.EVENT_READ:
                    self.receive(caller)
            except BlockingIOError:
                pass
            except (OSError, ValueError) as error:
                sys.stderr.write("connection: %s\n" % error)
                self.drop(caller)

        try:
            self.selector.modify(caller.socket, events, ready)
        except KeyError:
            self.selector.register(caller.socket, events, ready)

    def drop(self, caller: Caller) -> None:
        """Its caller left; a request of its that waits is for nobody."""
        if caller in self.callers:
            self.callers.discard(caller)
            self.waiting = [each for each in self.waiting if each[0] is not caller]
            self.selector.unregister(caller.socket)
            caller.left = memoryview(b"")
            caller.socket.close()

    def receive(self, caller: Caller) -> None:
        data = caller.socket.recv(CHUNK if caller.length < CHUNK else BUFFER)
        if not data:
            self.drop(caller)
            return
        caller.came += data
        request = caller.complete()
        if request is None:
            return
        if request.path.startswith("/invocations"):
            self.waiting.append((caller, request, time.monotonic()))
        else:
            known = request.path.startswith("/ping")
            body = b"" if known else b"Only /ping and /invocations are here."
            self.answer(caller, 200 if known else 404, "text/plain", body, {})

    def work(self) -> None:
        """Answer the requests that came first."""
        taken = self.waiting[: self.size]
        alone = next((number for number, each in enumerate(taken) if ALONE in each[1].headers), None)
        if alone is not None:
            taken = taken[: alone or 1]
        self.waiting = self.waiting[len(taken) :]
        made = answers(self.handler, [request for _, request, _ in taken])
        self.keeper.look(len(taken))
        for number, (caller, _, _) in enumerate(taken):
            answer = made[number]
            status, kind, body, headers = failure(answer) if isinstance(answer, Exception) else answer
            if not isinstance(body, (bytes, bytearray)):
                body = joined(body)
            if self.keeper.retiring:  # said before it happens, so that no request is on its way
                headers = dict(headers, Connection="close")
            self.answer(caller, status, kind, body, headers)

    def answer(self, caller: Caller, status: int, kind: str, body: "Any", headers: "dict[str, str]") -> None:
        if caller not in self.callers:
            return
        start = head(status, kind, headers, "Content-Length: %d" % len(body))
        caller.left = memoryview(start + body)
        try:
            self.send(caller)
        except BlockingIOError:
            self.watch(caller, selectors.EVENT_WRITE)
        except OSError:
            self.drop(caller)

    def send(self, caller: Caller) -> None:
        while caller.left:
            caller.left = caller.left[caller.socket.send(caller.left) :]
        self.watch(caller, selectors.EVENT_READ)


def joined(pieces: "Any") -> bytes:
    return b"".join(each.encode("utf-8") if isinstance(each, str) else bytes(each) for each in pieces)


def serve(listener: "socket.socket", handler: "object") -> None:
    Server(listener, handler).run()
