"""One request and its answer, as an ASGI application sees them: `receive`, `send`, and the running of it.

The head of an answer waits for the first piece of its body and leaves with it, in one write: what is answered at
once costs one system call, and its reader wakes once. A head whose body is not there when the application next
waits goes ahead of it. Pieces of a request's body are handed on as they came from the socket, not joined.
"""

from __future__ import annotations

import asyncio
import http
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clary.gateway.exchange import Receive, Scope, Send
    from clary.gateway.protocol import Http

log = logging.getLogger("clary.gateway")

HIGH_WATER = 1 << 19
"""Bytes of a request's body that wait for the application before the client is held back."""
GATHERED = 1 << 18
"""Bytes of a large body that wake the application: each turn of it costs as much as reading some 64 KB."""
APART = 1 << 16
"""Bytes of a body from which on head and body are not joined into one buffer but written side by side."""
STATUS_LINES = {
    **{number: b"HTTP/1.1 %d \r\n" % number for number in range(100, 600)},
    **{each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in http.HTTPStatus},
}
BODILESS = frozenset((204, 304))
_UNCLEAN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNCLEAN_NAME = re.compile(r"[\x00-\x20\x7f()<>@,;:\[\]={}\\\"]")
FAILURE = b"Internal Server Error"
START = "http.response.start"
WHOLE = "clary.response"
"""Status, headers (as text, of latin-1; the body's length is added where it is not among them) and all of the body in
one message: an extension of ASGI, which `scope["extensions"]` names."""


@lru_cache(1024)
def _named(name: str) -> str:
    """A header's name in lower case. Raises RuntimeError for what is none."""
    if _UNCLEAN_NAME.search(name):
        raise RuntimeError(f"the header {name!r} holds what no header may")
    return name.lower()


class Call:
    """`expects`: the client waits for `100 Continue`. `keep`: the connection may carry another call after it."""

    __slots__ = (
        "_bare", "_chunked", "_drained", "_head", "_length", "_pieces", "_protocol", "_size", "_waiter", "ended",
        "expects", "finished", "gathers", "gone", "keep", "scope", "started", "task",
    )  # fmt: skip

    def __init__(self, protocol: Http, scope: Scope, keep: bool, expects: bool) -> None:
        self._protocol, self.scope, self.keep, self.expects = protocol, scope, keep, expects
        self.task: asyncio.Task[None] | None = None
        self.ended = False
        """Whether all of the request has come."""
        self.started = False
        """Whether the application has begun to answer."""
        self.finished = False
        self.gathers = False
        """Whether its body is large, and need not be handed on with every piece that comes."""
        self.gone = False
        """Whether the connection is lost."""
        self._pieces: deque[bytes] | None = deque()
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._head: bytes | None = None
        self._length: int | None = None
        self._chunked = self._bare = False

    async def run(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        try:
            await app(self.scope, self.receive, self.send)
            if not self.finished and not self.gone:
                raise RuntimeError("the application returned before its answer was complete")
        except BaseException as error:
            if isinstance(error, Exception):
                log.exception("A call failed in the server")
            await self._fail()
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise
        finally:
            self._protocol.ended(self)

    async def _fail(self) -> None:
        """What has not begun is answered 500; the connection of anything else is cut, so that it is seen to be short."""
        if self.finished or self.gone:
            return
        self.keep = False
        if self.started:
            self._protocol.cut()
            return
        headers = [("content-type", "text/plain"), ("content-length", str(len(FAILURE)))]
        await self.send({"type": WHOLE, "status": 500, "headers": headers, "body": FAILURE})

    # What comes in

    def feed(self, piece: bytes) -> None:
        if self._pieces is None:
            return  # answered already: the rest is of no interest
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > HIGH_WATER:
            self._protocol.hold()
        if not self.gathers or self._size >= GATHERED:
            self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        if self.expects:
            self.expects = False
            self._protocol.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self.gone and not self.finished:
            if self._pieces:
                piece = self._pieces.popleft()
                self._size -= len(piece)
                last = self.ended and not self._pieces
                if last:
                    self._pieces = None
                return {"type": "http.request", "body": piece, "more_body": not last}
            if self.ended and self._pieces is not None:
                self._pieces = None
                return {"type": "http.request", "body": b"", "more_body": False}
            self._protocol.go_on(self)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    # What goes out

    async def send(self, message: Any) -> None:
        if self._protocol.full is not None and not self.gone:
            self._flush()
            await asyncio.shield(self._protocol.full)
        if self.gone:
            return
        kind = message["type"]
        if kind in (START, WHOLE):
            if self.started:
                raise RuntimeError("an answer has one start")
            self.started = True
            self.expects = False
            if kind == WHOLE:
                body = message["body"]
                self._head = self._written(message["status"], message["headers"], len(body))
                self._send_body(body, False)
            else:
                pairs = message.get("headers", ())
                text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
                self._head = self._written(message["status"], text)
                asyncio.get_running_loop().call_soon(self._flush)
        elif self.started and not self.finished:
            self._send_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} is out of turn")

    def _flush(self) -> None:
        """Send a head whose body is not there yet."""
        if self._head is not None and not self.gone:
            head, self._head = self._head, None
            self._protocol.write(head)

    def _written(self, status: int, headers: Iterable[tuple[str, str]], length: int | None = None) -> bytes:
        """The head. `length`: of the body, where that is there."""
        lines = []
        closing = False
        for name, value in headers:
            name = _named(name)
            if not value.isprintable() and _UNCLEAN.search(value):
                raise RuntimeError(f"the header {name} holds what no header may")
            if name == "content-length":
                self._length = int(value)
            elif name == "connection" and "close" in value.lower():
                self.keep, closing = False, True
            lines.append(f"{name}: {value}\r\n")
        self._bare = self.scope["method"] == "HEAD" or status in BODILESS
        if self._length is None and length is not None and status not in BODILESS:
            self._length = length
            lines.append(f"content-length: {length}\r\n")
        elif self._length is None and not self._bare:
            if self.scope["http_version"] == "1.1":
                self._chunked = True
                lines.append("transfer-encoding: chunked\r\n")
            else:
                self.keep = False
        if not self.keep and not closing:
            lines.append("connection: close\r\n")
        lines.append("\r\n")
        return STATUS_LINES[status] + self._protocol.common + "".join(lines).encode("latin-1")

    def _send_body(self, body: bytes, more: bool) -> None:
        parts = [] if self._head is None else [self._head]
        self._head = None
        if self._bare:
            pass
        elif self._chunked:
            if body:
                parts += b"%x\r\n" % len(body), body, b"\r\n"
            if not more:
                parts.append(b"0\r\n\r\n")
        else:
            if self._length is not None:
                self._length -= len(body)
                if self._length < 0 or (self._length and not more):
                    raise RuntimeError("an answer has as many bytes as its Content-Length says")
            if body:
                parts.append(body)
        if len(parts) == 1:
            self._protocol.write(parts[0])
        elif len(body) < APART:
            self._protocol.write(b"".join(parts))
        else:
            self._protocol.write_all(parts)
        if not more:
            self.finished = True
            self._pieces = None
            self.wake()
            self._protocol.answered(self)
