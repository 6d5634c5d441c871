"""A CONNECT proxy on loopback: TLS to AWS's hosts ends here, and what is inside goes to Clary byte by byte.

Nothing of HTTP is read or changed after the CONNECT: keep-alive, chunks and `100 Continue` are between client
and Clary, and the Host header, which signatures cover, stays the client's own. Other hosts are tunnelled
untouched, through the proxy that the user had before if there was one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from clary.clients.connection import NotServing
from clary.clients.hook.clary_hook.hosts import is_aws
from clary.clients.proxy.authority import Authority

log = logging.getLogger(__name__)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HEAD_LIMIT = 64 * 1024
_HEAD_SECONDS = 30.0
_CHUNK = 256 * 1024


class Refused(Exception):
    """A CONNECT that is not carried out; `status` and the message go to the client."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Proxy:
    def __init__(self, authority: Authority, clary: Callable[[], str], upstream: str = "") -> None:
        """`clary`: Clary's URL, asked for at every connection. `upstream`: the proxy for other hosts, a URL."""
        self._authority, self._clary, self._upstream = authority, clary, upstream

    async def start(self, port: int, host: str = "127.0.0.1") -> asyncio.Server:
        return await asyncio.start_server(self._accept, host, port, limit=_HEAD_LIMIT)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: asyncio.StreamWriter | None = None
        try:
            try:
                host, port = await _connect_request(reader)
                ours = is_aws(host)
                peer_reader, peer = await (self._to_clary() if ours else self._to(host, port))
            except Refused as refused:
                body = f"clary proxy: {refused}\n".encode()
                head = (
                    f"HTTP/1.1 {refused.status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
                return
            context = self._authority.context(host) if ours else None
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if context is not None:  # at once: what the client says next is TLS already
                await writer.start_tls(context)
            await asyncio.gather(_pump(reader, peer), _pump(peer_reader, writer))
        except (OSError, ssl.SSLError, TimeoutError) as error:
            log.info("a connection ended: %s", error)
        finally:
            for end in (writer, peer):
                if end is not None:
                    end.close()

    async def _to_clary(self) -> Streams:
        try:
            url = urlsplit(self._clary())
            return await asyncio.open_connection(url.hostname, url.port, limit=_CHUNK)
        except (OSError, NotServing) as error:
            raise Refused("503 Service Unavailable", f"Clary does not answer: {error}") from error

    async def _to(self, host: str, port: int) -> Streams:
        try:
            if not self._upstream:
                return await asyncio.open_connection(host, port, limit=_CHUNK)
            upstream = urlsplit(self._upstream)
            streams = await asyncio.open_connection(upstream.hostname, upstream.port or 80, limit=_CHUNK)
        except OSError as error:
            raise Refused("502 Bad Gateway", f"{host}:{port} cannot be reached: {error}") from error
        reader, writer = streams
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        writer.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode("ascii"))
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.close()
            raise Refused("502 Bad Gateway", "the proxy behind this one gave no answer") from error
        status = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")[2]
        if not status.startswith("200"):
            writer.close()
            raise Refused(status or "502 Bad Gateway", f"the proxy behind this one refused {authority}")
        return streams


async def _connect_request(reader: asyncio.StreamReader) -> tuple[str, int]:
    """The host and port of a CONNECT. Raises `Refused` for anything else."""
    try:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refused("431 Request Header Fields Too Large", "the request's head is too large") from None
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("closed before a request") from error
    method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    if method != "CONNECT":
        raise Refused("405 Method Not Allowed", "this proxy is for HTTPS: it answers CONNECT only")
    host, _, port = target.rpartition(":")
    if not host or not port.isdecimal():
        raise Refused("400 Bad Request", f"CONNECT wants host:port, not {target!r}")
    return host.strip("[]").lower(), int(port)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything from one end to the other; at its end the other's writing ends too."""
    try:
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            if sink.can_write_eof():
                sink.write_eof()
            else:
                sink.close()
