"""sagemaker-metrics: points in, summaries and curves out."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.experiments import Region, Regions, regions_in

NOW = int(time.time())


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def region(regions: Regions) -> Region:
    return regions.fresh()


@pytest.fixture
def sm(region: Region) -> Any:
    client = region.client("sagemaker")
    client.create_trial_component(TrialComponentName="Part")
    return client


@pytest.fixture
def metrics(region: Region) -> Any:
    return region.client("sagemaker-metrics")


def point(name: str, value: float, step: int | None = None, at: int = NOW) -> dict[str, Any]:
    item = {"MetricName": name, "Timestamp": at, "Value": value}
    return item if step is None else {**item, "Step": step}


def summary(sm: Any, name: str) -> dict[str, Any]:
    found = {
        item["MetricName"]: item for item in sm.describe_trial_component(TrialComponentName="part")["Metrics"]
    }
    return dict(found[name])


def test_summaries_are_right_out_of_order_and_repeated(sm: Any, metrics: Any) -> None:
    values = [0.5, -3.0, 9.25, 1.5, 2.0]
    points = [point("m", value, step, NOW + step) for step, value in enumerate(values)]
    for batch in (points[3:], points[:3], points[:3]):
        assert metrics.batch_put_metrics(TrialComponentName="part", MetricData=batch).get("Errors") is None
    found = summary(sm, "m")
    assert (found["Min"], found["Max"], found["Last"], found["Count"]) == (-3.0, 9.25, 2.0, 5)
    assert found["Avg"] == pytest.approx(statistics.fmean(values))
    assert found["StdDev"] == pytest.approx(statistics.pstdev(values))
    assert found["TimeStamp"].timestamp() == NOW + 4
    assert found["SourceArn"].endswith(":experiment-trial-component/part")


def test_concurrent_writers_lose_nothing(sm: Any, metrics: Any) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            data = [point("m", 1.0, number * 1000 + turn * 10 + index) for index in range(10)]
            metrics.batch_put_metrics(TrialComponentName="part", MetricData=data)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert summary(sm, "m")["Count"] == 8 * 5 * 10


def test_a_call_carries_more_than_ten_points_and_none_needs_a_step(sm: Any, metrics: Any) -> None:
    data = [point("m", float(number), at=NOW + number) for number in range(1000)]
    metrics.batch_put_metrics(TrialComponentName="part", MetricData=data)
    assert summary(sm, "m")["Count"] == 1000


def test_times_may_be_text_as_the_sdk_sends_them(sm: Any, metrics: Any) -> None:
    data = [{"MetricName": "m", "Timestamp": str(NOW), "Value": 1.0}]
    metrics.batch_put_metrics(TrialComponentName="part", MetricData=data)
    assert summary(sm, "m")["TimeStamp"].timestamp() == NOW


def test_a_bad_item_keeps_its_neighbours(sm: Any, metrics: Any) -> None:
    data = [
        point("m", 1.0, 0),
        point("m", float("inf"), 1),
        point("m", float("nan"), 2),
        point("n" * 256, 3.0, 3),
        point("two\nlines", 3.0, 3),
        point("m", 4.0, 3),
        point("n" * 255, 5.0, 3),
    ]
    answer = metrics.batch_put_metrics(TrialComponentName="part", MetricData=data)
    assert answer["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in (1, 2, 3, 4)]
    shown = sm.describe_trial_component(TrialComponentName="part")["Metrics"]
    assert {item["MetricName"]: item["Count"] for item in shown} == {"m": 2, "n" * 255: 1}
    answer = metrics.batch_put_metrics(TrialComponentName="part", MetricData=[point("m", float("nan"))])
    assert answer["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": 0}]


def test_an_unknown_component_is_named(metrics: Any) -> None:
    with pytest.raises(ClientError) as raised:
        metrics.batch_put_metrics(TrialComponentName="none", MetricData=[point("m", 1.0)])
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert "experiment-trial-component/none" in raised.value.response["Error"]["Message"]


def test_curves(sm: Any, metrics: Any) -> None:
    start = NOW - NOW % 3600
    data = [point("m", float(step), step, start + step * 30) for step in range(6)]
    metrics.batch_put_metrics(TrialComponentName="part", MetricData=data)
    arn = sm.describe_trial_component(TrialComponentName="part")["TrialComponentArn"]

    def query(
        stat: str, period: str, axis: str, name: str = "m", arn: str = arn, **more: int
    ) -> dict[str, Any]:
        return {
            "MetricName": name,
            "ResourceArn": arn,
            "MetricStat": stat,
            "Period": period,
            "XAxisType": axis,
        } | more

    results = metrics.batch_get_metrics(
        MetricQueries=[
            query("Avg", "OneMinute", "Timestamp"),
            query("Last", "IterationNumber", "IterationNumber", Start=2, End=3),
            query("Count", "OneHour", "Timestamp"),
            query("Last", "OneHour", "Timestamp", name="none"),
            query("Last", "OneHour", "Timestamp", arn=f"{arn}-none"),
        ]
    )["MetricQueryResults"]
    assert results[0]["XAxisValues"] == [start, start + 60, start + 120]
    assert results[0]["MetricValues"] == [0.5, 2.5, 4.5]
    assert (results[1]["XAxisValues"], results[1]["MetricValues"]) == ([2, 3], [2.0, 3.0])
    assert results[2]["MetricValues"] == [6.0]
    assert (results[3]["Status"], results[3]["MetricValues"]) == ("Complete", [])
    assert results[4]["Status"] == "ValidationError"
