"""From a protocol's tree of values to a document: compiled once a shape, checked on the way.

    Readers                 structures, lists, maps; the checks; memory of what is compiled
      PlainReaders          trees of dicts and lists, with JSON's scalars (json, rest-json)
        CborReaders         the same with CBOR's scalars
      TextReaders           trees whose leaves are text
        FormReaders         `Name.member.1.Key=...`, split at the dots (query)
        XmlReaders          elements (rest-xml)

A compiled reader is a closure `read(raw, flaws) -> value`. A value of the wrong type raises `Malformed`; a value
that breaks a constraint appends to `flaws` and is read all the same, so that the slow walk of
`clary.wire.constraints` can name every violation of the whole document.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.model import Shape

from clary.wire.constraints import Test, test

Flaws = list[str]
Reader = Callable[[Any, Flaws], Any]
Members = dict[str, tuple[str, Reader]]
"""By name on the wire: name in the document, and reader."""
Completer = Callable[[dict[str, Any], Flaws], None]


class Readers:
    """One per service and protocol: structures that several operations share are compiled once."""

    def __init__(self) -> None:
        self._structures: dict[str, Reader] = {}

    def reader(self, shape: Shape) -> Reader:
        kind = shape.type_name
        if kind == "structure":
            return self.document(shape) if shape.metadata.get("document") else self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return self.scalar(shape, test(shape))

    # What a protocol says of itself.

    def member_name(self, name: str, shape: Shape) -> str:
        """The name of a structure's member on the wire."""
        return str(shape.serialization.get("name", name))

    def fields(self, shape: Shape) -> Callable[[Any], Mapping[str, Any]]:
        """How to open a structure: its members by their names on the wire."""
        raise NotImplementedError

    def items(self, shape: Shape) -> Callable[[Any], list[Any]]:
        raise NotImplementedError

    def entries(self, shape: Shape) -> Callable[[Any], Iterable[tuple[str, Any]]]:
        raise NotImplementedError

    def scalar(self, shape: Shape, met: Test | None) -> Reader:
        raise NotImplementedError

    def document(self, shape: Shape) -> Reader:
        return lambda raw, flaws: raw

    # What all have in common.

    def members(self, shape: Shape) -> Members:
        """Readers of a structure's members that are in the body, by name on the wire."""
        return {
            self.member_name(name, member): (name, self.reader(member))
            for name, member in shape.members.items()
            if "location" not in member.serialization
        }

    def _structure(self, shape: Shape) -> Reader:
        if shape.name not in self._structures:
            members: Members = {}
            # Kept before its members are compiled: a structure may hold itself.
            self._structures[shape.name] = self.structure(shape, members, completer(shape))
            members.update(self.members(shape))
        return self._structures[shape.name]

    def structure(self, shape: Shape, members: Members, complete: Completer | None) -> Reader:
        """`members` is filled later."""
        fields = self.fields(shape)
        known = members.get

        def read(raw: Any, flaws: Flaws) -> dict[str, Any]:
            document: dict[str, Any] = {}
            for wire, value in fields(raw).items():
                if value is not None and (entry := known(wire)) is not None:
                    document[entry[0]] = entry[1](value, flaws)
            if complete is not None:
                complete(document, flaws)
            return document

        return read

    def _list(self, shape: Shape) -> Reader:
        items = self.items(shape)
        read = self.reader(shape.member)
        met = test(shape)

        def many(raw: Any, flaws: Flaws) -> list[Any]:
            opened = items(raw)
            if None in opened:
                flaws.append("null")
                found = [None if item is None else read(item, flaws) for item in opened]
            else:
                found = [read(item, flaws) for item in opened]
            if met is not None and not met(found):
                flaws.append("list")
            return found

        return many

    def _map(self, shape: Shape) -> Reader:
        entries = self.entries(shape)
        read = self.reader(shape.value)
        met, key_met = test(shape), remembered(test(shape.key))

        def mapping(raw: Any, flaws: Flaws) -> dict[str, Any]:
            # A null is no entry: the model's maps are dense.
            found = {key: read(item, flaws) for key, item in entries(raw) if item is not None}
            if met is not None and not met(found):
                flaws.append("map")
            if key_met is not None:
                for key in found:
                    if not key_met(key):
                        flaws.append(key)
            return found

        return mapping


def completer(shape: Shape) -> Completer | None:
    """What a structure needs once its members are read: tokens made up, required members there, one in a union."""
    required = tuple(shape.required_members)
    union = bool(shape.metadata.get("union"))
    tokens = [name for name, member in shape.members.items() if member.metadata.get("idempotencyToken")]
    if not (required or union or tokens):
        return None

    def complete(document: dict[str, Any], flaws: Flaws) -> None:
        for name in tokens:
            if name not in document:
                document[name] = str(uuid.uuid4())
        for name in required:
            if name not in document:
                flaws.append(name)
        if union and len(document) != 1:
            flaws.append("union")

    return complete


REMEMBERED = 1024


def remembered(met: Test | None) -> Test | None:
    """`met` that knows up to `REMEMBERED` short strings which it has passed: names and ARNs repeat, and patterns
    are slow."""
    if met is None:
        return None
    known: set[str] = set()

    def passes(text: str) -> bool:
        if text in known:
            return True
        if not met(text):
            return False
        if len(text) <= 128:
            if len(known) >= REMEMBERED:
                known.clear()
            known.add(text)
        return True

    return passes


def checked(convert: Callable[[Any], Any], met: Test | None) -> Reader:
    if met is None:
        return lambda raw, flaws: convert(raw)

    def scalar(raw: Any, flaws: Flaws) -> Any:
        value = convert(raw)
        if not met(value):
            flaws.append("value")
        return value

    return scalar
