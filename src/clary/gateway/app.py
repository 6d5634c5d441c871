"""The edge as an ASGI application: opens an exchange for each request, runs it down the chain, sends the answer.

Whatever a step raises becomes an error in AWS's form; a client that hung up is forgotten quietly. The state of
the connection is kept right: a client that waits for `100 Continue` and is refused instead will not send its
body, so that connection closes; the rest of any other unread body is left to the server to drain.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from clary.api.context import Ports
from clary.domain.signing import decoded_query
from clary.gateway import extensions as own
from clary.gateway import faults, shortcut
from clary.gateway.bodies import ClientDisconnected, Incoming
from clary.gateway.call import BODILESS, START, WHOLE
from clary.gateway.chain import CHAIN, Extension, House
from clary.gateway.exchange import Exchange, Receive, Scope, Send, header_map
from clary.gateway.identify import Directory, form_error_protocol
from clary.gateway.keys import Keys
from clary.gateway.threads import Threads
from clary.wire import codec
from clary.wire.errors import WireError
from clary.wire.messages import HttpRequest, HttpResponse

log = logging.getLogger("clary.gateway")

THREADS = 32
"""For plain operations. They wait for the disk more than they compute, and the store commits together what
waits together, so there are more of them than CPUs."""


class Gateway:
    def __init__(
        self,
        ports: Ports,
        services: Sequence[str],
        clock: Callable[[], float] = time.time,
        *,
        extensions: Mapping[str, Extension] | None = None,
    ) -> None:
        """`services`: botocore's names. `extensions`: by path; one that ends in a slash answers all under it."""
        self._clock = clock
        self._house = House(
            ports,
            Directory(services),
            Keys(ports.store),
            Threads(THREADS),
            Threads(1),
            {"/_clary/health": own.health, "/_clary/operations": own.operations, **(extensions or {})},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    def close(self) -> None:
        """Let the operations under way end, and take no more."""
        self._house.threads.close()
        self._house.hashing.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = header_map(scope)
        query = scope["query_string"].decode("latin-1")
        path = (scope.get("raw_path") or b"/").decode("latin-1").partition("?")[0]
        incoming = Incoming(receive, headers)
        exchange = Exchange(
            HttpRequest(scope["method"], path, query, headers, incoming), _request_id(), self._clock(), path,
            decoded_query(query), incoming,
        )  # fmt: skip
        try:
            for step in shortcut.CHAIN if shortcut.taken(exchange) else CHAIN:
                await step(self._house, exchange)
                if exchange.response is not None:
                    break
            response = exchange.response or HttpResponse(404)
        except ClientDisconnected:
            return
        except Exception as error:
            response = _failure(exchange, error)
        if (
            not incoming.started
            and not incoming.ended
            and headers.get("expect", "").lower() == "100-continue"
        ):
            response.headers.append(("connection", "close"))
        if isinstance(response.body, bytes):
            await _send(response, response.body, send, together=WHOLE in scope.get("extensions", ()))
        else:
            await _stream(response, response.body, exchange.request_id, receive, send)


def _request_id() -> str:
    """In the form of a UUID. It names a request in logs and guards nothing, so no system call is spent on it."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _failure(exchange: Exchange, error: Exception) -> HttpResponse:
    """The answer to whatever a step raised."""
    request = exchange.request
    service = exchange.services[0] if exchange.services else None
    named = exchange.operation.name if exchange.operation else f"{request.method} {request.path}"
    wire = faults.as_wire_error(
        error,
        service.name if service else "",
        f"{service.name if service else 'edge'}.{named} ({exchange.request_id})",
    )
    if service is None:
        return own.plain_error(wire, form_error_protocol(request), exchange.request_id)
    protocol = exchange.protocol or _presumed(service.model.protocol, request)
    try:
        return codec.encode_error(service, exchange.operation, protocol, wire, exchange.request_id)
    except Exception:
        log.exception("The error %r could not be encoded", wire)
        return own.plain_error(
            WireError("InternalFailure", wire.message, 500), form_error_protocol(request), exchange.request_id
        )


def _presumed(protocol: str, request: HttpRequest) -> str:
    """Of a service that speaks several, the protocol that this request seems to use."""
    if protocol == "smithy-rpc-v2-cbor" and "smithy-protocol" not in request.headers:
        return form_error_protocol(request)
    return protocol


async def _send(response: HttpResponse, body: bytes, send: Send, *, together: bool) -> None:
    headers = [
        (name, value if value.isascii() and value.isprintable() else _clean(value))
        for name, value in response.headers
    ]
    if together:
        await send({"type": WHOLE, "status": response.status, "headers": headers, "body": body})
        return
    if response.status not in BODILESS and not any(name.lower() == "content-length" for name, _ in headers):
        headers.append(("content-length", str(len(body))))
    await send({"type": START, "status": response.status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _stream(
    response: HttpResponse, body: AsyncIterator[bytes], request_id: str, receive: Receive, send: Send
) -> None:
    """Send what the iterator yields, for as long as the client is there: one that leaves while the next piece is
    awaited ends that. A failure cuts the connection: the status line is gone already, and a short body is what tells
    the client."""
    headers = _encoded((name, _clean(value)) for name, value in response.headers)
    await send({"type": START, "status": response.status, "headers": headers})
    task = asyncio.current_task()
    assert task is not None

    def left(gone: asyncio.Future[None]) -> None:
        if not gone.cancelled():
            task.cancel()

    gone = asyncio.ensure_future(_disconnection(receive))
    gone.add_done_callback(left)
    try:
        async for piece in body:
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except asyncio.CancelledError:
        if not gone.done():
            raise
        task.uncancel()
    except Exception:
        log.exception("The answer to %s broke off", request_id)
    finally:
        gone.remove_done_callback(left)
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone
        if close := getattr(body, "aclose", None):
            await close()


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _clean(value: str) -> str:
    """A header may not carry line breaks or control characters; what latin-1 cannot hold goes as UTF-8."""
    value = "".join(c if c.isprintable() or c == "\t" else " " for c in value)
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode().decode("latin-1")
    return value


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
