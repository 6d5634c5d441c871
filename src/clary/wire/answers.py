"""Whole answers: status, headers and body of an operation's success, per protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
import msgspec
from botocore.model import ServiceModel, Shape

from clary.wire import s3
from clary.wire.compiled import compiled
from clary.wire.eventstream import CONTENT_TYPE, EventWriter, frame, header
from clary.wire.messages import Document, HttpResponse, Written
from clary.wire.models import Operation
from clary.wire.write_http import HeadWriter
from clary.wire.write_typed import TypedWriters
from clary.wire.write_xml import DECLARATION, Out, XmlWriters, escape
from clary.wire.writing import CborWriters, PlainWriters, in_body

AnswerWriter = Callable[[Document, str], HttpResponse]
CONTENT_TYPES = {
    "query": "text/xml",
    "rest-json": "application/json",
    "rest-xml": "application/xml",
    "smithy-rpc-v2-cbor": "application/cbor",
}


def content_type(model: ServiceModel, protocol: str) -> str:
    if protocol == "json":
        return f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.1')}"
    return CONTENT_TYPES[protocol]


def service_namespace(model: ServiceModel) -> str:
    """The attribute for a query answer's root, with a space before it."""
    uri = model.metadata.get("xmlNamespace")
    uri = uri.get("uri") if isinstance(uri, dict) else uri
    return f' xmlns="{escape(uri)}"' if uri else ""


def request_id_headers(service: str, request_id: str) -> list[tuple[str, str]]:
    if service == "s3":
        return [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]
    return [("x-amzn-RequestId", request_id)]


@compiled
def plain_writers(model: ServiceModel, protocol: str) -> PlainWriters:
    return CborWriters() if protocol == "smithy-rpc-v2-cbor" else PlainWriters()


@compiled
def typed_writers(model: ServiceModel) -> TypedWriters:
    return TypedWriters()


@compiled
def xml_writers(model: ServiceModel, timestamps: str) -> XmlWriters:
    return XmlWriters(timestamps)


def body_writer(
    model: ServiceModel, service: str, protocol: str
) -> Callable[[Shape], Callable[[Any], bytes]]:
    """Compiles the writer of a shape as a whole body."""
    if protocol in {"query", "rest-xml"}:
        writers = xml_writers(model, _xml_timestamps(service))

        def compile_xml(shape: Shape) -> Callable[[Any], bytes]:
            write = writers.element(shape, shape.serialization.get("name", shape.name))

            def xml(value: Any) -> bytes:
                out: Out = [DECLARATION]
                write(out, value)
                return "".join(out).encode()

            return xml

        return compile_xml
    plain = plain_writers(model, protocol)
    if protocol == "smithy-rpc-v2-cbor":

        def compile_cbor(shape: Shape) -> Callable[[Any], bytes]:
            write = plain.writer(shape)
            return lambda value: cbor2.dumps(write(value))

        return compile_cbor

    def compile_json(shape: Shape) -> Callable[[Any], bytes]:
        typed, write = typed_writers(model).writer(shape), plain.writer(shape)

        def json(value: Any) -> bytes:
            if isinstance(value, Written):
                return value.body
            return (typed and typed(value)) or msgspec.json.encode(write(value))

        return json

    return compile_json


def _xml_timestamps(service: str) -> str:
    return "iso8601millis" if service == "s3" else "iso8601"


def answer_writer(operation: Operation, protocol: str) -> AnswerWriter:
    model = operation.model.service_model
    kind = content_type(model, protocol)
    status = int(operation.model.http.get("responseCode", 200))
    output = operation.output
    fixed: list[tuple[str, str]] = []
    if protocol == "smithy-rpc-v2-cbor":
        fixed.append(("smithy-protocol", "rpc-v2-cbor"))

    def respond(request_id: str) -> HttpResponse:
        return HttpResponse(status, [*request_id_headers(operation.service, request_id), *fixed])

    if protocol == "query":
        return _query_answer(operation, respond)
    if output is not None and output.event_stream_name:
        return _event_answer(operation, protocol, kind, respond)
    if protocol in {"rest-json", "rest-xml"}:
        return _rest_answer(operation, protocol, kind, respond)
    body = None if output is None else body_writer(model, operation.service, protocol)(output)

    def rpc(document: Document, request_id: str) -> HttpResponse:
        response = respond(request_id)
        response.headers.append(("Content-Type", kind))
        if body is not None:
            response.body = body(document)
        return response

    return rpc


