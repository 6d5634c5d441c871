"""Variants that follow their load, through Application Auto Scaling."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints, Load
from tests.support.process import Clary

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
INVOCATIONS = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


def variant(name: str, dimension: str = DIMENSION, which: str = "v0") -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/{which}",
        "ScalableDimension": dimension,
    }  # fmt: skip


def track(scaling: Any, name: str, policy: str = "track", **config: Any) -> str:
    answer = scaling.put_scaling_policy(
        PolicyName=policy, PolicyType="TargetTrackingScaling", **variant(name),
        TargetTrackingScalingPolicyConfiguration=config,
    )  # fmt: skip
    return str(answer["PolicyARN"])


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def count(endpoints: Endpoints, name: str) -> int:
    return int(endpoints.describe(name)["ProductionVariants"][0]["CurrentInstanceCount"])


def activities(scaling: Any, name: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found: list[dict[str, Any]] = scaling.describe_scaling_activities(**variant(name))["ScalingActivities"]
    return found[::-1]


def test_a_variant_grows_with_its_calls_and_nobody_loses_one(endpoints: Endpoints) -> None:
    scaling = endpoints.clary.client("application-autoscaling")
    name = endpoints.up(endpoints.model(environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}))
    arn = scaling.register_scalable_target(**variant(name), MinCapacity=1, MaxCapacity=3)["ScalableTargetARN"]
    track(scaling, name, TargetValue=5.0, PredefinedMetricSpecification=INVOCATIONS)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[
        variant(name)["ResourceId"]
    ])["ScalableTargets"]  # fmt: skip
    assert (target["ScalableTargetARN"], target["MinCapacity"], target["MaxCapacity"]) == (arn, 1, 3)
    assert target["SuspendedState"]["DynamicScalingInSuspended"] is False
    with Load(endpoints, name, callers=2) as load:
        until(lambda: count(endpoints, name) == 3)
        load.some(20)
    assert load.errors == []
    until(lambda: activities(scaling, name)[-1]["StatusCode"] == "Successful")
    (last,) = activities(scaling, name)
    assert last["Description"] == "Setting desired instance count to 3."
    assert "above the target 5, which triggered policy track" in last["Cause"]
    assert last["EndTime"] >= last["StartTime"]
    scaling.deregister_scalable_target(**variant(name))
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    endpoints.delete(name)


class Gauge:
    """A metric of the user's own, whose newest and lowest value is what the policy sees."""

    def __init__(self, clary: Clary, name: str) -> None:
        self._client, self._name = clary.client("cloudwatch"), name

    @property
    def specification(self) -> dict[str, Any]:
        return {"MetricName": self._name, "Namespace": "Mine", "Statistic": "Minimum"}

    def put(self, value: float) -> None:
        self._client.put_metric_data(
            Namespace="Mine", MetricData=[{"MetricName": self._name, "Value": value}]
        )


def test_a_variant_follows_a_metric_up_and_down_through_a_restart(own_clary: Clary) -> None:
    endpoints = Endpoints(own_clary)
    scaling, gauge = own_clary.client("application-autoscaling"), Gauge(own_clary, "queue")
    name = endpoints.up(endpoints.model(environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}))
    scaling.register_scalable_target(**variant(name), MinCapacity=1, MaxCapacity=2)
    track(
        scaling, name, TargetValue=10.0, ScaleInCooldown=5, ScaleOutCooldown=5,
        CustomizedMetricSpecification=gauge.specification,
    )  # fmt: skip
    gauge.put(55.0)
    until(lambda: count(endpoints, name) == 2)
    own_clary.kill()
    own_clary.start()
    endpoints.connect()
    scaling, gauge = own_clary.client("application-autoscaling"), Gauge(own_clary, "queue")
    with Load(endpoints, name, callers=2) as load:
        load.some(5)
        gauge.put(1.0)
        until(lambda: count(endpoints, name) == 1)
        load.some(20)
    assert load.errors == []
    until(lambda: activities(scaling, name)[-1]["StatusCode"] == "Successful")
    found = activities(scaling, name)
    assert [each["Description"][-2] for each in found] == ["2", "1"]
    assert (found[1]["StartTime"] - found[0]["EndTime"]).total_seconds() >= 5


