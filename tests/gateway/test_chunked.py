"""`aws-chunked` bodies: cut anywhere by the network, signed or not, whole or broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain import signing
from clary.gateway.chunked import SIGNED, SIGNED_TRAILER, UNSIGNED, Signer, Unchunked
from clary.wire.errors import WireError

CLAIM = signing.Claim("AKIA", "20261124", "us-east-1", "s3", "20261124T000000Z", ("host",), "0" * 64)
SIGNER = Signer(CLAIM, CLAIM.key("secret"))


class Pieces:
    """A body that arrives in these pieces."""

    trailers: Mapping[str, str] = {}
    length: int | None = None

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


def framed(kind: str, chunks: list[bytes], trailers: Mapping[str, str] | None = None) -> bytes:
    """The body as its sender frames and signs it."""
    previous, out = CLAIM.signature, []
    for chunk in [*chunks, b""]:
        previous = signing.chunk_signature(CLAIM, SIGNER.key, previous, sha256(chunk).hexdigest())
        extension = "" if kind == UNSIGNED else f";chunk-signature={previous}"
        out.append(f"{len(chunk):x}{extension}\r\n".encode() + chunk + (b"\r\n" if chunk else b""))
    for name, value in (trailers or {}).items():
        out.append(f"{name}:{value}\r\n".encode())
    if kind == SIGNED_TRAILER:
        signature = signing.trailer_signature(CLAIM, SIGNER.key, previous, trailers or {})
        out.append(f"x-amz-trailer-signature:{signature}\r\n".encode())
    return b"".join((*out, b"\r\n"))


def read(kind: str, length: int | None, *pieces: bytes) -> tuple[bytes, Mapping[str, str]]:
    body = Unchunked(Pieces(*pieces), length, None if kind == UNSIGNED else SIGNER, kind == SIGNED_TRAILER)

    async def collect() -> bytes:
        return b"".join([piece async for piece in body])

    return asyncio.run(collect()), body.trailers


kinds = st.sampled_from([UNSIGNED, SIGNED, SIGNED_TRAILER])
chunked_data = st.lists(st.binary(min_size=1, max_size=40), max_size=4)


@given(kinds, chunked_data, st.lists(st.integers(0, 400), max_size=8))
def test_the_data_comes_out_however_the_network_cuts(kind: str, chunks: list[bytes], cuts: list[int]) -> None:
    trailers = {} if kind == SIGNED else {"x-amz-checksum-crc32": "sOO8/Q=="}
    wire = framed(kind, chunks, trailers)
    ends = [0, *sorted(cuts), len(wire)]
    pieces = [wire[a:b] for a, b in pairwise(ends)]
    data = b"".join(chunks)
    assert read(kind, len(data), *pieces) == (data, trailers)


@given(kinds, chunked_data, st.data())
def test_a_body_that_ends_early_is_incomplete(kind: str, chunks: list[bytes], data: st.DataObject) -> None:
    wire = framed(kind, chunks, {} if kind == SIGNED else {"x-amz-checksum-crc32": "sOO8/Q=="})
    end = data.draw(st.integers(0, len(wire) - 1))
    with pytest.raises(WireError) as error:
        read(kind, sum(map(len, chunks)), wire[:end])
    assert error.value.code in ("IncompleteBody", "SignatureDoesNotMatch")


@given(st.sampled_from([SIGNED, SIGNED_TRAILER]), chunked_data.filter(bool), st.data())
def test_no_changed_byte_of_signed_data_passes(kind: str, chunks: list[bytes], data: st.DataObject) -> None:
    trailers = {"x-amz-checksum-crc32": "sOO8/Q=="} if kind == SIGNED_TRAILER else {}
    wire = bytearray(framed(kind, chunks, trailers))
    spot = data.draw(st.integers(0, len(wire) - 1))
    wire[spot] = data.draw(st.integers(0, 255).filter(lambda byte: byte != wire[spot]))
    try:
        got = read(kind, sum(map(len, chunks)), bytes(wire))
    except WireError:
        return
    # What may change is the framing's own spelling (the letter case of a size, a carriage return).
    assert got == (b"".join(chunks), trailers)


@pytest.mark.parametrize(
    ("body", "length", "said"),
    [
        (b"zz\r\nab\r\n", 2, "hexadecimal"),
        (b"-2\r\nab\r\n", 2, "hexadecimal"),
        (b"2\r\nabc\r\n0\r\n\r\n", 2, "longer than its size"),
        (b"2\r\nab\r\n0\r\n\r\n", 3, "hold 2 bytes, 3 were announced"),
        (b"4\r\nabcd\r\n0\r\n\r\n", 3, "more than the 3"),
        (b"2\r\nab\r\n0\r\nno colon\r\n\r\n", 2, "no colon"),
        (b"0" * 20_000, 2, "too long"),
    ],
)
def test_broken_framing_says_what_is_broken(body: bytes, length: int, said: str) -> None:
    with pytest.raises(WireError, match=said) as error:
        read(UNSIGNED, length, body)
    assert error.value.code == "IncompleteBody"
