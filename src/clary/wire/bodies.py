"""A request's body as bytes, where it is a structure and not a payload that is passed on.

Clients compress large bodies of some operations (CloudWatch's PutMetricData) and say so in `Content-Encoding`.
The same header on a payload, as S3's objects have it, describes the payload and is not ours to undo.
"""

from __future__ import annotations

import zlib

from clary.wire.errors import Malformed
from clary.wire.messages import HttpRequest

LARGEST = 64 * 1024 * 1024
"""Bytes that a compressed body may expand to."""


def structured(request: HttpRequest) -> bytes:
    """Raises `Malformed` for a body that cannot be expanded."""
    body = request.body
    if not isinstance(body, bytes):
        raise TypeError("only a blob payload may be streamed")
    encoding = request.headers.get("content-encoding")
    if encoding is None or not body or encoding.rpartition(",")[2].strip().lower() != "gzip":
        return body
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        expanded = inflate.decompress(body, LARGEST)
    except zlib.error:
        raise Malformed("The request body is not gzip") from None
    if not inflate.eof:
        raise Malformed("The request body is too large, or not complete")
    return expanded
