"""Whatever arrives, the codec answers with a document or a `WireError`, and never with a fault of its own."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.test_roundtrip import SERVICES

from clary.wire import routes
from clary.wire.codec import decode, encode_error
from clary.wire.errors import WireError
from clary.wire.messages import HttpRequest
from clary.wire.models import Operation, service

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)
)


def trees(names: list[str]) -> st.SearchStrategy[Any]:
    """Of the model's own names, with anything at all as their values."""
    keys = st.sampled_from(names) | st.text(max_size=3)
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


def names_of(operation: Operation) -> list[str]:
    members = operation.input.members if operation.input is not None else {}
    found = [*members, *(member.serialization.get("name", name) for name, member in members.items())]
    for member in members.values():
        inner = getattr(member, "member", member)
        found.extend(getattr(inner, "members", {}))
    return [*found, "member", "entry", "key", "value", "1", "2"]


def markup(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(
            f"<{name}>{markup(item)}</{name}>" for name, item in value.items() if name.isidentifier()
        )
    if isinstance(value, list):
        return "".join(f"<member>{markup(item)}</member>" for item in value)
    return "" if value is None else "".join(filter(str.isalnum, str(value)))


def leaves(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in leaves(item, f"{prefix}.{name}")]
    if isinstance(value, list):
        return [leaf for i, item in enumerate(value) for leaf in leaves(item, f"{prefix}.member.{i}")]
    return [(prefix.lstrip("."), str(value))]


def body_of(protocol: str, tree: Any) -> bytes:
    if protocol == "query":
        return urlencode(leaves(tree)).encode()
    if protocol == "rest-xml":
        return f"<Root>{markup(tree)}</Root>".encode()
    if protocol == "smithy-rpc-v2-cbor":
        return cbor2.dumps(tree)
    return json.dumps(tree, default=repr).encode()


@pytest.mark.parametrize(("name", "protocol"), SERVICES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_request_is_read_or_refused(name: str, protocol: str, data: st.DataObject) -> None:
    where = service(name)
    operation = where.operations[data.draw(st.sampled_from(sorted(where.operations)))]
    names = names_of(operation)
    body = data.draw(
        st.binary(max_size=30) | trees(names).map(lambda tree: body_of(protocol, tree)) | st.just(b"")
    )
    wires = st.sampled_from(names).map(str.lower) | st.sampled_from(["content-encoding", "x-amz-target"])
    headers = data.draw(st.dictionaries(wires, st.text(max_size=8) | st.sampled_from(["gzip", "3", "true"])))
    query = data.draw(st.dictionaries(st.sampled_from(names), st.text(max_size=5), max_size=3))
    path = data.draw(st.text(max_size=8).map(lambda text: f"/{text}"))
    method = operation.model.http.get("method", "POST")
    request = HttpRequest(method, path, urlencode(query), headers, body)
    routes.find(where, request)
    try:
        document = decode(operation, protocol, request)
    except WireError as error:
        response = encode_error(where, operation, protocol, error, "rid")
        assert 400 <= response.status < 500
    else:
        assert isinstance(document, dict)
