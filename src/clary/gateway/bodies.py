"""A request's payload, from ASGI's receive() to what the service reads.

    Incoming      the bytes as they arrive, their number and SHA-256 checked at the end
    Unchunked     the same, freed of `aws-chunked` framing (see `clary.gateway.chunked`)

Both are a `wire.messages.Body`. A check that fails raises at the end of the iteration, so a service that
commits only after the last piece never keeps a body that did not match.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from hashlib import sha256
from typing import Any

from clary.wire.errors import WireError
from clary.wire.messages import Body


class ClientDisconnected(Exception):
    """The client hung up before the request was read; there is nobody to answer."""


class Incoming:
    """The payload as it arrives; read once."""

    def __init__(
        self, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], headers: Mapping[str, str]
    ) -> None:
        length = headers.get("content-length", "")
        self.length = int(length) if length.isascii() and length.isdigit() else None
        self.trailers: Mapping[str, str] = {}
        self.expected_sha256: str | None = None
        """Hexadecimal; set by whoever verified the signature that covers it."""
        self.started = False
        self.ended = self.length == 0 or (self.length is None and "transfer-encoding" not in headers)
        self._receive = receive

    async def receive(self) -> bytes:
        """The next piece, unchecked; it may be empty. Raises `ClientDisconnected`."""
        self.started = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        self.ended = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = sha256() if self.expected_sha256 is not None else None
        while not self.ended:
            if piece := await self.receive():
                if digest is not None:
                    digest.update(piece)
                yield piece
        if digest is not None and digest.hexdigest() != self.expected_sha256:
            raise WireError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=self.expected_sha256,
                S3ComputedContentSHA256=digest.hexdigest(),
            )


async def whole(body: Body, limit: int, too_large: Callable[[], WireError]) -> bytes:
    """All of it. Raises `too_large()` once there is more than `limit` bytes, before reading where the length says so."""
    if body.length is not None and body.length > limit:
        raise too_large()
    pieces: list[bytes] = []
    size = 0
    if isinstance(body, Incoming) and body.expected_sha256 is None and not body.ended:
        piece = await body.receive()
        if len(piece) > limit:
            raise too_large()
        if body.ended:  # as most come
            return piece
        pieces.append(piece)
        size = len(piece)
    async for piece in body:
        size += len(piece)
        if size > limit:
            raise too_large()
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
