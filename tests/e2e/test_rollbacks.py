"""Updates that an alarm turns back: traffic goes to the old fleet again, and nobody loses a request by it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import Endpoints, Load
from tests.support.process import Clary

FAILS = """
class Broken(Exception):
    status_code = 500
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept): raise Broken("a bad release")
"""
SIZE = {"Type": "CAPACITY_PERCENT", "Value": 50}


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


def alarm(endpoints: Endpoints, endpoint: str) -> str:
    """On the endpoint's 5XX answers of the last ten seconds."""
    name = endpoints.name("alarm")
    endpoints.clary.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="AWS/SageMaker", MetricName="Invocation5XXErrors", Statistic="Sum", Period=10,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "v0"}],
    )  # fmt: skip
    return name


def policy(kind: str, seconds: int) -> dict[str, Any]:
    if kind == "ROLLING":
        return {"RollingUpdatePolicy": {"MaximumBatchSize": SIZE, "WaitIntervalInSeconds": seconds}}
    size = {"CANARY": {"CanarySize": SIZE}, "LINEAR": {"LinearStepSize": SIZE}}.get(kind, {})
    routing = {"Type": kind, "WaitIntervalInSeconds": seconds, **size}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 0}}


@pytest.mark.parametrize(
    "kind",
    [
        "ALL_AT_ONCE",
        "CANARY",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("LINEAR", "ROLLING")),
    ],
)
def test_an_alarm_turns_the_update_back(endpoints: Endpoints, kind: str) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    before = endpoints.describe(name)["EndpointConfigName"]
    watching = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm(endpoints, name)}]}}
    bad = endpoints.config(endpoints.model(FAILS))
    seen = set()
    with Load(endpoints, name, callers=2) as load:
        load.some(10)
        endpoints.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=bad, DeploymentConfig={**policy(kind, 600), **watching}
        )
        end = time.monotonic() + 30
        while (found := endpoints.describe(name))["EndpointStatus"] != "InService":
            assert time.monotonic() < end, (found, load.errors[:2], load.answers, endpoints.clary.log[-3000:])
            if found["EndpointStatus"] not in seen and found["EndpointStatus"] == "RollingBack":
                load.errors.clear()  # those of the bad release; from here on there are none
            seen.add(found["EndpointStatus"])
            time.sleep(0.01)
        load.errors.clear()
        load.answers.clear()
        load.some(40)
    assert load.errors == []
    assert {json.loads(each)["predictions"][0]["predicted_label"] for each in load.answers} == {"old"}
    assert "Updating" in seen
    assert found["EndpointConfigName"] == before
    assert "in ALARM state" in found["FailureReason"]
    assert "PendingDeploymentSummary" not in found
    endpoints.delete(name)


def test_an_update_whose_alarms_keep_quiet_bakes_and_goes_through(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    watching = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm(endpoints, name)}]}}
    new = endpoints.config(endpoints.model(label="new"))
    with Load(endpoints, name, callers=2) as load:
        endpoints.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=new, DeploymentConfig={**policy("CANARY", 1), **watching}
        )
        found = endpoints.wait(name)
    assert load.errors == []
    assert found["EndpointConfigName"] == new
    assert found["LastDeploymentConfig"]["AutoRollbackConfiguration"] == watching["AutoRollbackConfiguration"]
    assert b'"new"' in endpoints.invoke(name)["Body"]
    endpoints.delete(name)


def test_an_alarm_that_is_up_already_lets_no_update_begin(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    up = alarm(endpoints, name)
    cloudwatch = endpoints.clary.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=up, StateValue="ALARM", StateReason="a drill")
    watching = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": up}]}}
    new = endpoints.config(endpoints.model(label="new"))
    with Load(endpoints, name, callers=2) as load:
        endpoints.sagemaker.update_endpoint(
            EndpointName=name,
            EndpointConfigName=new,
            DeploymentConfig={**policy("ALL_AT_ONCE", 0), **watching},
        )
        found = endpoints.wait(name)
    assert load.errors == []
    assert not any('"new"' in each for each in load.answers)
    assert up in found["FailureReason"]
    endpoints.delete(name)


def test_alarms_that_are_not_there_are_refused(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    watching = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "never-made"}]}}
    with pytest.raises(ClientError, match="never-made"):
        endpoints.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=endpoints.describe(name)["EndpointConfigName"],
            DeploymentConfig={**policy("ALL_AT_ONCE", 0), **watching},
        )  # fmt: skip
    assert endpoints.describe(name)["EndpointStatus"] == "InService"
    endpoints.delete(name)
