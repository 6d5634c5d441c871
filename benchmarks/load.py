"""Requests written once and sent over kept connections by a client that only counts answers, and what a process
costs meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

TICKS = os.sysconf("SC_CLK_TCK")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def written(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A request as bytes. `headers` name the host."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    length = (
        ""
        if any(name.lower() == "content-length" for name in headers)
        else f"content-length: {len(body)}\r\n"
    )
    return f"{method} {path} HTTP/1.1\r\n{lines}{length}\r\n".encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[bool]) -> None:
        self._requests, self._done = requests, done
        self._buffer = b""
        self._missing = 0
        self._last = False
        self._transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self._done.set_result(True)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._missing > len(data):  # of a body whose head was read
            self._missing -= len(data)
            return
        if self._missing:
            self._missing = 0
            self._answered()
            return
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            self._done.set_exception(AssertionError(self._buffer[:2000].decode("latin-1")))
            self._transport.close()
            return
        length = _LENGTH.search(head)
        if length is None and b"chunked" in head.lower() and not rest.endswith(b"0\r\n\r\n"):
            return
        self._last = head.startswith(b"HTTP/1.0") or b"\r\nconnection: close" in head.lower()
        self._buffer = b""
        self._missing = max(0, int(length[1]) - len(rest)) if length else 0
        if not self._missing:
            self._answered()

    def _answered(self) -> None:
        if self._last:
            self._done.set_result(False)
            self._transport.close()
        else:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server hung up"))


def drive(url: str, queues: Iterable[Iterable[bytes]]) -> float:
    """Seconds until every connection has had its requests answered with 200, one after the other."""

    address = urlsplit(url)

    async def send(requests: Iterator[bytes]) -> None:
        """Over one connection, or over as many as the server insists on."""
        loop, whole = asyncio.get_running_loop(), False
        while not whole:
            done: asyncio.Future[bool] = loop.create_future()
            connection = partial(_Connection, requests, done)
            await loop.create_connection(connection, address.hostname or "", address.port or 80)
            whole = await done

    async def run() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(send(iter(queue)) for queue in queues))
        return time.perf_counter() - began

    return uvloop.run(run())


def latencies(url: str, requests: Iterable[bytes]) -> list[float]:
    """Seconds that each of the requests took, sent one after the other over one connection."""
    found: list[float] = []

    def watched() -> Iterator[bytes]:
        for request in requests:
            began = time.perf_counter()
            yield request  # the next is asked for when this one is answered
            found.append(time.perf_counter() - began)

    drive(url, [watched()])
    return found


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that ended meanwhile
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def processor(pid: int) -> float:
    """Seconds of CPU that a process and its living descendants have used."""
    used = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        used += int(fields[11]) + int(fields[12])
    return used / TICKS


def resident(pid: int) -> int:
    """Bytes of memory that a process holds now."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
