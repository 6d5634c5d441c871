"""The life of a warm pool, step by step, and what makes two jobs match."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from clary.domain.machine import Document
from clary.domain.warm_pool import Ended, Event, Launching, Left, Looked, Taken, match, shown, step


@dataclass
class Row:
    state: Document
    spec: Document = field(default_factory=lambda: {"KeepAlivePeriodInSeconds": 60})
    target: str | None = None
    created: float = 0.0


def after(row: Row, *events: tuple[float, Event]) -> tuple[Row, list[tuple[str, float]]]:
    effects: list[tuple[str, float]] = []
    for now, event in events:
        found = step(row, event, now)
        if found.abandon:
            effects.clear()
        effects += found.effects
        row = Row({**row.state, **found.changes}, row.spec)
    return row, effects


IN_USE = Row({"Status": "InUse"})


def test_it_waits_for_its_period_and_is_billed_for_that() -> None:
    row, effects = after(IN_USE, (100.0, Left(True)))
    assert effects == [("retire", 160.0)]
    assert shown(row, 130.0) == {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 30}
    row, effects = after(row, (160.0, Looked()))
    assert effects == [("clean", 160.0)]
    assert shown(row, 999.0) == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 60}


def test_a_changed_period_counts_from_when_it_became_available() -> None:
    row, _ = after(IN_USE, (100.0, Left(True)))
    row.spec = {"KeepAlivePeriodInSeconds": 600}
    assert after(row, (160.0, Looked()))[1] == [("retire", 700.0)]
    row.spec = {"KeepAlivePeriodInSeconds": 0}
    assert after(row, (160.0, Looked()))[0].state["Status"] == "Terminated"


def test_it_is_taken_once() -> None:
    row, effects = after(IN_USE, (100.0, Left(True)), (130.0, Taken("next")), (131.0, Taken("late")))
    assert effects == [("forget", 130.0)], "it is not retired, nor cleaned: all is the next job's"
    assert shown(row, 999.0) == {
        "Status": "Reused", "ResourceRetainedBillableTimeInSeconds": 30, "ReusedByJob": "next",
    }  # fmt: skip


@pytest.mark.parametrize("event", [Left(False), Ended()])
def test_what_nobody_can_take_is_cleaned(event: Event) -> None:
    row, effects = after(IN_USE, (100.0, event))
    assert (row.state["Status"], effects) == ("Terminated", [("clean", 100.0)])


def test_what_was_launched_meanwhile_is_known_when_it_is_cleaned() -> None:
    row, _ = after(IN_USE, (100.0, Ended()), (101.0, Launching({"algo-1": {"pid": 1}}, 1)))
    assert (row.state["Status"], row.state["Sandboxes"]) == ("Terminated", {"algo-1": {"pid": 1}})
    assert after(IN_USE, (99.0, Taken("early")))[0].state["Status"] == "InUse"


JOB: dict[str, Any] = {
    "RoleArn": "role",
    "AlgorithmSpecification": {"TrainingImage": "image"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "VpcConfig": {"SecurityGroupIds": ["a", "b"], "Subnets": ["c"]},
}
OTHERS: dict[str, dict[str, Any]] = {
    "role": {"RoleArn": "other"},
    "image": {"AlgorithmSpecification": {"TrainingImage": "other"}},
    "count": {"ResourceConfig": {**JOB["ResourceConfig"], "InstanceCount": 2}},
    "volume's key": {"ResourceConfig": {**JOB["ResourceConfig"], "VolumeKmsKeyId": "k"}},
    "subnet": {"VpcConfig": {"SecurityGroupIds": ["a", "b"], "Subnets": ["d"]}},
    "isolation": {"EnableNetworkIsolation": True},
    "encryption": {"EnableInterContainerTrafficEncryption": True},
}


def test_jobs_match_whatever_else_they_do() -> None:
    resources = {**JOB["ResourceConfig"], "KeepAlivePeriodInSeconds": 9}
    other = {
        **JOB, "HyperParameters": {"a": "1"}, "ResourceConfig": resources, "EnableNetworkIsolation": False,
        "VpcConfig": {"SecurityGroupIds": ["b", "a"], "Subnets": ["c"]},
    }  # fmt: skip
    assert match(other) == match(JOB)


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_jobs_that_differ_do_not_match(changes: dict[str, Any]) -> None:
    assert match({**JOB, **changes}) != match(JOB)
