"""botocore as the client at the other end of the wire."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from botocore.awsrequest import HeadersDict
from botocore.parsers import PROTOCOL_PARSERS
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence

from clary.wire.messages import HttpRequest, HttpResponse
from clary.wire.models import Operation


def sent(operation: Operation, protocol: str, parameters: dict[str, Any]) -> HttpRequest:
    """The request that botocore makes of `parameters`, which it checks first."""
    made = create_serializer(protocol).serialize_to_request(parameters, operation.model)
    path, _, query = made["url_path"].partition("?")
    more = percent_encode_sequence(made["query_string"]) if made["query_string"] else ""
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    headers = {name.lower(): str(value) for name, value in made["headers"].items()}
    return HttpRequest(made["method"], path, "&".join(filter(None, (query, more))), headers, body)


class Stream:
    """Stands for what botocore wraps around a connection."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    def read(self) -> bytes:
        return self._body.read()

    def stream(self) -> list[bytes]:
        return [self._body.read()]


def received(
    operation: Operation, protocol: str, response: HttpResponse, shape: Any = None
) -> dict[str, Any]:
    """What botocore reads from `response`; `shape` is the output's unless it is an error's."""
    shape = operation.output if shape is None else shape
    assert isinstance(response.body, bytes)
    body: Any = response.body
    if response.status < 300 and operation.model.has_streaming_output:
        body = Stream(body)
    message = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": body,
        "context": {"operation_name": operation.name},
    }
    parsed: dict[str, Any] = PROTOCOL_PARSERS[protocol]().parse(message, shape)
    return {
        name: value.read() if isinstance(value, Stream) else value
        for name, value in parsed.items()
        if name != "ResponseMetadata"
    }


def comparable(value: Any) -> Any:
    """Dates as epoch milliseconds, and whole documents of them."""
    if isinstance(value, dict):
        return {name: comparable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def dated(value: Any, like: Any) -> Any:
    """`value` of a decoded document, with epoch seconds as milliseconds where `like` has a date."""
    if isinstance(like, dict) and isinstance(value, dict):
        return {name: dated(item, like.get(name)) for name, item in value.items()}
    if isinstance(like, list) and isinstance(value, list) and len(like) == len(value):
        return [dated(item, other) for item, other in zip(value, like, strict=True)]
    return round(value * 1000) if isinstance(like, datetime) and isinstance(value, float) else value
