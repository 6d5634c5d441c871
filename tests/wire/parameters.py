"""Hypothesis strategies that make parameters from the model's shapes, within lengths, ranges and enums.

Patterns are left to `test_constraints`: the services here are the real models without them (`unpatterned`).
What a protocol cannot carry is not made: empty structures in forms and XML, control characters in XML,
anything but plain ASCII in headers.
"""

from __future__ import annotations

import string
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.model import ServiceModel, Shape
from hypothesis import strategies as st

from clary.wire.models import Operation, Service, service

XML_TEXT = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
HEADER_TEXT = st.sampled_from(string.ascii_letters + string.digits + "-_.:/=;+'@")
ANY_TEXT = st.characters(exclude_categories=["Cs"])
DEEP = 4
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@cache
def unpatterned(name: str) -> Service:
    description = dict(service(name).model._service_description)
    description["shapes"] = {
        shape: {key: value for key, value in model.items() if key != "pattern"}
        for shape, model in description["shapes"].items()
    }
    return Service(name, ServiceModel(description, service_name=name))


def inputs(operation: Operation, protocol: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.just({}) if operation.input is None else structures(operation.input, protocol)


def outputs(operation: Operation, protocol: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.just({}) if operation.output is None else structures(operation.output, protocol)


@st.composite
def structures(draw: st.DrawFn, shape: Shape, protocol: str, depth: int = 0) -> dict[str, Any]:
    traced = protocol not in {"query", "rest-xml"}
    names = [name for name, member in shape.members.items() if traced or leaves_a_trace(member)]
    if not names:
        return {}
    needed: set[str] = set()
    if shape.metadata.get("union"):
        chosen = {draw(st.sampled_from(names))}
    else:
        # Tokens that are missing would be made up, which is another test's matter.
        needed = set(shape.required_members) | {
            name for name, member in shape.members.items() if member.metadata.get("idempotencyToken")
        }
        wanted = st.sets(st.sampled_from(names), max_size=6 if depth < DEEP else 0)
        chosen = needed | draw(wanted) or {draw(st.sampled_from(names))}
    made = {}
    for name in names:
        member = shape.members[name]
        deep = depth >= DEEP + 2 and member.type_name in {"structure", "list", "map"}
        if name in needed or (name in chosen and not deep):
            made[name] = draw(values(member, protocol, depth + 1))
    return made


def leaves_a_trace(shape: Shape, depth: int = 0) -> bool:
    """Whether a form shows it at all: a structure of nothing but empty structures it does not."""
    if shape.type_name != "structure" or depth > DEEP:
        return True
    return any(leaves_a_trace(member, depth + 1) for member in shape.members.values())


def values(shape: Shape, protocol: str, depth: int) -> st.SearchStrategy[Any]:
    kind = shape.type_name
    place = shape.serialization.get("location")
    if shape.serialization.get("jsonvalue") and place == "header":
        return JSON_VALUES
    if kind == "structure":
        return JSON_VALUES if shape.metadata.get("document") else structures(shape, protocol, depth)
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if kind in {"list", "map"}:
        # Empty collections leave no trace in forms, flattened XML and headers.
        plain = protocol in {"json", "rest-json", "smithy-rpc-v2-cbor"} and place is None
        least = max(low or 0, 0 if plain else 1)
        sizes: dict[str, Any] = {"min_size": least, "max_size": max(least, min(high or 3, 3))}
        if kind == "list":
            return st.lists(values(located(shape.member, place), protocol, depth + 1), **sizes)
        keys = headers_names() if place == "headers" else values(shape.key, protocol, depth + 1)
        return st.dictionaries(keys, values(located(shape.value, place), protocol, depth + 1), **sizes)
    return scalars(shape, protocol, place)


def located(shape: Shape, place: str | None) -> Shape:
    """An item of a list or map that is itself in a header, query or path."""
    if place is not None:
        shape.serialization["location"] = place
    return shape


def headers_names() -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(string.ascii_lowercase + "-"), min_size=1, max_size=8)


def scalars(shape: Shape, protocol: str, place: str | None) -> st.SearchStrategy[Any]:
    kind = shape.type_name
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if kind in {"integer", "long"}:
        edge = 2**31 if kind == "integer" else 2**63
        return st.integers(-edge if low is None else int(low), edge - 1 if high is None else int(high))
    if kind in {"float", "double"}:
        bounds: dict[str, Any] = {"width": 32 if kind == "float" else 64}
        if low is not None and abs(float(low)) < 1e30:
            bounds["min_value"] = float(low)
        if high is not None and abs(float(high)) < 1e30:
            bounds["max_value"] = float(high)
        return st.floats(allow_nan=False, allow_infinity=False, **bounds)
    if kind == "boolean":
        return st.booleans()
    if kind == "timestamp":
        # HTTP dates have no fractions; elsewhere milliseconds survive in every protocol.
        whole = place is not None or shape.serialization.get("timestampFormat") == "rfc822"
        millis = st.integers(0, 4_000_000_000_000)
        return millis.map(lambda at: datetime.fromtimestamp(at // 1000 if whole else at / 1000, UTC))
    if kind == "blob":
        return st.binary(min_size=int(low or 0), max_size=max(int(low or 0), 20))
    if choices := shape.metadata.get("enum"):
        return st.sampled_from(choices)
    alphabet = HEADER_TEXT if place in {"header", "headers"} else XML_TEXT if "xml" in protocol else ANY_TEXT
    if protocol == "query":
        alphabet = XML_TEXT
    if shape.serialization.get("hostLabel"):
        alphabet = st.sampled_from(string.ascii_letters)
    least = max(int(low or 0), 0 if place is None else 1)
    return st.text(alphabet, min_size=least, max_size=max(least, min(int(high or 20), 20)))