def test_bounds_hold_and_an_endpoint_that_goes_takes_its_target_along(endpoints: Endpoints) -> None:
    scaling, gauge = endpoints.clary.client("application-autoscaling"), Gauge(endpoints.clary, "idle")
    name = endpoints.up(endpoints.model(environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}))
    scaling.register_scalable_target(**variant(name), MinCapacity=2, MaxCapacity=4, Tags={"team": "a"})
    arn = track(scaling, name, TargetValue=10.0, CustomizedMetricSpecification=gauge.specification)
    until(lambda: count(endpoints, name) == 2)
    assert activities(scaling, name)[0]["Cause"] == "minimum capacity was set to 2"
    target = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"][0]
    assert scaling.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"] == {"team": "a"}
    scaling.register_scalable_target(**variant(name), SuspendedState={"DynamicScalingOutSuspended": True})
    gauge.put(100.0)
    (kept,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["track"])[
        "ScalingPolicies"
    ]
    assert (kept["PolicyARN"], kept["PolicyType"]) == (arn, "TargetTrackingScaling")
    until(
        lambda: not activities(scaling, name) or activities(scaling, name)[-1]["StatusCode"] == "Successful"
    )
    assert count(endpoints, name) == 2
    endpoints.delete(name)
    until(lambda: scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == [])
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert len(activities(scaling, name)) == 1, "what happened stays known"


def test_steps_follow_an_alarm(endpoints: Endpoints) -> None:
    scaling, cloudwatch = (endpoints.clary.client(each) for each in ("application-autoscaling", "cloudwatch"))
    name = endpoints.up(endpoints.model(environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}))
    scaling.register_scalable_target(**variant(name), MinCapacity=1, MaxCapacity=5)
    steps = [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 2},
    ]
    arn = scaling.put_scaling_policy(
        PolicyName="steps", PolicyType="StepScaling", **variant(name),
        StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps},
    )["PolicyARN"]  # fmt: skip
    cloudwatch.put_metric_alarm(
        AlarmName="deep", Namespace="Mine", MetricName="depth", Statistic="Maximum", Period=60, EvaluationPeriods=1,
        Threshold=100, ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn],
    )  # fmt: skip
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert [each["AlarmName"] for each in policy["Alarms"]] == ["deep"]
    cloudwatch.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "depth", "Value": 115.0}])
    until(lambda: count(endpoints, name) == 3)
    assert "monitor alarm deep in state ALARM triggered policy steps" in activities(scaling, name)[0]["Cause"]
    scaling.delete_scaling_policy(PolicyName="steps", **variant(name))
    endpoints.delete(name)


def refused(call: Callable[..., Any], words: str, code: str = "ValidationException", **request: Any) -> None:
    with pytest.raises(ClientError, match=words) as raised:
        call(**request)
    assert raised.value.response["Error"]["Code"] == code


