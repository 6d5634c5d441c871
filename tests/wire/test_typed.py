"""What the typed reader takes, the general readers would take, with the same document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.parameters import inputs, unpatterned
from tests.wire.roundtrip import sent
from tests.wire.test_fuzz import SCALARS, names_of, trees

from clary.wire.codec import _readers, decode
from clary.wire.errors import Malformed, WireError
from clary.wire.messages import HttpRequest
from clary.wire.models import Operation, service
from clary.wire.read_typed import typed_reader
from clary.wire.reading import Flaws

SERVICES = ["sagemaker", "sagemaker-metrics", "logs", "application-autoscaling"]
NEARLY: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        0,
        1,
        -1,
        2**31,
        2**63,
        0.5,
        1.0,
        1e300,
        "",
        "a",
        "a\n",
        "é",
        True,
        [],
        {},
        "NaN",
        "2024-01-01",
        10**12,
    ]
)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def body_of(request: HttpRequest) -> bytes:
    assert isinstance(request.body, bytes)
    return request.body


def general(operation: Operation, body: bytes) -> dict[str, Any] | None:
    """What `PlainReaders` make of a body, None where they refuse it."""
    assert operation.input is not None
    read = _readers(operation.model.service_model, "json").reader(operation.input)
    flaws: Flaws = []
    try:
        document: dict[str, Any] = read(json.loads(body), flaws)
    except (Malformed, RecursionError):
        return None
    return None if flaws else document


def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """The same with one place changed, or left out."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {**value, name: spoiled(draw, value[name])}
        return {one: held for one, held in value.items() if one != name}
    if isinstance(value, list) and value and draw(st.booleans()):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], spoiled(draw, value[at]), *value[at + 1 :]]
    return draw(NEARLY | SCALARS.filter(lambda one: not isinstance(one, bytes)))


def agree(operation: Operation, body: bytes) -> bool:
    """Whether the typed reader took it; if so it must have been right."""
    assert operation.input is not None
    typed = typed_reader(operation.input)
    found = None if typed is None else typed(body)
    if found is None:
        return False
    wanted = general(operation, body)
    assert repr(found) == repr(wanted)
    return True


@pytest.mark.parametrize("name", SERVICES)
@SETTINGS
@given(data=st.data())
def test_both_readers_agree(name: str, data: st.DataObject) -> None:
    known = {
        one: operation
        for one, operation in unpatterned(name).operations.items()
        if operation.input is not None and not operation.model.http.get("requestUri", "/").count("{")
    }
    operation = known[data.draw(st.sampled_from(sorted(known)))]
    protocol = operation.model.service_model.protocol
    body = body_of(sent(operation, protocol, data.draw(inputs(operation, protocol)))) or b"{}"
    agree(operation, body)
    tree = data.draw(
        st.composite(lambda draw: spoiled(draw, json.loads(body)))() | trees(names_of(operation))
    )
    text = json.dumps(tree, default=repr, ensure_ascii=data.draw(st.booleans()))
    agree(operation, text.encode("utf-8", "surrogatepass"))
    agree(service(name).operations[operation.name], text.encode("utf-8", "surrogatepass"))


POINT = {"MetricName": "loss", "Value": 0.5, "Timestamp": 1700000000, "Step": 3}
PUT = service("sagemaker-metrics").operations["BatchPutMetrics"]


def put(**changes: Any) -> bytes:
    items = [POINT, {name: value for name, value in {**POINT, **changes}.items() if value != "absent"}]
    return json.dumps({"TrialComponentName": "a", "MetricData": items}).encode()


@pytest.mark.parametrize("changes", [{}, {"Step": "absent"}, {"Value": 1}, {"Timestamp": 1.5}, {"More": [1]}])
def test_points_are_taken_at_once(changes: dict[str, Any]) -> None:
    assert agree(PUT, put(**changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MetricName": 1}, "SerializationException"),
        ({"Value": "absent"}, "ValidationException"),
        ({"Step": -1}, "ValidationException"),
        ({"Step": "x"}, "SerializationException"),
        ({"Value": "NaN"}, None),
        ({"Step": 1.5}, None),
        ({"Timestamp": "2024-01-01T00:00:00Z"}, None),
        ({"Step": None}, None),
    ],
)
def test_what_is_odd_or_wrong_is_left_to_the_general_readers(
    changes: dict[str, Any], code: str | None
) -> None:
    body = put(**changes)
    assert not agree(PUT, body)
    request = HttpRequest("PUT", "/BatchPutMetrics", "", {}, body)
    if code is None:
        assert len(decode(PUT, "rest-json", request)["MetricData"]) == 2
    else:
        with pytest.raises(WireError) as refused:
            decode(PUT, "rest-json", request)
        assert refused.value.code == code


def test_a_repeated_member_hides_no_missing_one() -> None:
    twice = b'{"TrialComponentName": "a", "TrialComponentName": "b"}'
    assert not agree(PUT, twice)
