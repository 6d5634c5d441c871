"""How an update's traffic turns over, of a DeploymentConfig: shares of the new fleet, each with the seconds that it
is kept before the next. Pure.

Source: "Blue/Green Deployments" and "Rolling Deployments" in AWS's developer guide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Steps = list[tuple[float, float]]


def steps(config: Mapping[str, Any] | None, instances: int) -> Steps:
    """Before all of it goes to the new fleet. `instances`: how many that has, for sizes in INSTANCE_COUNT."""
    config = config or {}
    routing = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    rolling = config.get("RollingUpdatePolicy")
    if rolling is not None:
        return _evenly(rolling["MaximumBatchSize"], rolling["WaitIntervalInSeconds"], instances)
    if routing.get("Type") == "CANARY":
        return [(_share(routing["CanarySize"], instances), float(routing["WaitIntervalInSeconds"]))]
    if routing.get("Type") == "LINEAR":
        return _evenly(routing["LinearStepSize"], routing["WaitIntervalInSeconds"], instances)
    return []


PERCENTS = {"CanarySize": (1, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
"""Of the capacity, at least and at most, as on AWS."""


def fault(config: Mapping[str, Any]) -> str | None:
    """What is wrong with a DeploymentConfig, in a sentence."""
    routing = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    rolling = config.get("RollingUpdatePolicy", {})
    if routing and rolling:
        return "Give either a BlueGreenUpdatePolicy or a RollingUpdatePolicy."
    needed = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(routing.get("Type"))
    if needed is not None and needed not in routing:
        return f"Traffic routing of type {routing['Type']} needs a {needed}."
    for member, (least, most) in PERCENTS.items():
        size = routing.get(member) or rolling.get(member)
        if size and size["Type"] == "CAPACITY_PERCENT" and not least <= size["Value"] <= most:
            return (
                f"{member} must be between {least} and {most} percent of the capacity, not {size['Value']}."
            )
    return None


def _evenly(size: Mapping[str, Any], wait: float, instances: int) -> Steps:
    share = _share(size, instances)
    count = math.ceil(1 / share - 1e-9)
    return [(share * number, float(wait)) for number in range(1, count)]


def _share(size: Mapping[str, Any], instances: int) -> float:
    whole = 100 if size["Type"] == "CAPACITY_PERCENT" else max(1, instances)
    return min(1.0, int(size["Value"]) / whole)


def termination_wait(config: Mapping[str, Any] | None) -> float:
    """Seconds that the old fleet is kept after all traffic has turned over."""
    return float((config or {}).get("BlueGreenUpdatePolicy", {}).get("TerminationWaitInSeconds", 0))


def alarms(config: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Names of the alarms that turn the update back."""
    given = (config or {}).get("AutoRollbackConfiguration", {}).get("Alarms", ())
    return tuple(each["AlarmName"] for each in given if "AlarmName" in each)


def last_bake(config: Mapping[str, Any] | None) -> float:
    """Seconds for which the new fleet is watched once it has all the traffic. Nobody waits where nothing is watched."""
    if not alarms(config):
        return 0.0
    config = config or {}
    routing = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    found = config.get("RollingUpdatePolicy") or routing
    return float(found.get("WaitIntervalInSeconds", 0))


def time_left(config: Mapping[str, Any] | None, began: float, now: float) -> float | None:
    """Seconds until the update, which began then, is rolled back for taking too long; None: it may take any time."""
    config = config or {}
    policy = config.get("BlueGreenUpdatePolicy") or config.get("RollingUpdatePolicy") or {}
    longest = policy.get("MaximumExecutionTimeoutInSeconds")
    return began + float(longest) - now if longest is not None else None