def test_what_cannot_be_scaled_is_refused(endpoints: Endpoints) -> None:
    scaling = endpoints.clary.client("application-autoscaling")
    name = endpoints.up(endpoints.model())
    bounds: dict[str, Any] = {"MinCapacity": 1, "MaxCapacity": 2}
    register = scaling.register_scalable_target
    refused(
        register,
        "DesiredProvisionedConcurrency",
        **variant(name, "sagemaker:variant:DesiredProvisionedConcurrency"),
    )
    refused(register, "Could not find endpoint", **variant("never"), **bounds)
    refused(register, "no variant v7", **variant(name, which="v7"), **bounds)
    refused(register, "MinCapacity and MaxCapacity are required", **variant(name), MinCapacity=1)
    refused(register, "cannot be less than minimum", **variant(name), MinCapacity=3, MaxCapacity=2)
    refused(register, "at least 1", **variant(name), MinCapacity=0, MaxCapacity=2)
    missing = "ObjectNotFoundException"
    policy: dict[str, Any] = {"PolicyName": "p", **variant(name)}
    refused(
        scaling.put_scaling_policy,
        "No scalable target registered for service namespace: sagemaker",
        missing,
        **policy,
    )
    refused(scaling.delete_scaling_policy, "policy name: p", missing, **policy)
    refused(scaling.deregister_scalable_target, "No scalable target found", missing, **variant(name))
    register(**variant(name), **bounds)
    track: dict[str, Any] = {"PolicyType": "TargetTrackingScaling"}
    refused(scaling.put_scaling_policy, "TargetTrackingScalingPolicyConfiguration", **policy, **track)

    def tracking(**config: Any) -> dict[str, Any]:
        return {**policy, **track, "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1, **config}}

    both = {
        "PredefinedMetricSpecification": INVOCATIONS,
        "CustomizedMetricSpecification": {"MetricName": "m"},
    }
    other = {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"}
    refused(scaling.put_scaling_policy, "either", **tracking(**both))
    refused(scaling.put_scaling_policy, "Clary measures", **tracking(PredefinedMetricSpecification=other))
    endpoints.delete(name)
    until(lambda: scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == [])


@pytest.mark.slow
def test_an_asynchronous_endpoint_has_an_instance_only_while_its_queue_holds_something(
    endpoints: Endpoints,
) -> None:
    scaling, cloudwatch = (endpoints.clary.client(each) for each in ("application-autoscaling", "cloudwatch"))
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/answers"}}
    name = endpoints.up(endpoints.model(), AsyncInferenceConfig=output)
    queue = {"Namespace": "AWS/SageMaker", "Dimensions": [{"Name": "EndpointName", "Value": name}]}
    scaling.register_scalable_target(**variant(name), MinCapacity=0, MaxCapacity=1)
    backlog = {**queue, "MetricName": "ApproximateBacklogSizePerInstance", "Statistic": "Average"}
    track(scaling, name, TargetValue=5.0, ScaleInCooldown=5, CustomizedMetricSpecification=backlog)
    until(lambda: count(endpoints, name) == 0)
    wake = scaling.put_scaling_policy(
        PolicyName="wake", PolicyType="StepScaling", **variant(name),
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 150,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    )["PolicyARN"]  # fmt: skip
    cloudwatch.put_metric_alarm(
        AlarmName=name, **queue, MetricName="HasBacklogWithoutCapacity", Statistic="Maximum", Period=10,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing", AlarmActions=[wake],
    )  # fmt: skip
    endpoints.s3.put_object(Bucket=BUCKET, Key="asked.csv", Body=b"1,2")
    location = endpoints.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{BUCKET}/asked.csv", ContentType="text/csv"
    )["OutputLocation"]
    key = location.removeprefix(f"s3://{BUCKET}/")
    until(lambda: endpoints.s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] == 1)
    assert [each["Description"][-2] for each in activities(scaling, name)][:2] == ["0", "1"]
    cloudwatch.delete_alarms(AlarmNames=[name])
    endpoints.delete(name)


@pytest.mark.slow
def test_a_variant_comes_down_when_its_calls_do(endpoints: Endpoints) -> None:
    """Takes the minute by which InvocationsPerInstance is measured."""
    scaling = endpoints.clary.client("application-autoscaling")
    name = endpoints.up(endpoints.model(environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}))
    scaling.register_scalable_target(**variant(name), MinCapacity=1, MaxCapacity=3)
    track(
        scaling, name, TargetValue=300.0, ScaleInCooldown=10, ScaleOutCooldown=10,
        PredefinedMetricSpecification=INVOCATIONS,
    )  # fmt: skip
    with Load(endpoints, name, callers=2) as load:
        until(lambda: count(endpoints, name) == 3)
    assert load.errors == []
    answered = 0
    end = time.monotonic() + 150
    while count(endpoints, name) != 1:  # a call each half second goes on: 120 a minute
        assert time.monotonic() < end
        endpoints.invoke(name)
        answered += 1
        time.sleep(0.5)
    assert answered
    descriptions = [each["Description"] for each in activities(scaling, name)]
    assert descriptions[0] == "Setting desired instance count to 3."
    assert descriptions[-1] == "Setting desired instance count to 1."
    endpoints.delete(name)
