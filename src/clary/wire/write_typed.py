"""JSON bodies in one step: a shape as a type that msgspec makes of a document, and writes.

What a handler answers is nearly always of the model's types: that is projected and written here, as `PlainWriters`
would, but for whole seconds, which stay a number with a fraction (tests/wire/test_write_typed.py). Everything else, a
number where the model has a string, a NaN, a date that is no number, is given up on and left to them. So an answer of
a hundred hits costs a quarter of what looking at each of its members costs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from botocore.model import Shape
from msgspec import Meta

from clary.wire.writing import in_body

TypedWriter = Callable[[Any], bytes | None]
"""None for a document that the general writers have to look at."""

_REAL = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""What JSON has a literal for."""
_SCALARS = {"string": str, "boolean": bool, "integer": int, "long": int, "float": _REAL, "double": _REAL}


class _Unsuited(Exception):
    """A shape that no type says all of: a blob, a date as text, any document, a member called otherwise on the wire,
    a structure within itself."""


class TypedWriters:
    """One per service: structures that several operations share are made into types once."""

    def __init__(self) -> None:
        self._structures: dict[str, Any] = {}

    def writer(self, shape: Shape) -> TypedWriter | None:
        """None for a shape that always needs the general writers."""
        try:
            kind = self._type(shape, frozenset())
        except _Unsuited:
            return None
        convert, encode = msgspec.convert, msgspec.json.Encoder().encode

        def write(document: Any) -> bytes | None:
            try:
                return encode(convert(document, kind))
            except (msgspec.MsgspecError, RecursionError):
                return None

        return write

    def _type(self, shape: Shape, above: frozenset[str]) -> Any:
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, above)
        if kind == "list":
            return list[self._type(shape.member, above) | None]  # type: ignore[misc]
        if kind == "map":
            return dict[str, self._type(shape.value, above) | None]  # type: ignore[misc]
        if (
            kind == "timestamp"
            and shape.serialization.get("timestampFormat", "unixTimestamp") == "unixTimestamp"
        ):
            return _REAL
        if kind not in _SCALARS:
            raise _Unsuited
        return _SCALARS[kind]

    def _structure(self, shape: Shape, above: frozenset[str]) -> Any:
        if shape.name in above or shape.metadata.get("document"):
            raise _Unsuited
        if shape.name not in self._structures:
            members = {name: member for name, member in shape.members.items() if in_body(member)}
            if any(member.serialization.get("name", name) != name for name, member in members.items()):
                raise _Unsuited
            types = {name: self._type(member, above | {shape.name}) for name, member in members.items()}
            self._structures[shape.name] = msgspec.defstruct(
                shape.name,
                [(name, kind | None, None) for name, kind in types.items()],
                omit_defaults=True,
                gc=False,
            )
        return self._structures[shape.name]
