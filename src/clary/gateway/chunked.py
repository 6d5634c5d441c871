"""`aws-chunked` framing taken off a body, its signatures checked on the way.

    HEX-SIZE[;chunk-signature=SIGNATURE] CRLF  data CRLF   ...   0[;chunk-signature=SIGNATURE] CRLF
    name:value CRLF ...  [x-amz-trailer-signature:SIGNATURE CRLF]  CRLF

The value of x-amz-content-sha256 says which: STREAMING-UNSIGNED-PAYLOAD-TRAILER (boto3 over https),
STREAMING-AWS4-HMAC-SHA256-PAYLOAD and STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER. Pieces are passed on as they
arrive, a chunk's signature is checked at its end. Sources: Amazon S3 API Reference, "Signature calculations for
the authorization header: transferring payload in multiple chunks" and "... including trailing headers".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from clary.domain import signing
from clary.wire.errors import WireError
from clary.wire.messages import Body

UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
FRAMED = frozenset({UNSIGNED, SIGNED, SIGNED_TRAILER})
LINE_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Signer:
    """What chunk signatures are computed with: the request's claim and its key."""

    claim: signing.Claim
    key: bytes


class Unchunked:
    """Raises WireError: IncompleteBody for broken framing or a wrong length, SignatureDoesNotMatch."""

    def __init__(
        self, body: Body, length: int | None, signer: Signer | None, trailer_signed: bool = False
    ) -> None:
        """`length`: x-amz-decoded-content-length. `signer`: None for unsigned chunks."""
        self.length = length
        self.trailers: Mapping[str, str] = {}
        self._source = body
        self._signer = signer
        self._trailer_signed = trailer_signed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reader = _Reader(self._source)
        previous = self._signer.claim.signature if self._signer else ""
        total = 0
        while True:
            size, given = _chunk_header(await reader.line())
            digest = sha256() if self._signer else None
            total += size
            if self.length is not None and total > self.length:
                raise incomplete(f"The chunks hold more than the {self.length} bytes announced.")
            async for piece in reader.exactly(size):
                if digest:
                    digest.update(piece)
                yield piece
            if self._signer and digest:
                expected = signing.chunk_signature(
                    self._signer.claim, self._signer.key, previous, digest.hexdigest()
                )
                _check(expected, given)
                previous = expected
            if size == 0:
                break
            if await reader.line() != b"":
                raise incomplete("A chunk is longer than its size says.")
        self.trailers = await self._read_trailers(reader, previous)
        if self.length is not None and total != self.length:
            raise incomplete(f"The chunks hold {total} bytes, {self.length} were announced.")
        async for _ in reader.rest():
            pass

    async def _read_trailers(self, reader: _Reader, previous: str) -> dict[str, str]:
        trailers: dict[str, str] = {}
        while (line := await reader.line()) != b"":
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise incomplete("A trailing header has no colon.")
            trailers[name.strip().lower()] = value.strip()
        given = trailers.pop("x-amz-trailer-signature", "")
        if self._signer and self._trailer_signed:
            _check(signing.trailer_signature(self._signer.claim, self._signer.key, previous, trailers), given)
        return trailers


class _Reader:
    def __init__(self, source: Body) -> None:
        self._pieces = source.__aiter__()
        self._buffer = b""

    async def _more(self) -> bool:
        async for piece in self._pieces:
            self._buffer += piece
            return True
        return False

    async def line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LINE_LIMIT:
                raise incomplete("A chunk's header is too long.")
            if not await self._more():
                raise incomplete("The body ended inside its framing.")
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.removesuffix(b"\r")

    async def exactly(self, size: int) -> AsyncIterator[bytes]:
        while size:
            if not self._buffer and not await self._more():
                raise incomplete("The body ended inside a chunk.")
            if len(self._buffer) <= size:
                piece, self._buffer = self._buffer, b""
            else:
                piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            yield piece

    async def rest(self) -> AsyncIterator[bytes]:
        """To the source's end, where its own checks are made."""
        while await self._more():
            self._buffer = b""
            yield b""


def _chunk_header(line: bytes) -> tuple[int, str]:
    size, _, extension = line.decode("latin-1").partition(";")
    try:
        if not size or size.strip("0123456789abcdefABCDEF"):
            raise ValueError
        return int(size, 16), extension.partition("=")[2] if extension.startswith("chunk-signature=") else ""
    except ValueError:
        raise incomplete("A chunk's size is not a hexadecimal number.") from None


def _check(expected: str, given: str) -> None:
    if not signing.matches(expected, given):
        raise WireError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
            " Check your key and signing method.",
            403,
        )


def incomplete(detail: str) -> WireError:
    return WireError("IncompleteBody", f"The request body terminated unexpectedly. {detail}")
