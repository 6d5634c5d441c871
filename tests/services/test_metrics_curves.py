"""Curves at full resolution over HTTP: JSON and Arrow, to whoever signs as for any call."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.experiments import Region, Regions, regions_in

from clary.clients.calls import Calls, Refused
from clary.clients.connection import Connection
from clary.wire import arrow

NOW = int(time.time())
PATH = "/_clary/metrics"


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions_in(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def region(regions: Regions) -> Region:
    return regions.fresh()


@pytest.fixture
def calls(region: Region) -> Calls:
    """Two components: `a` with 25 points of `loss` and one of `acc` that has no step, `b` with 3 of `loss`."""
    sm, metrics = region.client("sagemaker"), region.client("sagemaker-metrics")
    for name, count in (("A", 25), ("b", 3)):
        sm.create_trial_component(TrialComponentName=name)
        data = [
            {"MetricName": "loss", "Timestamp": NOW + step, "Step": step, "Value": 1 / (step + 1)}
            for step in range(count)
        ]
        metrics.batch_put_metrics(TrialComponentName=name.lower(), MetricData=data)
    metrics.batch_put_metrics(
        TrialComponentName="a", MetricData=[{"MetricName": "acc", "Timestamp": NOW, "Value": 0.5}]
    )
    return calls_in(region)


def calls_in(region: Region) -> Calls:
    key = region.server.key
    return Calls(Connection(region.server.url, key.id, key.secret, region.name, Path()))


def test_json_has_every_point(calls: Calls) -> None:
    answer = json.loads(calls.get(PATH, component="A"))
    assert answer["Curves"] == [
        {
            "Component": "A", "Metric": "loss", "Times": [NOW + step for step in range(25)],
            "Steps": list(range(25)), "Values": [1 / (step + 1) for step in range(25)],
        },
        {"Component": "A", "Metric": "acc", "Times": [NOW], "Steps": [None], "Values": [0.5]},
    ]  # fmt: skip


def test_arrow_has_the_same_points_as_json(calls: Calls) -> None:
    assert arrow.decode(calls.get(PATH, component="a", metric="loss", format="arrow")) == {
        "Time": [NOW + step for step in range(25)],
        "Step": list(range(25)),
        "Value": [1 / (step + 1) for step in range(25)],
    }
    table = arrow.decode(calls.get(PATH, component="a,b", format="arrow"))
    assert list(table) == ["Component", "Metric", "Time", "Step", "Value"]
    assert table["Component"] == ["A"] * 26 + ["b"] * 3
    assert table["Metric"] == ["loss"] * 25 + ["acc"] + ["loss"] * 3
    assert table["Step"][25] is None


def test_a_range_of_time_ends_before_its_end(calls: Calls) -> None:
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW + 20))
    answer = json.loads(calls.get(PATH, component="a", metric="loss", start=NOW + 18, end=when))
    assert answer["Curves"][0]["Steps"] == [18, 19]


def test_a_metric_that_nobody_put_has_no_points(calls: Calls) -> None:
    assert json.loads(calls.get(PATH, component="b", metric="no"))["Curves"][0]["Values"] == []
    assert arrow.decode(calls.get(PATH, component="b", metric="no", format="arrow"))["Value"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "ValidationException"),
        ({"component": "no-such"}, "ResourceNotFound"),
        ({"component": "a", "start": "soon"}, "ValidationException"),
        ({"component": "a", "format": "csv"}, "ValidationException"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_awss_form(
    calls: Calls, query: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        calls.get(PATH, **query)
    assert refused.value.code == code


def test_without_a_signature_or_with_a_wrong_one_nothing_is_told(region: Region, calls: Calls) -> None:
    with pytest.raises(urllib.error.HTTPError) as anonymous:
        urllib.request.urlopen(f"{region.server.url}{PATH}?component=a")
    with anonymous.value as error:
        assert error.status == 403
        assert error.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    wrong = Connection(region.server.url, region.server.key.id, "wrong", region.name, Path())
    with pytest.raises(Refused) as refused:
        Calls(wrong).get(PATH, component="a")
    assert refused.value.code == "InvalidSignatureException"
    with pytest.raises(Refused) as refused:
        calls.post(PATH, {})
    assert refused.value.message == "/_clary/metrics answers GET."
    with pytest.raises(Refused) as refused:
        calls.get("/_clary/nothing")
    assert refused.value.code == "UnknownOperationException"
