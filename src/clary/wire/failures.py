"""Errors as answers, in the form that each protocol's clients read.

json, cbor   `{"__type": "ResourceInUse", "Message": "..."}`, and `x-amzn-query-error` for services that once
             spoke query and keep its codes
rest-json    `x-amzn-ErrorType` and `{"Message": "..."}`
query        `<ErrorResponse><Error><Type>Sender</Type><Code>...`
rest-xml     S3's bare `<Error>`, others as query; nothing in answer to HEAD
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cbor2
import msgspec
from botocore.model import ServiceModel, Shape

from clary.wire.answers import content_type, plain_writers, request_id_headers, service_namespace, xml_writers
from clary.wire.compiled import compiled
from clary.wire.errors import WireError
from clary.wire.messages import Document, HttpResponse
from clary.wire.models import Operation, Service
from clary.wire.values import string
from clary.wire.write_http import HeadWriter
from clary.wire.write_xml import DECLARATION, Markup, Out, escape
from clary.wire.writing import Writer

BODILESS = frozenset({204, 304})


def encode_error(
    service: Service, operation: Operation | None, protocol: str, error: WireError, request_id: str
) -> HttpResponse:
    """`error` may be any exception with `code`, `message`, `status` and `fields`. Its code may be the error shape's
    name or the shape's own code; the model's status wins over the error's."""
    shape = error_shape(service.model, error.code)
    status = _status(shape, error.status)
    response = HttpResponse(status, request_id_headers(service.name, request_id))
    if shape is not None:
        _head(shape).write(error.fields, response)
    if status in BODILESS or (operation is not None and operation.model.http.get("method") == "HEAD"):
        if protocol == "rest-json":
            response.headers.append(("x-amzn-ErrorType", error.code))
        return response
    response.headers.append(("Content-Type", content_type(service.model, protocol)))
    if protocol in {"query", "rest-xml"}:
        response.body = _xml(service, shape, error, status, request_id, protocol)
    else:
        response.body = _plain(service, shape, error, response, protocol)
    return response


def error_shape(model: ServiceModel, code: str) -> Shape | None:
    return _error_shapes(model).get(code)


@compiled
def _error_shapes(model: ServiceModel) -> Mapping[str, Shape]:
    shapes = [shape for shape in model.error_shapes if shape.metadata.get("exception")]
    return {shape.error_code: shape for shape in shapes} | {shape.name: shape for shape in shapes}


@compiled
def _head(shape: Shape) -> HeadWriter:
    return HeadWriter(shape)


@compiled
def _writer(model: ServiceModel, protocol: str, shape: Shape) -> Writer:
    return plain_writers(model, protocol).writer(shape)


@compiled
def _elements(model: ServiceModel, shape: Shape) -> list[tuple[str, Markup]]:
    return xml_writers(model, "iso8601").members(shape)


def _status(shape: Shape | None, fallback: int) -> int:
    modelled = {} if shape is None else shape.metadata.get("error", {})
    return int(modelled.get("httpStatusCode", fallback))


def _members(shape: Shape | None, error: WireError) -> Document:
    """The message under the name that the shape gives it, and the fields."""
    names = ("message",) if shape is None else tuple(n for n in shape.members if n.lower() == "message")
    return dict.fromkeys(names or ("message",), error.message) | error.fields


def _plain(
    service: Service, shape: Shape | None, error: WireError, response: HttpResponse, protocol: str
) -> bytes:
    body: dict[str, Any] = _members(shape, error)
    if shape is not None:
        written = _writer(service.model, protocol, shape)(body)
        body = {"message": error.message} | written if "message" not in map(str.lower, written) else written
    name = error.code if shape is None else shape.name
    if protocol == "rest-json":
        response.headers.append(("x-amzn-ErrorType", name))
    else:
        body = {"__type": name, **body}
    if protocol == "smithy-rpc-v2-cbor":
        response.headers.append(("smithy-protocol", "rpc-v2-cbor"))
    if service.model.is_query_compatible:
        code = error.code if shape is None else shape.error_code
        response.headers.append(("x-amzn-query-error", f"{code};{_blame(response.status)}"))
    return cbor2.dumps(body) if protocol == "smithy-rpc-v2-cbor" else msgspec.json.encode(body)


def _blame(status: int) -> str:
    return "Sender" if status < 500 else "Receiver"


def _xml(
    service: Service, shape: Shape | None, error: WireError, status: int, request_id: str, protocol: str
) -> bytes:
    out: Out = [DECLARATION]
    s3 = protocol == "rest-xml" and service.name == "s3"
    if not s3:
        out.append(f"<ErrorResponse{service_namespace(service.model)}>")
    out.append("<Error>")
    if not s3:
        out.append(f"<Type>{_blame(status)}</Type>")
    code = error.code if shape is None else shape.error_code
    out.append(f"<Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>")
    _fields(service.model, shape, error, out)
    if s3:
        out.append(
            f"<RequestId>{escape(request_id)}</RequestId><HostId>{escape(request_id)}</HostId></Error>"
        )
    else:
        out.append(f"</Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>")
    return "".join(out).encode()


def _fields(model: ServiceModel, shape: Shape | None, error: WireError, out: Out) -> None:
    written = {"Code", "Message", "Type"}
    if shape is not None:
        for name, write in _elements(model, shape):
            if (value := error.fields.get(name)) is not None:
                write(out, value)
        written |= shape.members.keys()
    for name, value in error.fields.items():
        if name not in written and value is not None:
            out.append(f"<{name}>{escape(string(value))}</{name}>")


__all__ = ["encode_error", "error_shape"]
