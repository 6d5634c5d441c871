"""CloudWatch's metrics of endpoints, and of what their containers use."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import Endpoints
from tests.support.process import IMAGE, ROLE, Clary

SCRIPT = """
class Refused(Exception):
    status_code = 415
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    if body == "refuse": raise Refused("only text")
    if body == "raise": raise ValueError("no such row")
    return body
"""


class Watch:
    """Statistics of an endpoint's metrics, over all that is there."""

    def __init__(self, endpoints: Endpoints, name: str, container: str | None = None) -> None:
        self._cloudwatch = endpoints.clary.client("cloudwatch")
        self._dimensions = [
            {"Name": "EndpointName", "Value": name},
            {"Name": "VariantName", "Value": "v0"},
            *([{"Name": "ContainerName", "Value": container}] if container else []),
        ]

    def get(self, metric: str, statistic: str, namespace: str = "AWS/SageMaker") -> float | None:
        now = datetime.now(UTC)
        points = self._cloudwatch.get_metric_statistics(
            Namespace=namespace, MetricName=metric, Dimensions=self._dimensions, Period=3600,
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1), Statistics=[statistic],
        )["Datapoints"]  # fmt: skip
        return sum(point[statistic] for point in points) if points else None

    def until(self, metric: str, statistic: str, wanted: float) -> None:
        end = time.monotonic() + 60
        while self.get(metric, statistic) != wanted:
            assert time.monotonic() < end, (metric, self.get(metric, statistic), wanted)
            time.sleep(0.1)


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


def test_invocations_are_counted_and_timed(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(SCRIPT))
    for body in ("a", "b", "c"):
        endpoints.invoke(name, body)
    for body in ("refuse", "raise", "raise"):
        with pytest.raises(ClientError, match="ModelError"):
            endpoints.invoke(name, body)
    watch = Watch(endpoints, name)
    watch.until("Invocations", "Sum", 6)
    watch.until("InvocationsPerInstance", "Sum", 6)
    watch.until("Invocation4XXErrors", "Sum", 1)
    watch.until("Invocation5XXErrors", "Sum", 2)
    watch.until("InvocationModelErrors", "Sum", 3)
    assert watch.get("ModelLatency", "SampleCount") == 3
    assert (watch.get("ModelLatency", "Minimum") or 0) > 0
    assert (watch.get("OverheadLatency", "Minimum") or 0) > 0
    used = "/aws/sagemaker/Endpoints"
    end = time.monotonic() + 60
    while watch.get("MemoryUtilization", "Maximum", used) is None:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert watch.get("CPUUtilization", "Maximum", used) is not None
    endpoints.invoke(name, "last")
    endpoints.delete(name)
    assert watch.get("Invocations", "Sum") == 7  # what the last second gathered is kept before it goes


def test_each_container_of_a_pipeline_is_counted_and_timed(endpoints: Endpoints) -> None:
    model = endpoints.name("pipeline")
    containers = [
        {"Image": IMAGE, "ContainerHostname": name, "ModelDataUrl": endpoints.data(SCRIPT)} for name in ("one", "two")
    ]  # fmt: skip
    endpoints.sagemaker.create_model(ModelName=model, Containers=containers, ExecutionRoleArn=ROLE)
    name = endpoints.up(model)
    for body in ("a", "b"):
        endpoints.invoke(name, body)
    with pytest.raises(ClientError, match="ModelError"):
        endpoints.invoke(name, "refuse")
    whole, one, two = (Watch(endpoints, name, container) for container in (None, "one", "two"))
    whole.until("Invocations", "Sum", 3)
    one.until("Invocations", "Sum", 3)
    two.until("Invocations", "Sum", 2)
    assert one.get("Invocation4XXErrors", "Sum") == 1
    latencies = [
        watch.get(metric, "Sum") or 0
        for watch, metric in ((one, "ContainerLatency"), (two, "ContainerLatency"), (whole, "ModelLatency"))
    ]
    assert min(latencies) > 0
    assert latencies[2] == pytest.approx(sum(latencies[:2]), abs=10)  # microseconds, rounded to tenths
    endpoints.delete(name)