def _query_answer(operation: Operation, respond: Callable[[str], HttpResponse]) -> AnswerWriter:
    name = operation.name
    model = operation.model.service_model
    start = f"{DECLARATION}<{name}Response{service_namespace(model)}>"
    write = None
    if operation.output is not None:
        wrapper = operation.output.serialization.get("resultWrapper", f"{name}Result")
        write = xml_writers(model, "iso8601").element(operation.output, wrapper)

    def query(document: Document, request_id: str) -> HttpResponse:
        out = [start]
        if write is not None:
            write(out, document)
        out.append(f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata>")
        out.append(f"</{name}Response>")
        response = respond(request_id)
        response.headers.append(("Content-Type", "text/xml"))
        response.body = "".join(out).encode()
        return response

    return query


def _event_answer(
    operation: Operation, protocol: str, kind: str, respond: Callable[[str], HttpResponse]
) -> AnswerWriter:
    output = operation.output
    assert output is not None
    stream = output.event_stream_name
    compile_body = body_writer(operation.model.service_model, operation.service, protocol)
    events = EventWriter(output.members[stream], compile_body, kind)
    rest = protocol.startswith("rest")
    head = HeadWriter(output) if rest else None
    initial = None if rest else compile_body(output)

    def stream_out(document: Document, request_id: str) -> HttpResponse:
        response = respond(request_id)
        response.headers.append(("Content-Type", CONTENT_TYPE))
        first = None
        if head is not None:
            head.write(document, response)
        elif initial is not None:
            named = (
                header(":message-type", "event"),
                header(":event-type", "initial-response"),
                header(":content-type", kind),
            )
            first = frame(named, initial(document))
        response.body = events.frames(document.get(stream) or (), first)
        return response

    return stream_out


def _rest_answer(
    operation: Operation, protocol: str, kind: str, respond: Callable[[str], HttpResponse]
) -> AnswerWriter:
    output = operation.output
    head = None if output is None else HeadWriter(output)
    body = _rest_body(operation, protocol)
    payload = None if output is None else output.serialization.get("payload")
    raw = (
        output is not None and payload is not None and output.members[payload].type_name in {"blob", "string"}
    )
    ranged = output is not None and "ContentRange" in output.members
    names_kind = head is not None and head.may_write("content-type")
    if raw:
        assert output is not None
        kind = "text/plain" if output.members[payload].type_name == "string" else "application/octet-stream"
        if operation.service == "s3" and kind == "application/octet-stream":
            kind = "binary/octet-stream"

    def rest(document: Document, request_id: str) -> HttpResponse:
        response = respond(request_id)
        if head is not None:
            head.write(document, response)
        if ranged and document.get("ContentRange") is not None:
            response.status = 206  # the model has no member for it
        if body is not None:
            response.body = body(document)
            named = names_kind and any(name.lower() == "content-type" for name, _ in response.headers)
            if (raw or response.body) and not named:
                response.headers.append(("Content-Type", kind))
        return response

    return rest


def _rest_body(operation: Operation, protocol: str) -> Callable[[Document], Any] | None:
    output = operation.output
    empty = operation.model.http.get("responseCode") == 204 or operation.model.http.get("method") == "HEAD"
    if output is None or empty:
        return None
    compile_body = body_writer(operation.model.service_model, operation.service, protocol)
    payload = output.serialization.get("payload")
    if payload is not None:
        member = output.members[payload]
        if member.type_name in {"blob", "string"}:
            return lambda document: _raw(document.get(payload))
        write = _root(operation, member) if protocol == "rest-xml" else compile_body(member)
        return lambda document: b"" if document.get(payload) is None else write(document[payload])
    if not any(map(in_body, output.members.values())):
        # A body without members is still a JSON object to JSON clients; XML has none.
        return (lambda document: b"{}") if protocol == "rest-json" else None
    return _root(operation, output) if protocol == "rest-xml" else compile_body(output)


def _root(operation: Operation, shape: Shape) -> Callable[[Any], bytes]:
    """The root element of a rest-xml answer."""
    of_s3 = operation.service == "s3"
    if of_s3 and operation.name == "GetBucketLocation":
        return s3.location
    tag = shape.serialization.get("name") or shape.name
    if of_s3 and shape is operation.output:
        tag = s3.ROOTS.get(operation.name, f"{operation.name}Result")
    writers = xml_writers(operation.model.service_model, _xml_timestamps(operation.service))
    write = writers.element(shape, tag, s3.NAMESPACE if of_s3 else "")

    def root(value: Any) -> bytes:
        out: Out = [DECLARATION]
        write(out, value)
        return "".join(out).encode()

    return root


def _raw(value: Any) -> Any:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else value
