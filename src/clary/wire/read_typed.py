"""JSON bodies in one step: a shape as a type that msgspec decodes into, straight to the document.

What clients nearly always send is of the model's types, and meets its constraints: that is taken here, with the same
document as `PlainReaders` make of it (tests/wire/test_typed.py). Everything else, a number written as text, a null, a
violation that the answer has to name, is given up on and left to them. So a body of a thousand points costs what
parsing it costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil, floor
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from botocore.model import Shape
from msgspec import Meta

from clary.wire import times, values
from clary.wire.compiled import compiled
from clary.wire.constraints import Test, test
from clary.wire.messages import Document
from clary.wire.reading import remembered

TypedReader = Callable[[bytes], Document | None]
"""None for a body that the general readers have to look at."""


class _Unsuited(Exception):
    """A shape that no type says all of."""


@compiled
def typed_reader(shape: Shape) -> TypedReader | None:
    """Of a structure as a whole body. None where reading means more than checking: members called otherwise on the
    wire, blobs, unions, tokens to be made up, a structure within itself."""
    try:
        kind, met = _structure(shape, frozenset())
    except _Unsuited:
        return None
    decode = msgspec.json.Decoder(kind).decode

    def read(body: bytes) -> Document | None:
        if not body.isascii():  # members that are passed over would not have their UTF-8 checked
            return None
        try:
            document: Document = decode(body)
        except (msgspec.MsgspecError, RecursionError):
            return None
        return document if met is None or met(document) else None

    return read


def _type(shape: Shape, above: frozenset[str]) -> tuple[Any, Test | None]:
    """The type, and what it cannot say: patterns."""
    kind = shape.type_name
    demands = shape.metadata
    if kind == "structure":
        return _structure(shape, above)
    if kind == "list":
        inner, met = _type(shape.member, above)
        return Annotated[list[inner], _length(demands)], met and _each(met)  # type: ignore[valid-type]
    if kind == "map":
        key, key_met = _type(shape.key, above)
        inner, met = _type(shape.value, above)
        return Annotated[dict[key, inner], _length(demands)], _entries(key_met, met)  # type: ignore[valid-type]
    if kind == "string":
        if "enum" in demands:
            return Literal[tuple(demands["enum"])], None
        return _text(demands), remembered(test(shape)) if "pattern" in demands else None
    if kind in values.BOUNDS:
        bound = values.BOUNDS[kind]
        low, high = demands.get("min", -bound), demands.get("max", bound - 1)
        return Annotated[int, Meta(ge=max(ceil(low), -bound), le=min(floor(high), bound - 1))], None
    if kind in {"float", "double"}:
        return Annotated[float, _range(demands)], None
    if kind == "timestamp":
        return Annotated[float, Meta(ge=times.EARLIEST, le=times.LATEST)], None
    if kind == "boolean":
        return bool, None
    raise _Unsuited


def _structure(shape: Shape, above: frozenset[str]) -> tuple[Any, Test | None]:
    if shape.name in above or shape.metadata.get("document") or shape.metadata.get("union"):
        raise _Unsuited
    fields: dict[str, Any] = {}
    tests: list[tuple[str, Test]] = []
    for name, member in shape.members.items():
        if "location" in member.serialization:
            continue
        if member.serialization.get("name", name) != name or member.metadata.get("idempotencyToken"):
            raise _Unsuited
        kind, met = _type(member, above | {shape.name})
        fields[name] = kind if name in shape.required_members else NotRequired[kind]
        if met is not None:
            tests.append((name, met))
    return TypedDict(shape.name, fields), _members(tests) if tests else None  # type: ignore[operator]


def _text(demands: dict[str, Any]) -> Any:
    length = _length(demands)
    return Annotated[str, length] if length != Meta() else str


def _length(demands: dict[str, Any]) -> Meta:
    return Meta(min_length=demands.get("min") or None, max_length=demands.get("max"))


def _range(demands: dict[str, Any]) -> Meta:
    low, high = demands.get("min"), demands.get("max")
    return Meta(ge=None if low is None else float(low), le=None if high is None else float(high))


def _members(tests: Iterable[tuple[str, Test]]) -> Test:
    tests = tuple(tests)

    def met(document: Document) -> bool:
        for name, inner in tests:
            value = document.get(name)
            if value is not None and not inner(value):
                return False
        return True

    return met


def _entries(key: Test | None, value: Test | None) -> Test | None:
    if key is None and value is None:
        return None
    return lambda held: (
        (key is None or all(map(key, held))) and (value is None or all(map(value, held.values())))
    )


def _each(inner: Test) -> Test:
    return lambda items: all(map(inner, items))
