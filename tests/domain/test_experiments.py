"""The rules of experiments: what a job's trial component shows, how updates merge, curves, lineage walks."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain import experiments as rules
from clary.domain.experiments_curves import curve
from clary.domain.experiments_lineage import Link, walk
from clary.storage.ports import Edge, Point

JOB: dict[str, Any] = {
    "HyperParameters": {
        "batch-size": "128", "weight-decay": "1e-06", "model": '"resnet"', "flag": "true", "n": "nan"
    },
    "AlgorithmSpecification": {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:1.15"},
    "ResourceConfig": {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "InputDataConfig": [
        {
            "ChannelName": "training", "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3Uri": "s3://b/data"}},
        },
        {"ChannelName": "code"},
    ],
    "DebugHookConfig": {"S3OutputPath": "s3://b/tensors"},
}  # fmt: skip


def test_hyperparameters_that_spell_numbers_are_numbers_and_quotes_stay() -> None:
    found = rules.job_parameters(JOB)
    assert found["batch-size"] == {"NumberValue": 128.0}
    assert found["weight-decay"] == {"NumberValue": 1e-06}
    assert found["model"] == {"StringValue": '"resnet"'}
    assert found["flag"] == {"StringValue": "true"}
    assert found["n"] == {"StringValue": "nan"}
    assert found["SageMaker.InstanceType"] == {"StringValue": "ml.p3.2xlarge"}
    assert found["SageMaker.InstanceCount"] == {"NumberValue": 1.0}


def test_channels_and_outputs_are_artifacts() -> None:
    assert rules.job_inputs(JOB) == {"training": {"Value": "s3://b/data", "MediaType": "text/csv"}}
    assert rules.job_outputs(JOB) == {"SageMaker.DebugHookOutput": {"Value": "s3://b/tensors"}}
    ended = {**JOB, "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"}}
    assert rules.job_outputs(ended)["SageMaker.ModelArtifact"] == {"Value": "s3://b/model.tar.gz"}


def test_state_follows_the_job() -> None:
    job = {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed", "FailureReason": "AlgorithmError: no"}
    state = rules.job_state({**job, "TrainingStartTime": 1.0, "TrainingEndTime": 2.0})
    assert state["Status"] == {
        "PrimaryStatus": "Failed",
        "Message": "Status: Failed, secondary status: Failed, failure reason: AlgorithmError: no.",
    }
    assert (state["StartTime"], state["EndTime"]) == (1.0, 2.0)
    long = rules.job_state({**job, "FailureReason": "x" * 2000})
    assert len(long["Status"]["Message"]) == rules.MESSAGE_LIMIT


def test_updates_merge_and_remove() -> None:
    old = {"Parameters": {"a": {"NumberValue": 1.0}, "b": {"NumberValue": 2.0}}}
    request = {"Parameters": {"b": {"NumberValue": 3.0}}, "ParametersToRemove": ["a"], "DisplayName": "d"}
    assert rules.merged(old, request) == {"Parameters": {"b": {"NumberValue": 3.0}}, "DisplayName": "d"}
    assert rules.merged(old, {"DisplayName": "d"}) == {"DisplayName": "d"}
    full = {"Parameters": {str(i): {"NumberValue": 0.0} for i in range(rules.MAX_PARAMETERS)}}
    with pytest.raises(rules.TooMany):
        rules.merged(full, {"Parameters": {"one more": {"NumberValue": 0.0}}})
    assert rules.merged(full, {"Parameters": {"new": {"NumberValue": 0.0}}, "ParametersToRemove": ["0"]})


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.integers(0, 10_000), st.one_of(st.none(), st.integers(0, 20))),
        min_size=1,
    )
)
def test_a_curve_counts_every_point_once(items: list[tuple[float, int, int | None]]) -> None:
    points = sorted(
        (Point("m", value, float(time), step) for value, time, step in items), key=lambda p: p.time
    )
    values = [point.value for point in points]
    for period in ("OneMinute", "FiveMinute", "OneHour", "IterationNumber"):
        x, counts = curve(points, "Count", period, "Timestamp")
        assert sum(counts) == len(points)
        assert x == sorted(x)
    _, (deviation,) = curve(points, "StdDev", "OneHour", "Timestamp") if _one_hour(points) else ([], [0.0])
    if _one_hour(points):
        assert deviation == pytest.approx(statistics.pstdev(values), rel=1e-6, abs=1e-6)
    assert max(curve(points, "Max", "OneMinute", "Timestamp")[1]) == max(values)
    assert min(curve(points, "Min", "OneMinute", "Timestamp")[1]) == min(values)


def _one_hour(points: list[Point]) -> bool:
    return len({int(point.time // 3600) for point in points}) == 1


def test_points_without_a_step_are_counted() -> None:
    points = [Point("m", 5.0, 1.0), Point("m", 6.0, 2.0), Point("m", 7.0, 3.0)]
    assert curve(points, "Last", "IterationNumber", "IterationNumber") == ([0, 1, 2], [5.0, 6.0, 7.0])
    assert curve(points, "Last", "IterationNumber", "IterationNumber", start=1, end=1) == ([1], [6.0])
    assert curve(points, "Avg", "OneMinute", "Timestamp") == ([0], [6.0])
    assert curve(points, "Last", "OneMinute", "IterationNumber") == ([2], [7.0])


@dataclass
class Graph:
    edges: list[Edge]

    def ascend(self, arns: Sequence[str]) -> dict[str, list[Link]]:
        return {arn: [edge for edge in self.edges if edge.destination == arn] for arn in arns}

    def descend(self, arns: Sequence[str]) -> dict[str, list[Link]]:
        return {arn: [edge for edge in self.edges if edge.source == arn] for arn in arns}


def test_walks_keep_to_their_direction_depth_and_paths() -> None:
    graph = Graph([Edge("Produced", a, b, 0.0) for a, b in ("ab", "bc", "cd", "xc", "by")])
    up = walk("c", "Ascendants", 10, graph.ascend, graph.descend)
    assert set(up.reached) == {"a", "b", "x"}
    down = walk("b", "Descendants", 1, graph.ascend, graph.descend)
    assert set(down.reached) == {"c", "y"}
    both = walk("b", "Both", 10, graph.ascend, graph.descend)
    assert set(both.reached) == {"a", "c", "d", "y"}, "x feeds c, but is neither above nor below b"
    assert up.paths(["a"]) == ["b", "a"]
    assert {(link.source, link.destination) for link in up.links("ab")} == {("a", "b"), ("b", "c")}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=20))
def test_a_walk_ends_on_any_graph(pairs: list[tuple[str, str]]) -> None:
    graph = Graph([Edge("Produced", start, end, 0.0) for start, end in pairs])
    reachable = {"a"}
    for _ in range(6):
        reachable |= {end for start, end in pairs if start in reachable}
    found = walk("a", "Descendants", 10, graph.ascend, graph.descend)
    assert set(found.reached) == reachable - {"a"}
    assert found.paths(found.reached) == list(found.reached)
