"""CloudWatch's metrics over a real socket, in each protocol that its clients speak."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st
from tests.support.server import REGION, Running, ports_in, running

import clary.services.cloudwatch  # noqa: F401
from clary.domain.datapoints import gather, percentile, rounded

START = 1_700_000_000.0 // 60 * 60
NAMESPACE = "Mine"


class Speaking(Loader):  # type: ignore[misc]
    """botocore's models, with one protocol to speak."""

    def __init__(self, protocol: str) -> None:
        super().__init__(include_default_search_paths=True)
        self.protocol = protocol

    def load_service_model(self, *args: Any, **options: Any) -> Any:
        model = json.loads(json.dumps(super().load_service_model(*args, **options)))
        if "protocols" in model.get("metadata", {}):
            model["metadata"].update(protocol=self.protocol, protocols=[self.protocol])
        return model


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ports = ports_in(tmp_path_factory.mktemp("cloudwatch"))
    with running(ports, ["cloudwatch"]) as started:
        yield started
    ports.store.close()


@pytest.fixture(params=["json", "query", "smithy-rpc-v2-cbor"])
def each(request: pytest.FixtureRequest, server: Running) -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", Speaking(request.param))
    return session.create_client(
        "cloudwatch", region_name=REGION, endpoint_url=server.url,
        aws_access_key_id=server.key.id, aws_secret_access_key=server.key.secret,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cloudwatch(server: Running) -> Any:
    return server.client("cloudwatch")


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def put(client: Any, name: str, values: dict[float, float], **dimensions: str) -> None:
    shown = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    data = [
        {"MetricName": name, "Value": value, "Timestamp": at(seconds), "Dimensions": shown}
        for seconds, value in values.items()
    ]
    client.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def statistics(client: Any, name: str, *, period: int = 60, **changes: Any) -> list[dict[str, Any]]:
    request = {
        "Namespace": NAMESPACE, "MetricName": name, "StartTime": at(0), "EndTime": at(600), "Period": period,
        "Statistics": ["Average", "Maximum", "SampleCount"], **changes,
    }  # fmt: skip
    return list(
        client.get_metric_statistics(**{name: value for name, value in request.items() if value})[
            "Datapoints"
        ]
    )


def test_what_is_put_is_read_in_every_protocol(each: Any) -> None:
    name = f"loss-{uuid4().hex}"
    put(each, name, {1.5: 4.0, 2.5: 2.0, 61.25: 1.0}, Job="a")
    dimensions = [{"Name": "Job", "Value": "a"}]
    assert statistics(each, name) == [], "of other dimensions"
    assert statistics(each, name, Dimensions=dimensions) == [
        {"Timestamp": at(0), "Unit": "None", "Average": 3.0, "Maximum": 4.0, "SampleCount": 2.0},
        {"Timestamp": at(60), "Unit": "None", "Average": 1.0, "Maximum": 1.0, "SampleCount": 1.0},
    ]
    (listed,) = each.list_metrics(Namespace=NAMESPACE, MetricName=name)["Metrics"]
    assert listed == {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions}
    query = {"Id": "q", "MetricStat": {"Metric": listed, "Period": 1, "Stat": "Sum"}}
    (result,) = each.get_metric_data(
        MetricDataQueries=[query], StartTime=at(0), EndTime=at(600), ScanBy="TimestampAscending"
    )["MetricDataResults"]
    assert (result["Values"], result["StatusCode"]) == ([4.0, 2.0, 1.0], "Complete")
    assert result["Timestamps"] == [at(1), at(2), at(61)]
    with pytest.raises(ClientError, match="must be less than the parameter EndTime") as raised:
        statistics(each, name, EndTime=at(0))
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_samples_are_counted_each(cloudwatch: Any) -> None:
    data = [
        {"MetricName": "counted", "Values": [1.0, 5.0], "Counts": [3.0, 1.0], "Timestamp": at(0)},
        {"MetricName": "counted", "StatisticValues": {"SampleCount": 4, "Sum": 20, "Minimum": 2, "Maximum": 9},
         "Timestamp": at(1)},
    ]  # fmt: skip
    for _ in range(2):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    everything = ["SampleCount", "Sum", "Minimum", "Maximum"]
    (point,) = statistics(cloudwatch, "counted", Statistics=everything)
    assert [point[name] for name in everything] == [16.0, 56.0, 1.0, 9.0]


def test_percentiles(cloudwatch: Any) -> None:
    put(cloudwatch, "latency", {float(n): float(n) for n in range(11)})
    (point,) = statistics(cloudwatch, "latency", Statistics=None, ExtendedStatistics=["p50", "p99.5"])
    assert point["ExtendedStatistics"] == {"p50": 5.0, "p99.5": pytest.approx(9.95)}


def test_data_come_in_pages(cloudwatch: Any) -> None:
    put(cloudwatch, "paged", {float(n): float(n) for n in range(10)})
    metric = {"Namespace": NAMESPACE, "MetricName": "paged"}
    queries = [
        {"Id": "a", "MetricStat": {"Metric": metric, "Period": 1, "Stat": "Average"}},
        {"Id": "b", "MetricStat": {"Metric": metric, "Period": 5, "Stat": "Average"}, "Label": "fives"},
    ]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries,
        StartTime=at(0),
        EndTime=at(60),
        MaxDatapoints=3,
        ScanBy="TimestampDescending",
    )
    found: dict[str, list[float]] = {"a": [], "b": []}
    for page in pages:
        for result in page["MetricDataResults"]:
            found[result["Id"]] += result["Values"]
    assert found == {"a": [float(n) for n in reversed(range(10))], "b": [7.0, 2.0]}


