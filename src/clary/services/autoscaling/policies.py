"""Scaling policies of a target: target tracking and step scaling.

What tells a step policy to act is an alarm of CloudWatch that has the policy's ARN among its AlarmActions. Target
tracking measures by itself, every few seconds, where AWS makes alarms that wait for minutes; so it shows none.
"""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace

from clary.api import Context, Document, operation
from clary.api.pages import pages
from clary.domain.search import Compare, Operator
from clary.services.autoscaling import names
from clary.services.autoscaling.names import POLICY, invalid
from clary.services.cloudwatch.alarms import KIND as ALARM
from clary.storage.ports import Query, Resource, Transaction

INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
TRACKING, STEPS = "TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"
CONFIGURATIONS = {"TargetTrackingScaling": TRACKING, "StepScaling": STEPS}
KEPT = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyType", TRACKING, STEPS)
LIMIT = 50
"""Policies of a target, as on AWS."""


@operation("application-autoscaling", "PutScalingPolicy")
def put_scaling_policy(ctx: Context, request: Document) -> Document:
    arn = names.policy_arn(ctx, request)
    with ctx.begin() as tx:
        target = names.target(ctx, tx, request)
        known = tx.resources.find(arn)
        before = known.spec if known is not None else {"PolicyType": "StepScaling"}
        spec = {**before, **{member: request[member] for member in KEPT if member in request}}
        check(spec)
        if known is None:
            query = Query(ctx.account, ctx.region, (POLICY,), names.of_target(target))
            if tx.resources.count(query) >= LIMIT:
                raise names.limit(f"A scalable target can have at most {LIMIT} scaling policies.")
            state = {"PolicyARN": arn, "CreationTime": ctx.now}
            tx.resources.insert(
                Resource(
                    arn=arn, account=ctx.account, region=ctx.region, kind=POLICY, name=spec["PolicyName"],
                    created=ctx.now, modified=ctx.now, spec=spec, state=state, parent=target.arn,
                )
            )  # fmt: skip
        else:
            tx.resources.update(replace(known, spec=spec, modified=ctx.now))
        answer = {"PolicyARN": arn, "Alarms": _alarms(ctx, tx).get(arn, [])}
    ctx.ports.changes.publish(str(target.parent))
    return answer


def check(spec: Document) -> None:
    """Raises ValidationException."""
    kind = spec["PolicyType"]
    if kind not in CONFIGURATIONS:
        raise invalid(f"Clary has no policies of type {kind}: use {' or '.join(CONFIGURATIONS)}.")
    wanted = CONFIGURATIONS[kind]
    given = [member for member in CONFIGURATIONS.values() if member in spec]
    if given != [wanted]:
        raise invalid(f"A policy of type {kind} takes {wanted}, and that alone.")
    (check_tracking if kind == "TargetTrackingScaling" else check_steps)(spec[wanted])


def check_tracking(config: Document) -> None:
    if config["TargetValue"] <= 0:
        raise invalid("TargetValue must be greater than 0.")
    for member in ("ScaleOutCooldown", "ScaleInCooldown"):
        if config.get(member, 0) < 0:
            raise invalid(f"{member} must not be negative.")
    predefined = config.get("PredefinedMetricSpecification")
    custom = config.get("CustomizedMetricSpecification")
    if (predefined is None) == (custom is None):
        raise invalid("Give either a PredefinedMetricSpecification or a CustomizedMetricSpecification.")
    if predefined is not None and predefined["PredefinedMetricType"] != INVOCATIONS:
        raise invalid(
            f"Clary measures {INVOCATIONS}, not {predefined['PredefinedMetricType']}: use that, or a "
            "CustomizedMetricSpecification."
        )
    if custom is not None:
        if "Metrics" in custom:
            raise invalid("Clary's policies have no metric math: leave out Metrics.")
        if not {"MetricName", "Namespace", "Statistic"} <= custom.keys():
            raise invalid("A CustomizedMetricSpecification needs MetricName, Namespace and Statistic.")


def check_steps(config: Document) -> None:
    if not config.get("StepAdjustments") or "AdjustmentType" not in config:
        raise invalid("A StepScalingPolicyConfiguration needs an AdjustmentType and StepAdjustments.")
    if config.get("Cooldown", 0) < 0:
        raise invalid("Cooldown must not be negative.")
    if "MinAdjustmentMagnitude" in config and config["AdjustmentType"] != "PercentChangeInCapacity":
        raise invalid("MinAdjustmentMagnitude is for an AdjustmentType of PercentChangeInCapacity.")
    low, high = "MetricIntervalLowerBound", "MetricIntervalUpperBound"
    endless = float("inf")
    intervals = sorted(
        (each.get(low, -endless), each.get(high, endless)) for each in config["StepAdjustments"]
    )
    for below, above in intervals:
        if below >= above or ((below, above) == (-endless, endless) and len(intervals) > 1):
            raise invalid(f"A step's {high} must be greater than its {low}.")
    if any(first[1] > second[0] for first, second in pairwise(intervals)):
        raise invalid("The intervals of StepAdjustments must not overlap.")


@operation("application-autoscaling", "DescribeScalingPolicies")
def describe_scaling_policies(ctx: Context, request: Document) -> Document:
    wanted = {"Name": request["PolicyNames"]} if request.get("PolicyNames") else None
    with ctx.read() as tx:
        found, token = names.page(ctx, tx, POLICY, request, wanted)
        alarms = _alarms(ctx, tx)
    shown = [{**each.document, "Alarms": alarms.get(each.arn, [])} for each in found]
    return {"ScalingPolicies": shown, "NextToken": token}


@operation("application-autoscaling", "DeleteScalingPolicy")
def delete_scaling_policy(ctx: Context, request: Document) -> None:
    arn = names.policy_arn(ctx, request)
    with ctx.begin() as tx:
        if tx.resources.find(arn) is None:
            raise names.missing("No scaling policy found", request)
        tx.resources.delete(arn)


def _alarms(ctx: Context, tx: Transaction) -> dict[str, list[Document]]:
    """Those that act on policies, by the policies' ARNs."""
    found: dict[str, list[Document]] = {}
    acting = Compare("AlarmActions", Operator.CONTAINS, ":scalingPolicy:")
    for page in pages(tx, Query(ctx.account, ctx.region, (ALARM,), acting)):
        for alarm in page:
            for action in alarm.spec.get("AlarmActions", ()):
                found.setdefault(action, []).append({"AlarmName": alarm.name, "AlarmARN": alarm.arn})
    return found
