"""Page tokens: where a query's page ended, sealed so that only the store that gave a token takes it.

A token is base64url of a JSON list and 16 bytes of HMAC-SHA256 over the list and the query (all but its
limit and cursor), so a token that was altered, or given out for another query, is a `BadCursor`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from clary.domain.properties import NO_NUMBER
from clary.storage.ports import BadCursor, Query

_SEAL = 16


class Position(NamedTuple):
    """Of a row in a query's order: rows that have the sort property come first, by its (number, text), and
    rows equal in it by the order in which they were made."""

    lacks: bool
    number: float
    text: str
    id: int


class Cursors:
    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def give(self, query: Query, position: Position) -> str:
        number = None if position.number == NO_NUMBER else position.number
        body = msgspec.json.encode([position.lacks, number, position.text, position.id])
        return base64.urlsafe_b64encode(body + self._seal(query, body)).decode().rstrip("=")

    def take(self, query: Query, token: str) -> Position:
        """Raises `BadCursor`."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadCursor("not a page token") from None
        body, seal = raw[:-_SEAL], raw[-_SEAL:]
        if not hmac.compare_digest(seal, self._seal(query, body)):
            raise BadCursor("a page token of another query, or an altered one")
        lacks, number, text, id = _decode(body)
        return Position(lacks, NO_NUMBER if number is None else number, text, id)

    def _seal(self, query: Query, body: bytes) -> bytes:
        about = repr(replace(query, limit=0, cursor=None)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, len(about).to_bytes(8, "big") + about + body, hashlib.sha256)[:_SEAL]


def _decode(body: bytes) -> tuple[bool, Any, str, int]:
    lacks, number, text, id = msgspec.json.decode(body)
    return lacks, None if number is None else float(number), text, id