def test_metrics_are_listed_in_pages_and_by_dimension(cloudwatch: Any) -> None:
    for number in range(120):
        put(cloudwatch, "many", {0.0: 1.0}, Host=f"h{number}")
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=NAMESPACE, MetricName="many")
    hosts = [m["Dimensions"][0]["Value"] for page in pages for m in page["Metrics"]]
    assert sorted(hosts) == sorted(f"h{number}" for number in range(120))
    (one,) = cloudwatch.list_metrics(MetricName="many", Dimensions=[{"Name": "Host", "Value": "h7"}])[
        "Metrics"
    ]
    assert one["Dimensions"] == [{"Name": "Host", "Value": "h7"}]


def test_what_is_wrong_is_refused(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="At least one of"):
        statistics(cloudwatch, "x", Statistics=None)
    with pytest.raises(ClientError, match="multiple of 60"):
        statistics(cloudwatch, "x", period=45)
    with pytest.raises(ClientError, match="needs a Value"):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": "x"}])
    with pytest.raises(ClientError, match="AWS's own"):
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[{"MetricName": "x", "Value": 1.0}])
    with pytest.raises(ClientError, match="metric math"):
        cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "e", "Expression": "SUM(a)"}], StartTime=at(0), EndTime=at(1)
        )


TIMES = st.lists(st.floats(0, 10_000), max_size=50)


@given(TIMES, st.floats(0, 10_000), st.floats(0, 10_000), st.sampled_from([1, 5, 30, 60, 300]))
def test_each_point_in_the_range_is_in_one_period(
    times: list[float], start: float, end: float, period: int
) -> None:
    found = gather(times, times, start, end, period)
    first = rounded(start, period)
    assert sorted(v for _, values in found for v in values) == sorted(t for t in times if first <= t < end)
    assert [begin for begin, _ in found] == sorted({begin for begin, _ in found})
    assert all(
        begin <= value < begin + period or math.isclose(value, begin + period)
        for begin, vs in found
        for value in vs
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_lies_among_the_values(values: list[float], share: float) -> None:
    assert min(values) <= percentile(values, share) <= max(values)
