"""Scalars: what they are as text, and how AWS shows values in its messages."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any

from botocore.model import Shape

from clary.wire import times
from clary.wire.errors import Malformed

FromText = Callable[[str], Any]
ToText = Callable[[Any], str]


BOUNDS = {"integer": 2**31, "long": 2**63}
"""By type: the first integer that is too large for it; the least that fits is its negative."""


def number_name(kind: str) -> str:
    """Java's name with its article: `an Integer`, `a Long`."""
    return "an Integer" if kind == "integer" else f"a {kind.capitalize()}"


def from_text(shape: Shape) -> FromText:
    """The reader of a scalar that is written as text: in XML, forms, headers, paths and queries."""
    kind = shape.type_name
    if kind in BOUNDS:
        whole = _bounded(kind)
        return lambda text: _number(whole, text, kind)
    if kind in {"float", "double"}:
        return lambda text: _number(float, text, kind)
    return {"boolean": _boolean, "timestamp": times.parse, "blob": blob}.get(kind, _same)


def to_text(shape: Shape, timestamps: str) -> ToText:
    """The writer of a scalar as text. `timestamps` is the format where the shape names none."""
    kind = shape.type_name
    if kind == "timestamp":
        return times.TEXT[shape.serialization.get("timestampFormat", timestamps).lower()]
    if kind in {"integer", "long"}:
        return lambda value: str(int(value))
    if kind in {"float", "double"}:
        return decimal
    return {"boolean": truth, "blob": base64_text}.get(kind, string)


def string(value: Any) -> str:
    """Numbers and truths that a document keeps where the model has a string."""
    if isinstance(value, str):
        return value
    return truth(value) if isinstance(value, bool) else str(value)


def truth(value: Any) -> str:
    return "true" if boolean(value) else "false"


def boolean(value: Any) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def decimal(value: Any) -> str:
    number = float(value)
    if math.isfinite(number):
        return repr(number)
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def base64_text(value: Any) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def blob(text: str) -> bytes:
    """Raises `Malformed` for what is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Some clients wrap the text in lines, which MIME allows and a strict reader does not.
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("STRING_VALUE can not be converted to a Blob", text) from None


def _bounded(kind: str) -> Callable[[str], int]:
    bound = BOUNDS[kind]

    def whole(text: str) -> int:
        value = int(text)
        if not -bound <= value < bound:
            raise ValueError(text)
        return value

    return whole


def _same(text: str) -> str:
    return text


def _boolean(text: str) -> bool:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    raise Malformed("STRING_VALUE can not be converted to a Boolean", text)


def _number(convert: Callable[[str], Any], text: str, kind: str) -> Any:
    try:
        if "_" in text:
            raise ValueError(text)
        return convert(text)
    except ValueError:
        raise Malformed(f"STRING_VALUE can not be converted to {number_name(kind)}", text) from None


def show(value: Any, shape: Shape) -> str:
    """As Java prints it: lists in brackets, maps with `=`, structures by shape name, buffers by size."""
    kind = shape.type_name
    if value is None:
        return "null"
    if shape.metadata.get("sensitive"):
        return "*** Sensitive Data Redacted ***"
    if kind == "list":
        return f"[{', '.join(show(item, shape.member) for item in value)}]"
    if kind == "map":
        return f"{{{', '.join(f'{key}={show(item, shape.value)}' for key, item in value.items())}}}"
    if kind == "structure" and not shape.metadata.get("document"):
        members = (f"{name}={show(value.get(name), member)}" for name, member in shape.members.items())
        return f"{shape.name}({', '.join(members)})"
    if kind == "blob":
        size = len(value) if isinstance(value, bytes) else value.length
        return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"
    return string(value)
