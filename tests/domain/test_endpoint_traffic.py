"""Traffic of an update, by its DeploymentConfig."""

from __future__ import annotations

from typing import Any

import pytest

from clary.domain.endpoint_traffic import alarms, fault, last_bake, steps, time_left


def blue_green(kind: str, **sizes: Any) -> dict[str, Any]:
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 7, **sizes}
        }
    }


def size(kind: str, value: int) -> dict[str, Any]:
    return {"Type": kind, "Value": value}


PLANS: list[tuple[str, dict[str, Any] | None, list[tuple[float, float]]]] = [
    ("no config", None, []),
    ("at once", blue_green("ALL_AT_ONCE"), []),
    ("canary", blue_green("CANARY", CanarySize=size("CAPACITY_PERCENT", 30)), [(0.3, 7)]),
    ("canary of an instance", blue_green("CANARY", CanarySize=size("INSTANCE_COUNT", 1)), [(0.25, 7)]),
    ("linear", blue_green("LINEAR", LinearStepSize=size("CAPACITY_PERCENT", 40)), [(0.4, 7), (0.8, 7)]),
    ("rolling", {"RollingUpdatePolicy": {"MaximumBatchSize": size("INSTANCE_COUNT", 2), "WaitIntervalInSeconds": 5}},
     [(0.5, 5)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("config", "expected"), [plan[1:] for plan in PLANS], ids=[plan[0] for plan in PLANS]
)
def test_the_shares_of_the_new_fleet(
    config: dict[str, Any] | None, expected: list[tuple[float, float]]
) -> None:
    assert steps(config, 4) == expected


def test_a_new_fleet_with_all_the_traffic_bakes_where_alarms_watch_it() -> None:
    watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}}
    assert alarms(watched) == ("a", "b")
    assert last_bake({**blue_green("ALL_AT_ONCE"), **watched}) == 7
    assert last_bake({"RollingUpdatePolicy": {"WaitIntervalInSeconds": 5}, **watched}) == 5
    assert last_bake(blue_green("ALL_AT_ONCE")) == 0
    assert (alarms(None), last_bake(None)) == ((), 0)


@pytest.mark.parametrize("policy", ["BlueGreenUpdatePolicy", "RollingUpdatePolicy"])
def test_an_update_s_time_runs_from_its_beginning(policy: str) -> None:
    config = {policy: {"MaximumExecutionTimeoutInSeconds": 600}}
    assert time_left(config, 1000.0, 1000.0) == 600
    assert time_left(config, 1000.0, 1700.0) == -100  # most of it while the server was away
    assert time_left({policy: {}}, 1000.0, 1700.0) is None
    assert time_left(None, 1000.0, 1700.0) is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (blue_green("CANARY"), "needs a CanarySize"),
        (blue_green("LINEAR"), "needs a LinearStepSize"),
        (blue_green("CANARY", CanarySize=size("CAPACITY_PERCENT", 60)), "between 1 and 50 percent"),
        (blue_green("LINEAR", LinearStepSize=size("CAPACITY_PERCENT", 5)), "between 10 and 50 percent"),
        (
            {"RollingUpdatePolicy": {"MaximumBatchSize": size("CAPACITY_PERCENT", 4)}},
            "between 5 and 50 percent",
        ),
        ({**blue_green("ALL_AT_ONCE"), "RollingUpdatePolicy": {"WaitIntervalInSeconds": 1}}, "either"),
    ],
)
def test_a_deployment_that_cannot_be_done_is_told_so(config: dict[str, Any], words: str) -> None:
    assert words in (fault(config) or "")


def test_deployments_that_can_be_done() -> None:
    assert fault({}) is None
    assert fault(blue_green("ALL_AT_ONCE")) is None
    assert fault(blue_green("CANARY", CanarySize=size("INSTANCE_COUNT", 60))) is None
    assert fault({"RollingUpdatePolicy": {"MaximumBatchSize": size("CAPACITY_PERCENT", 50)}}) is None
