"""A body read whole has no more bytes than it may, in however many pieces it comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clary.gateway.bodies import Incoming, whole
from clary.wire.errors import WireError


def read(pieces: list[bytes], limit: int) -> bytes:
    """Of a body whose length nobody said."""
    coming = iter(pieces)
    left = [len(pieces)]

    async def receive() -> dict[str, Any]:
        left[0] -= 1
        return {"type": "http.request", "body": next(coming), "more_body": left[0] > 0}

    body = Incoming(receive, {"transfer-encoding": "chunked"})
    return asyncio.run(whole(body, limit, lambda: WireError("TooLarge", "too large", 413)))


@pytest.mark.parametrize("pieces", [[b"123456"], [b"123", b"456"], [b"123456", b""], [b"", b"123456"]])
def test_as_many_bytes_as_may_be(pieces: list[bytes]) -> None:
    assert read(pieces, 6) == b"123456"


@pytest.mark.parametrize("pieces", [[b"123456"], [b"123", b"456"], [b"123456", b""], [b"", b"123456"]])
def test_one_more_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(WireError, match="too large"):
        read(pieces, 5)
