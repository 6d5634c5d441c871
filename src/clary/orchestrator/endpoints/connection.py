"""HTTP/1.1 to one worker over its Unix socket: one request at a time, the connection kept.

`send` gives a reply whose body is whole; with `stream` the reply comes with its headers, and its body as pieces
arrive (`streaming.py`).
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from typing import cast

import httptools

from clary.api.routes import Invocation, Reply
from clary.orchestrator.endpoints.streaming import Streamed

LARGE = 1 << 16
"""Bytes of a body from which on it is not copied to be sent, nor parsed when it comes."""
UNSENT = 1 << 22
BUFFER = 1 << 21
"""Bytes that may lie in the socket: a body of some size passes in few turns."""


def head(
    method: str, path: str, headers: Mapping[str, str], length: int, more: str = ""
) -> bytes:  # fmt: skip
    """A request's first lines, with the header lines `more`."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return (
        f"{method} {path} HTTP/1.1\r\nHost: worker\r\n{more}{lines}Content-Length: {length}\r\n\r\n"
    ).encode("latin-1", "replace")


def request_head(invocation: Invocation, more: str = "") -> bytes:
    return head("POST", invocation.path, invocation.headers, len(invocation.body), more)


class Lost(Exception):
    """The connection ended before the reply was complete. `began`: whether some of it had come."""

    def __init__(self, began: bool) -> None:
        super().__init__("the worker's connection ended")
        self.began = began


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._reply: asyncio.Future[Reply] | None = None
        self._streams = False
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._missing = 0
        """Bytes of a large body still to come, which goes around the parser."""
        self._streamed: Streamed | None = None
        self._complete = True
        self._began = False
        self._sent: bytes | None = None
        """The head of a request that is on its way, while nobody asks for the reply."""
        self.began = 0.0
        """When the last request was sent, by `time.perf_counter`."""
        self._settled: asyncio.Future[None] | None = None
        self.closed = asyncio.get_running_loop().create_future()
        """Done once the connection has ended, whoever ended it."""

    def send(self, head: bytes, body: bytes, stream: bool = False) -> asyncio.Future[Reply]:
        """The reply to a request, which is sent unless this very `head` is on its way already. Raises `Lost`, at once or
        when it is awaited. Cancelled, it leaves the connection unusable."""
        if self._sent is not head:
            if self.closed.done():
                raise Lost(False)
            self.begin(head, body, stream)
        self._sent = None
        assert self._reply is not None
        return self._reply

    def begin(self, head: bytes, body: bytes, stream: bool = False) -> None:
        """Send a request. Its reply is for whoever calls `send` with the same `head`."""
        self._sent, self.began = head, time.perf_counter()
        self._reply = asyncio.get_running_loop().create_future()
        self._streams, self._complete, self._began = stream, False, False
        self._headers = {}
        if len(body) < LARGE:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def settled(self) -> None:
        """Once the last reply has come whole, or will not come any more."""
        if not self._complete and not self.closed.done():
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled

    @property
    def complete(self) -> bool:
        """Whether the last reply has come whole, and the next request may go."""
        return self._complete

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(UNSENT)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._around(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()
            return
        if not self._complete and self._began and self._streamed is None:
            missing = int(self._headers.get("content-length", 0)) - sum(map(len, self._pieces))
            if missing > LARGE:
                self._missing = missing

    def _around(self, data: bytes) -> None:
        """Take a large body's bytes without the parser, which would copy them."""
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing <= 0:  # less than none: the program sends what it was not asked for
            whole, status = self._missing == 0, self._parser.get_status_code()
            self._missing = 0
            if not whole:
                self._transport.abort()
                return
            self._parser = httptools.HttpResponseParser(self)
            self._came(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(Lost(self._began))
        if not self.closed.done():
            self.closed.set_result(None)
        self._settle()
        if self._streamed is not None:
            self._streamed.end(whole=False)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._began = True
        self._pieces = []
        if self._streams:
            self._streamed = Streamed(self._transport.pause_reading, self._transport.resume_reading)
            self._answer(self._parser.get_status_code(), self._streamed)

    def on_body(self, piece: bytes) -> None:
        if self._streamed is not None:
            self._streamed.put(piece)
        else:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        if self._streamed is None:
            self._came(self._parser.get_status_code())
            return
        streamed, self._streamed = self._streamed, None
        self._complete = True
        self._settle()
        self._transport.resume_reading()
        streamed.end(whole=True)

    def _came(self, status: int) -> None:
        """A whole answer."""
        self._complete = True
        self._settle()
        pieces, self._pieces = self._pieces, []
        self._answer(status, pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _settle(self) -> None:
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _answer(self, status: int, body: bytes | Streamed) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(Reply(status, self._headers, body))
