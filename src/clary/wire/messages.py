"""The plain messages that pass between the edge and the codec. They know HTTP and nothing of AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from msgspec import Struct

Document = dict[str, Any]
"""Parameters of an operation, by member name. Timestamps are float epoch seconds, blobs are bytes,
and a streaming blob is a `Body` (in a request) or an asynchronous iterable of bytes (in an answer)."""


class Written(Document):
    """An answer whose JSON is made already. Members that it has are for whoever hands it on."""

    def __init__(self, body: bytes, **members: Any) -> None:
        super().__init__(members)
        self.body = body


class Body(Protocol):
    """A request's payload as it arrives, already freed of transfer and `aws-chunked` framing."""

    @property
    def length(self) -> int | None:
        """Bytes of payload to come, where the client said so."""
        ...

    @property
    def trailers(self) -> Mapping[str, str]:
        """Trailing headers, lower-case names; complete once the iteration has ended."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class HttpRequest(Struct):
    method: str
    path: str
    """As on the wire: percent-encoded, without the query."""
    query: str = ""
    """As on the wire, without the question mark."""
    headers: Mapping[str, str] = {}
    """Lower-case names; a repeated header's values joined by a comma."""
    body: bytes | Body = b""


class HttpResponse(Struct):
    status: int = 200
    headers: list[tuple[str, str]] = []
    body: bytes | AsyncIterator[bytes] = b""
