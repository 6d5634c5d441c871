"""The HTTP server: uvicorn on uvloop, run by us rather than by its command line, its connections ours (`protocol.Http`).

`serve` blocks until SIGTERM or SIGINT, lets requests under way end, and returns; a second SIGINT hurries it.
The application's lifespan is run (startup before the first request, shutdown after the last). The server is
told its port only once it listens.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import resource
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType

import uvicorn

from clary.gateway.exchange import Receive, Scope, Send
from clary.gateway.protocol import Http

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

KEEP_ALIVE = 75
"""Seconds for which an idle connection is kept: longer than clients and proxies (60) keep theirs, so that it is
they who close it."""
GRACE = 10
"""Seconds that requests under way have to end."""
BACKLOG = 2048
FILES = 65_536
"""Files and connections that may be open at once, where the system lets a process ask for so many."""
KEPT = 32 << 20
NEW = 100_000
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""


class CannotListen(Exception):
    """The address cannot be listened on; the message says why."""


class Server(uvicorn.Server):
    """Runs until `should_exit`. `run()` blocks, from any thread."""

    def __init__(self, app: Application, listener: socket.socket, ready: Callable[[int], None]) -> None:
        config = uvicorn.Config(
            app,
            loop="uvloop", http=Http, ws="none", lifespan="on", log_config=None, log_level="warning",
            access_log=False, proxy_headers=False, server_header=False, date_header=True, backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=GRACE,
        )  # fmt: skip
        super().__init__(config)
        self._listener = listener
        self._ready = ready

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        with self._listener:
            super().run(sockets or [self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready(self._listener.getsockname()[1])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again when it is done, which would end the process before its own clean-up.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _: FrameType | None) -> None:
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises `CannotListen`."""
    where = f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(f"Cannot listen on {where}: {error.strerror or error}.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Now, not when the loop starts: two servers may bind one port, the second to listen is the one refused.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"Cannot listen on {where}: another program does already. Stop it, or choose another port."
            ) from error
        raise CannotListen(f"Cannot listen on {where}: {error.strerror or error}.") from error
    return listener


def serve(app: Application, host: str, port: int, *, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is told the port once it listens. Raises `CannotListen`."""
    listener = listen(host, port)
    allow_many_connections()
    keep_freed_memory()
    collect_seldom()
    Server(app, listener, ready).run()


def allow_many_connections() -> None:
    """Shells commonly start programs with 1,024 open files at most, which a thousand clients exceed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, up to `KEPT` bytes, and take bodies from it: memory from the system is
    cleared page by page at its first touch, which costs more than reading a body into it. Another library's is left
    as it is."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT)
        mallopt(M_TRIM_THRESHOLD, KEPT)


def collect_seldom() -> None:
    """Have Python look for garbage that holds itself among what is new, every `NEW` objects: AWS's models are hundreds
    of thousands of objects that stay, and a batch of points brings thousands that go by themselves."""
    gc.freeze()
    gc.set_threshold(NEW, 10, 10)
