"""From a document to a protocol's body: compiled once a shape. Encoding is projection.

    Writers             memory of what is compiled
      PlainWriters      trees of dicts and lists, for JSON
        CborWriters     the same with CBOR's scalars
    XmlWriters          markup, for query and rest-xml (in `write_xml`)

A writer takes the members that its shape knows and leaves all others, and those that are None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cbor2
from botocore.model import Shape

from clary.wire import times, values

Writer = Callable[[Any], Any]
ELSEWHERE = frozenset({"header", "headers", "statusCode"})


class PlainWriters:
    """One per service and protocol: structures that several operations share are compiled once."""

    timestamps = "unixTimestamp"

    def __init__(self) -> None:
        self._structures: dict[str, Writer] = {}

    def writer(self, shape: Shape) -> Writer:
        kind = shape.type_name
        if kind == "structure":
            return _same if shape.metadata.get("document") else self._structure(shape)
        if kind == "list":
            write = self.writer(shape.member)
            return lambda value: [None if item is None else write(item) for item in value]
        if kind == "map":
            return self._map(shape)
        return self.scalar(shape)

    def members(self, shape: Shape) -> list[tuple[str, str, Writer]]:
        """Of a structure, those that are in the body: member, name on the wire, writer."""
        return [
            (name, member.serialization.get("name", name), self.writer(member))
            for name, member in shape.members.items()
            if in_body(member)
        ]

    def scalar(self, shape: Shape) -> Writer:
        kind = shape.type_name
        if kind == "timestamp":
            named = shape.serialization.get("timestampFormat", self.timestamps).lower()
            return times.unix if named == "unixtimestamp" else times.TEXT[named]
        if kind in {"integer", "long"}:
            return _integer
        if kind in {"float", "double"}:
            return _real
        return {"boolean": values.boolean, "blob": values.base64_text}.get(kind, values.string)

    def _structure(self, shape: Shape) -> Writer:
        if shape.name in self._structures:
            return self._structures[shape.name]
        members: dict[str, tuple[str, Writer]] = {}
        known = members.get

        def structure(document: Any) -> dict[str, Any]:
            written = {}
            # Whichever is shorter: most answers leave most members out, most summaries most of the document.
            if len(document) < len(members):
                for name, value in document.items():
                    if value is not None and (entry := known(name)) is not None:
                        written[entry[0]] = entry[1](value)
            else:
                held = document.get
                for name, (wire, write) in members.items():
                    if (value := held(name)) is not None:
                        written[wire] = write(value)
            return written

        # Kept before its members are compiled: a structure may hold itself.
        self._structures[shape.name] = structure
        members.update((name, (wire, write)) for name, wire, write in self.members(shape))
        return structure

    def _map(self, shape: Shape) -> Writer:
        write = self.writer(shape.value)
        return lambda value: {
            values.string(key): None if item is None else write(item) for key, item in value.items()
        }


class CborWriters(PlainWriters):
    def scalar(self, shape: Shape) -> Writer:
        kind = shape.type_name
        if kind == "timestamp":
            return lambda value: cbor2.CBORTag(1, times.unix(value))
        if kind in {"float", "double"}:
            return float
        return _bytes if kind == "blob" else super().scalar(shape)


def in_body(member: Shape) -> bool:
    """Of an answer. A place that only a request has, as the query, counts for nothing here."""
    place = member.serialization.get("location")
    return place not in ELSEWHERE and not (
        member.serialization.get("eventstream") or member.serialization.get("eventheader")
    )


def _same(value: Any) -> Any:
    return value


def _integer(value: Any) -> int:
    return value if type(value) is int else int(value)


def _real(value: Any) -> Any:
    """JSON has no literal for what is not finite."""
    number = value if type(value) is float else float(value)
    return number if math.isfinite(number) else values.decimal(number)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)
