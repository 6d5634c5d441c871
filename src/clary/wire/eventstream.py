"""Event streams out: `application/vnd.amazon.eventstream`.

    frame    total length (4) headers length (4) CRC-32 of both (4) headers payload CRC-32 of all before (4)
    header   name length (1) name type (1) value

An answer's event member is an iterable, asynchronous or not, of one-entry dicts: `{"PayloadPart": {"Bytes": b"..."}}`.
What it raises ends the stream: as the modelled exception of its code, else as an error message. Source: Smithy's
event stream specification.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any
from zlib import crc32

from botocore.model import Shape

from clary.wire import times, values
from clary.wire.messages import Document

CONTENT_TYPE = "application/vnd.amazon.eventstream"

Header = bytes
BodyWriter = Callable[[Shape], Callable[[Document], bytes]]
"""Compiles the writer of an event's body, in the operation's protocol."""


def frame(headers: Iterable[Header], payload: bytes = b"") -> bytes:
    head = b"".join(headers)
    prelude = struct.pack("!II", len(head) + len(payload) + 16, len(head))
    message = b"".join((prelude, struct.pack("!I", crc32(prelude)), head, payload))
    return message + struct.pack("!I", crc32(message))


def header(name: str, value: str | bytes | bool | int | float, kind: str = "string") -> Header:
    """`kind` is the model's type name."""
    label = name.encode()
    return bytes((len(label),)) + label + _header_value(value, kind)


def _header_value(value: Any, kind: str) -> bytes:
    if kind == "boolean":
        return b"\x00" if value else b"\x01"
    if kind == "integer":
        return b"\x04" + struct.pack("!i", value)
    if kind == "long":
        return b"\x05" + struct.pack("!q", value)
    if kind == "timestamp":
        return b"\x08" + struct.pack("!q", round(times.epoch(value) * 1000))
    raw = value if isinstance(value, bytes) else values.string(value).encode()
    return (b"\x06" if kind == "blob" else b"\x07") + struct.pack("!H", len(raw)) + raw


class EventWriter:
    """Writes the events of one stream shape. `content_type` is that of bodies in the operation's protocol."""

    def __init__(self, stream: Shape, compile_body: BodyWriter, content_type: str) -> None:
        self._exceptions: dict[str, Callable[[Document], bytes]] = {}
        self._events: dict[str, Callable[[Document], bytes]] = {}
        for name, shape in stream.members.items():
            if shape.metadata.get("exception"):
                self._exceptions[name] = _exception(name, compile_body(shape), content_type)
            else:
                self._events[name] = _event(name, shape, compile_body, content_type)
        self._codes = {
            shape.error_code: name for name, shape in stream.members.items() if name in self._exceptions
        }

    async def frames(
        self, events: AsyncIterable[Document] | Iterable[Document], first: bytes | None = None
    ) -> AsyncIterator[bytes]:
        """`first` is the frame of the initial response, where the protocol has one."""
        if first is not None:
            yield first
        try:
            if isinstance(events, AsyncIterable):
                async for event in events:
                    yield self._frame(event)
            else:
                for event in events:
                    yield self._frame(event)
        except Exception as error:
            if not hasattr(error, "code"):
                raise
            yield self._failure(error)

    def _frame(self, event: Document) -> bytes:
        name, document = next((name, held) for name, held in event.items() if name in self._events)
        return self._events[name](document)

    def _failure(self, error: Any) -> bytes:
        name = error.code if error.code in self._exceptions else self._codes.get(error.code)
        if name is not None:
            return self._exceptions[name](error_members(error))
        return frame(
            (
                header(":message-type", "error"),
                header(":error-code", error.code),
                header(":error-message", error.message),
            )
        )


def error_members(error: Any) -> Document:
    """An error's modelled members: its message under either spelling, and its fields."""
    return {"message": error.message, "Message": error.message, **error.fields}


def _event(
    name: str, shape: Shape, compile_body: BodyWriter, content_type: str
) -> Callable[[Document], bytes]:
    fixed = (header(":message-type", "event"), header(":event-type", name))
    in_headers = [
        (member, inner.type_name)
        for member, inner in shape.members.items()
        if inner.serialization.get("eventheader")
    ]
    payload = next((m for m, inner in shape.members.items() if inner.serialization.get("eventpayload")), None)
    kind = content_type
    body: Callable[[Document], bytes] | None = None
    if payload is not None:
        inner_shape = shape.members[payload]
        if inner_shape.type_name in {"blob", "string"}:
            kind = "application/octet-stream" if inner_shape.type_name == "blob" else "text/plain"
            body = _raw(payload)
        else:
            write = compile_body(inner_shape)
            body = lambda document: write(document[payload]) if document.get(payload) is not None else b""  # noqa: E731
    elif len(in_headers) < len(shape.members):
        body = compile_body(shape)

    def write_event(document: Document) -> bytes:
        headers = [*fixed]
        for member, type_name in in_headers:
            if document.get(member) is not None:
                headers.append(header(member, document[member], type_name))
        if body is None:
            return frame(headers)
        headers.append(header(":content-type", kind))
        return frame(headers, body(document))

    return write_event


def _raw(payload: str) -> Callable[[Document], bytes]:
    def write(document: Document) -> bytes:
        value = document.get(payload)
        return b"" if value is None else value.encode() if isinstance(value, str) else bytes(value)

    return write


def _exception(
    name: str, body: Callable[[Document], bytes], content_type: str
) -> Callable[[Document], bytes]:
    fixed = (
        header(":message-type", "exception"),
        header(":exception-type", name),
        header(":content-type", content_type),
    )
    return lambda document: frame(fixed, body(document))
