"""The server's side of AWS's wire protocols, driven by botocore's models.

    decode        HTTP request   -> document   readers compiled once per operation, constraints checked on the way
    encode        document       -> HTTP answer, by the output shape: encoding is projection
    encode_error  WireError      -> HTTP answer, by the model's error shapes

Protocols: `json` (1.0 and 1.1), `query`, `rest-json`, `rest-xml`, `smithy-rpc-v2-cbor`, and event streams in
answers. All is pure: no I/O, and nothing is compiled before an operation is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import cbor2
import msgspec
from botocore.model import ServiceModel

from clary.wire import refusals
from clary.wire.answers import AnswerWriter, answer_writer
from clary.wire.bodies import structured
from clary.wire.compiled import compiled
from clary.wire.constraints import violations
from clary.wire.errors import Malformed, WireError
from clary.wire.failures import encode_error
from clary.wire.messages import Document, HttpRequest, HttpResponse
from clary.wire.models import Operation
from clary.wire.read_http import rest_reader
from clary.wire.read_plain import CborReaders, PlainReaders
from clary.wire.read_text import FormReaders, XmlReaders, form_tree, parse_xml
from clary.wire.read_typed import TypedReader, typed_reader
from clary.wire.reading import Flaws, Reader, Readers

READERS: dict[str, Callable[[], Readers]] = {
    "json": PlainReaders,
    "query": FormReaders,
    "rest-json": PlainReaders,
    "rest-xml": XmlReaders,
    "smithy-rpc-v2-cbor": CborReaders,
}


def decode(operation: Operation, protocol: str, request: HttpRequest) -> Document:
    """The operation's parameters. Timestamps are float epoch seconds, blobs bytes; a blob payload is passed on as
    it is in `request.body`. Missing idempotency tokens are made up; unknown members are left out.

    Raises `WireError`: `ValidationException` (or the service's name for it) with every broken constraint in AWS's
    words, `SerializationException` (or the protocol's name for it) for what cannot be read.
    """
    read = _reader(operation, protocol)
    flaws: Flaws = []
    try:
        document: Document = read(request, flaws)
        if not flaws:
            return document
        found = list(violations(operation.input, document))
    except Malformed as error:
        raise refusals.malformed(protocol, error) from None
    except RecursionError:
        raise refusals.malformed(protocol, Malformed("The request is nested too deeply")) from None
    raise refusals.invalid(operation, protocol, found)


def encode(operation: Operation, protocol: str, answer: Document | None, request_id: str) -> HttpResponse:
    """The HTTP answer: of `answer`, the members that the output shape knows and that are not None. Timestamps may be
    floats, integers or datetimes; a streaming payload may be bytes or an asynchronous iterable of bytes, an event
    stream an iterable of `{event: members}`."""
    return _writer(operation, protocol)({} if answer is None else answer, request_id)


@compiled
def _readers(model: ServiceModel, protocol: str) -> Readers:
    return READERS[protocol]()


@compiled
def _reader(operation: Operation, protocol: str) -> Reader:
    readers = _readers(operation.model.service_model, protocol)
    if protocol == "rest-json":
        return rest_reader(operation, readers, _json, _typed(operation))
    if protocol == "rest-xml":
        return rest_reader(operation, readers, lambda body: [parse_xml(body)])
    if operation.input is None:
        return lambda request, flaws: {}
    read = readers.reader(operation.input)
    if protocol == "json":
        return _json_reader(read, _typed(operation))
    parse = {"query": _form_request, "smithy-rpc-v2-cbor": _cbor_request}[protocol]
    return lambda request, flaws: read(parse(request), flaws)


def _typed(operation: Operation) -> TypedReader | None:
    return None if operation.input is None else typed_reader(operation.input)


@compiled
def _writer(operation: Operation, protocol: str) -> AnswerWriter:
    return answer_writer(operation, protocol)


_decode_json = msgspec.json.Decoder().decode


def _json(body: bytes) -> Any:
    try:
        return _decode_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("The request body is not JSON") from None


def _json_reader(read: Reader, typed: TypedReader | None) -> Reader:
    def read_json(request: HttpRequest, flaws: Flaws) -> Document:
        # AWS takes an empty body for an empty object.
        body = structured(request) or b"{}"
        if typed is not None and (document := typed(body)) is not None:
            return document
        found: Document = read(_json(body), flaws)
        return found

    return read_json


def _form_request(request: HttpRequest) -> Any:
    """A form comes in the body, or in the query of a GET."""
    try:
        text = structured(request).decode() or request.query
    except UnicodeDecodeError:
        raise Malformed("The request body is not UTF-8") from None
    return form_tree(parse_qsl(text, keep_blank_values=True))


def _cbor_request(request: HttpRequest) -> Any:
    body = structured(request)
    try:
        return cbor2.loads(body) if body else {}
    except (cbor2.CBORDecodeError, ValueError, TypeError):
        raise Malformed("The request body is not CBOR") from None


__all__ = ["WireError", "decode", "encode", "encode_error"]
