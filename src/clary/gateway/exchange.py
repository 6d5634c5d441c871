"""One call on its way through the edge: what is known of it so far, filled in by the steps of the chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from msgspec import Struct

from clary.api.context import Principal
from clary.api.extensions import Function
from clary.domain.signing import Claim
from clary.domain.signing_v2 import LegacyClaim
from clary.gateway.bodies import Incoming
from clary.wire.messages import Document, HttpRequest, HttpResponse
from clary.wire.models import Operation, Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Exchange(Struct):
    request: HttpRequest
    """As it goes to the codec: an S3 request in path style, the body freed of framing once it is read."""
    request_id: str
    now: float
    signed_path: str
    """The path as on the wire, which is the one that was signed."""
    query: Mapping[str, str]
    """Decoded."""
    incoming: Incoming
    claim: Claim | LegacyClaim | None = None
    services: Sequence[Service] = ()
    """Those that the request may be for: the signing name `sagemaker` covers four."""
    region: str = ""
    principal: Principal | None = None
    extension: Function | None = None
    """What answers it instead of an operation."""
    operation: Operation | None = None
    protocol: str = ""
    document: Document = {}
    answer: Document | None = None
    response: HttpResponse | None = None
    """Set by the step that ends the chain."""

    @property
    def service(self) -> Service:
        return self.services[0]


def header_map(scope: Scope) -> dict[str, str]:
    """Lower-case names; a repeated header's values joined by a comma."""
    pairs = scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1").strip(" \t") for name, value in pairs}
    if len(headers) == len(pairs):
        return headers
    headers = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip(" \t")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
