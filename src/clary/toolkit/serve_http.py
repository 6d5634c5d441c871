"""A worker: HTTP/1.1 over one connection at a time, one request after the other.

    GET  /ping          200 once the model is loaded
    POST /invocations   the handler's answer

Blocking and single-threaded: with one caller per worker there is nothing to wait for but the next request. A
body is received into one buffer; an answer in pieces (a generator) goes out chunked, each piece at once.
Between requests a worker that has grown beyond CLARY_SERVE_MEMORY bytes closes its connection and ends with
code 0: the master puts a fresh one in its place, and no request is lost.
"""

import os
import signal
import socket
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found", 406: "Not Acceptable",
           415: "Unsupported Media Type", 500: "Internal Server Error"}  # fmt: skip
CHUNK = 1 << 16
BUFFER = 1 << 21
"""Bytes that may lie in a socket: a body of some size passes in few turns."""
KEPT = 32 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""
PAGE = os.sysconf("SC_PAGE_SIZE")
CHECK_EVERY = 16
"""Requests between two looks at the memory."""


class Request:
    """`headers` have lower-case names; `body` is bytes."""

    __slots__ = ("body", "headers", "method", "path")

    def __init__(self, method: str, path: str, headers: "dict[str, str]", body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body


class Refused(Exception):
    """A request that the model server answers with this status; the message is the answer's body."""

    def __init__(self, status: int, message: str) -> None:
        Exception.__init__(self, message)
        self.status_code = status


class Stopping(Exception):
    """SIGTERM came while nothing was under way."""


def serve(listener: "socket.socket", handler: "object") -> None:
    """Until SIGTERM. `handler(request)` gives (status, content type, bytes or an iterable of bytes, headers)."""
    state = Worker(handler)
    keep_freed_memory()
    signal.signal(signal.SIGTERM, state.stop)
    try:
        while not state.stopping:
            accepted = state.idly(listener.accept)
            connection = accepted[0]  # type: socket.socket
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            with connection:
                try:
                    converse(connection, state)
                except OSError as error:
                    sys.stderr.write("connection: %s\n" % error)
    except Stopping:
        return


def keep_freed_memory() -> None:
    """Have the C library take bodies from memory that it keeps: what comes fresh from the system is cleared page by
    page, which costs more than reading a body into it. Where there is no such library, nothing changes."""
    try:
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        return
    mallopt(M_MMAP_THRESHOLD, KEPT)
    mallopt(M_TRIM_THRESHOLD, KEPT)


class Keeper:
    """Looks at the worker's memory now and then; `retiring` once it has outgrown what it may use."""

    def __init__(self) -> None:
        self.retiring = False
        self.served = 0
        self.memory = int(os.environ.get("CLARY_SERVE_MEMORY") or 0)

    def look(self, served: int = 1) -> None:
        """After as many requests."""
        before = self.served // CHECK_EVERY
        self.served += served
        if not self.memory or self.served // CHECK_EVERY == before:
            return
        found = resident()
        if found > self.memory:
            text = "This worker has grown to %d MiB and makes room for a fresh one (it may use %d MiB).\n"
            sys.stderr.write(text % (found >> 20, self.memory >> 20))
            self.retiring = True


def resident() -> int:
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


class Worker:
    def __init__(self, handler: "object") -> None:
        self.handler, self.keeper = handler, Keeper()
        self.stopping = self.idle = False

    def stop(self, *_: object) -> None:
        self.stopping = True
        if self.idle:
            raise Stopping

    def idly(self, wait: "Callable[..., Any]", *arguments: object) -> "Any":
        """Do what SIGTERM may break off."""
        self.idle = True
        try:
            if self.stopping:
                raise Stopping
            return wait(*arguments)
        finally:
            self.idle = False


def converse(connection: "socket.socket", state: Worker) -> None:
    """Requests until the caller closes."""
    pending = b""
    while True:
        end = pending.find(b"\r\n\r\n")
        while end < 0:
            data = state.idly(connection.recv, CHUNK)
            if not data:
                return
            pending = pending + data if pending else data
            end = pending.find(b"\r\n\r\n")
        lines = pending[:end].decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length") or 0)
        rest = pending[end + 4 :]
        if len(rest) >= length:
            body, pending = rest[:length], rest[length:]
        else:
            body, pending = receive(connection, rest, length), b""
        answer(connection, state, Request(method, path, headers, body))
        if state.stopping:
            return
        if state.keeper.retiring:
            raise SystemExit(0)


def receive(connection: "socket.socket", start: bytes, length: int) -> bytes:
    pieces, missing = [start], length - len(start)
    while missing:
        data = connection.recv(missing, socket.MSG_WAITALL)
        if not data:
            raise OSError("the caller left in the middle of a body")
        pieces.append(data)
        missing -= len(data)
    return b"".join(pieces) if start or len(pieces) > 2 else pieces[1]


def answer(connection: "socket.socket", state: Worker, request: Request) -> None:
    if request.path.startswith("/ping"):
        send(connection, 200, "text/plain", b"", {})
        return
    if not request.path.startswith(getattr(state.handler, "PATHS", "/invocations")):
        send(connection, 404, "text/plain", b"Only /ping and /invocations are here.", {})
        return
    try:
        status, kind, body, headers = state.handler(request)  # type: ignore[operator]
        pieces = None if isinstance(body, (bytes, bytearray)) else iter(body)
        first = next(pieces, None) if pieces is not None else None
    except Exception as error:
        if not isinstance(error, Refused):
            traceback.print_exc()
        send(connection, *failure(error))
        return
    state.keeper.look()
    if state.keeper.retiring:  # said before it happens, so that no request is on its way
        headers = dict(headers, Connection="close")
    if pieces is None:
        send(connection, status, kind, body, headers)
    else:
        stream(connection, status, kind, first, pieces, headers)


def failure(error: Exception) -> "tuple[int, str, bytes, dict[str, str]]":
    """The answer to a request that raised this."""
    status = getattr(error, "status_code", 500)
    text = str(error) if isinstance(error, Refused) else "%s: %s" % (type(error).__name__, error)
    return status if isinstance(status, int) else 500, "text/plain", text.encode("utf-8"), {}


def head(status: int, kind: str, headers: "dict[str, str]", framing: str) -> bytes:
    more = "".join("%s: %s\r\n" % pair for pair in headers.items()) if headers else ""
    reason = REASONS.get(status, "Status")
    return (
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%s%s\r\n\r\n" % (status, reason, kind, more, framing)
    ).encode("latin-1")


def send(connection: "socket.socket", status: int, kind: str, body: bytes, headers: "dict[str, str]") -> None:
    start = head(status, kind, headers, "Content-Length: %d" % len(body))
    if len(body) < CHUNK:
        connection.sendall(start + body)
    else:
        connection.sendall(start)
        connection.sendall(body)


def stream(
    connection: "socket.socket",
    status: int,
    kind: str,
    first: "bytes | None",
    rest: "object",
    headers: "dict[str, str]",
) -> None:
    """What fails midway closes the connection: the answer stays short, which its reader notices."""
    connection.sendall(head(status, kind, headers, "Transfer-Encoding: chunked"))
    piece = first
    while piece is not None:
        data = piece.encode("utf-8") if isinstance(piece, str) else bytes(piece)
        if data:
            connection.sendall(b"%x\r\n" % len(data) + data + b"\r\n")
        try:
            piece = next(rest, None)  # type: ignore[call-overload]
        except Exception as error:
            traceback.print_exc()
            raise OSError("the answer's stream failed") from error
    connection.sendall(b"0\r\n\r\n")
