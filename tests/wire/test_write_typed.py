"""What the typed writer takes, the general writers would take, and write the same."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.parameters import outputs, unpatterned
from tests.wire.test_typed import SETTINGS, spoiled

from clary.wire.answers import plain_writers, typed_writers
from clary.wire.models import Operation, service

SERVICES = [("sagemaker", "json"), ("sagemaker-metrics", "rest-json"), ("logs", "json")]


def stored(value: Any) -> Any:
    """A document as handlers give it: dates are numbers."""
    if isinstance(value, dict):
        return {name: stored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [stored(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value


def typed(operation: Operation, document: Any) -> Any:
    """What the typed writer writes, None where it gives up."""
    assert operation.output is not None
    write = typed_writers(operation.model.service_model).writer(operation.output)
    body = None if write is None else write(document)
    return None if body is None else json.loads(body)


def general(operation: Operation, document: Any) -> Any:
    assert operation.output is not None
    protocol = operation.model.service_model.protocol
    return plain_writers(operation.model.service_model, protocol).writer(operation.output)(document)


@pytest.mark.parametrize(("name", "protocol"), SERVICES)
@SETTINGS
@given(data=st.data())
def test_both_writers_agree(name: str, protocol: str, data: st.DataObject) -> None:
    known = {one: each for one, each in unpatterned(name).operations.items() if each.output is not None}
    operation = known[data.draw(st.sampled_from(sorted(known)))]
    document = stored(data.draw(outputs(operation, protocol)))
    assert typed(operation, document) in (None, general(operation, document))
    other = data.draw(st.composite(lambda draw: spoiled(draw, document))())
    found = typed(operation, other)
    assert found is None or found == general(operation, other)


DESCRIBE = service("sagemaker").operations["DescribeTrialComponent"]
COMPONENT = {"TrialComponentName": "a", "CreationTime": 1700000000.5, "Parameters": {"p": {"NumberValue": 1}}}


def test_a_document_is_projected() -> None:
    known: dict[str, Any] = {**COMPONENT, "EndTime": None, "Parameters": {"p": {"NumberValue": 1.0}}}
    assert typed(DESCRIBE, {**COMPONENT, "EndTime": None, "pid": 4711}) == {
        name: value for name, value in known.items() if value is not None
    }


def metric(value: float) -> dict[str, Any]:
    return {**COMPONENT, "Metrics": [{"MetricName": "loss", "Last": value}]}


@pytest.mark.parametrize(
    "document",
    [
        metric(math.nan),
        metric(math.inf),
        {**COMPONENT, "TrialComponentName": 7},
        {**COMPONENT, "CreationTime": "2026-11-24T10:00:00Z"},
        {**COMPONENT, "Metrics": {}},
    ],
)
def test_what_is_not_of_the_models_types_is_left_to_the_general_writers(document: dict[str, Any]) -> None:
    assert typed(DESCRIBE, COMPONENT) is not None
    assert typed(DESCRIBE, document) is None


@pytest.mark.parametrize(
    "operation",
    ["Search", "DescribeTrainingJob", "ListTrialComponents", "DescribeEndpoint", "ListAssociations"],
)
def test_the_largest_answers_have_a_type(operation: str) -> None:
    """A shape without one, or with one that nothing is of, would be as right, and slow."""
    assert typed(service("sagemaker").operations[operation], {}) == {}
