"""What a scalable target's policies want now: metrics and alarms read, `domain.autoscaling` asked.

What a metric called for is remembered in memory: a restarted server shrinks nothing before it has looked long enough.
Without a call InvocationsPerInstance is 0: a variant that nobody calls shrinks (on AWS it stays as it is).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clary.domain import alarms as alarm_rules
from clary.domain import autoscaling as rules
from clary.domain.datapoints import statistic
from clary.domain.search import Both, Compare, Operator
from clary.orchestrator.alarms import datapoints
from clary.storage.metric_series import newest
from clary.storage.ports import Document, Query, Resource, Transaction

MINUTE = 60.0
RECENT = 10.0
"""Seconds by whose rate a growing load is sized, so that one step is enough for it."""
TRACKING, STEPS = "TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"


@dataclass(frozen=True, slots=True)
class Scene:
    """A target, its endpoint and its policies at one moment."""

    target: Resource
    endpoint: Resource
    variant: Document
    policies: tuple[Resource, ...]

    @property
    def current(self) -> int:
        return int(self.variant["CurrentInstanceCount"])


class Wishes:
    """Of one target, look after look."""

    def __init__(self) -> None:
        self._needs: dict[str, rules.Needs] = {}

    def of(self, tx: Transaction, scene: Scene, now: float) -> rules.Wish | None:
        """The one to follow; None: all stays."""
        if not scene.policies:
            return None
        scaled = rules.Scaled(**scene.target.state["Clary"]["scaled"])
        found = [self._of_policy(tx, scene, policy, scaled, now) for policy in scene.policies]
        spec = scene.target.spec
        return rules.decide(
            [wish for wish in found if wish is not None], scene.current, spec["MinCapacity"], spec["MaxCapacity"],
            scaled, now, out=not spec["SuspendedState"]["DynamicScalingOutSuspended"],
            into=not spec["SuspendedState"]["DynamicScalingInSuspended"],
        )  # fmt: skip

    def _of_policy(
        self, tx: Transaction, scene: Scene, policy: Resource, scaled: rules.Scaled, now: float
    ) -> rules.Wish | None:
        if policy.spec["PolicyType"] == "StepScaling":
            wishes = [
                rules.stepping(policy.name, policy.spec[STEPS], scene.current, over, alarm, scaled, now)
                for alarm, over in _alarms(tx, policy, now)
            ]
            return max((wish for wish in wishes if wish), key=lambda wish: wish.desired, default=None)
        config = policy.spec[TRACKING]
        measured = self._measure(tx, scene, config, now)
        if measured is None:
            return None
        metric, need, lasting = measured
        needs = self._needs.setdefault(policy.arn, rules.Needs())
        seconds = rules.patience(config)
        needs.note(now, lasting, seconds)
        return rules.tracking(policy.name, config, scene.current, metric, need, needs.greatest(now, seconds))

    def _measure(
        self, tx: Transaction, scene: Scene, config: Document, now: float
    ) -> tuple[float, int, int] | None:  # fmt: skip
        """The metric of the last minute per instance, the instances that it calls for to grow, and those to keep;
        None without data."""
        current, target = scene.current, config["TargetValue"]
        custom = config.get("CustomizedMetricSpecification")
        if custom is None:
            given = {"EndpointName": scene.endpoint.name, "VariantName": scene.variant["VariantName"]}
            read = ("AWS/SageMaker", "Invocations", given)
            minute = sum(newest(scene.endpoint, tx, *read, MINUTE, 1, now)[0])
            recent = sum(newest(scene.endpoint, tx, *read, RECENT, 1, now)[0]) * MINUTE / RECENT
            lasting = rules.needed(1, minute, target)
            return minute / max(1, current), rules.needed(1, max(minute, recent), target), lasting
        given = {each["Name"]: each["Value"] for each in custom.get("Dimensions", ())}
        (values,) = newest(
            scene.endpoint, tx, custom["Namespace"], custom["MetricName"], given, MINUTE, 1, now
        )
        if not values:
            return None
        compute = statistic(custom["Statistic"])
        assert compute is not None
        metric = compute(values)
        need = rules.needed(current, metric, target)
        return metric, need, need


def policies(tx: Transaction, target: Resource) -> Iterable[Resource]:
    mine = Compare("ParentArn", Operator.EQUALS, target.arn)
    query = Query(target.account, target.region, ("ScalingPolicy",), mine, limit=1000)
    return tx.resources.list(query).items


def _alarms(tx: Transaction, policy: Resource, now: float) -> Iterable[tuple[str, float]]:
    """Those that are up and have the policy among their actions: their names, and by how much."""
    up = Both((
        Compare("Status", Operator.EQUALS, alarm_rules.ALARM),
        Compare("AlarmActions", Operator.CONTAINS, policy.arn.rpartition(":policyName/")[0]),
    ))  # fmt: skip
    query = Query(policy.account, policy.region, ("MetricAlarm",), up, limit=1000)
    for alarm in tx.resources.list(query).items:
        if policy.arn in alarm.spec["AlarmActions"] and alarm.spec["ActionsEnabled"]:
            real = [value for value in datapoints(tx, alarm, now) if value is not None]
            if real:
                yield alarm.name, real[-1] - alarm.spec["Threshold"]
