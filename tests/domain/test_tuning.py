"""The tuning job's life as lists of what each event leads to; its ranges, plan and results."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain import tuning, tuning_plan
from clary.domain import tuning_results as results
from clary.domain.tuning import Expired, Filled, Judged, Launched, Reported, Woken, phase, room, step
from clary.domain.tuning_ranges import Choice, Number, guess, ranges
from clary.domain.tuning_search import worse_than_median

OBJECTIVE = {"Type": "Minimize", "MetricName": "loss"}


def spec(jobs: int = 4, parallel: int = 2, **config: Any) -> dict[str, Any]:
    return {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": OBJECTIVE,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "99"}]},
            **config,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "loss", "Regex": "loss (.*)"}]},
            "StaticHyperParameters": {"epochs": "27"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "CheckpointConfig": {"S3Uri": "s3://b/checkpoints/"},
        },
    }


@dataclass(frozen=True)
class Row:
    spec: dict[str, Any] = field(default_factory=spec)
    state: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    created: float = 0.0


def new(about: dict[str, Any] | None = None) -> Row:
    about = about or spec()
    state = {"HyperParameterTuningJobStatus": "InProgress"}
    return Row(about, tuning.first(about, state, 1, tuning_plan.limit(about), (), 0.0))


def trial(number: int, status: str = "InProgress", value: float | None = None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "TrainingJobName": f"t{number}", "TrainingJobArn": f"arn:t{number}", "CreationTime": 1.0, "TrainingJobStatus": status,
    }  # fmt: skip
    if value is not None:
        document["FinalMetricDataList"] = [{"MetricName": "loss", "Value": value}]
    values = {"n": str(number)}
    summary = results.summary(document, values, OBJECTIVE, None)
    return {"number": number, "definition": 0, "values": values, "summary": summary}


def ended(number: int, value: float | None = None, status: str = "Completed") -> Reported:
    return Reported(number, trial(number, status, value)["summary"])


def play(row: Row, *events: tuning.Event) -> tuple[Row, list[tuple[str, ...]]]:
    led = []
    for at, event in enumerate(events, 1):
        decision = step(row, event, float(at))
        row = replace(row, state={**row.state, **decision.changes})
        led.append(tuple(name for name, _ in decision.effects))
    return row, led


def status(row: Row) -> str:
    return str(row.state["HyperParameterTuningJobStatus"])


def stops(row: Row) -> list[int]:
    return [each["number"] for each in tuning.trials(row) if each.get("stop")]


def test_it_keeps_as_many_running_as_it_may_until_its_limit() -> None:
    row, led = play(
        new(), Woken(), Launched((trial(1), trial(2))), Filled(), ended(1, 5.0), Launched((trial(3),)), ended(3, 4.0),
        Launched((trial(4),)), ended(2, 6.0), ended(4, 4.5),
    )  # fmt: skip
    assert led == [("launch",), (), (), ("launch",), (), ("launch",), (), (), ()]
    assert (status(row), phase(row), room(row)) == ("Completed", "end", 0)
    assert row.state["BestTrainingJob"]["TrainingJobName"] == "t3"
    assert row.state["TrainingJobStatusCounters"]["Completed"] == 4
    assert row.state["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    assert row.state["HyperParameterTuningEndTime"] == 9.0


def test_a_launch_that_ends_after_a_job_did_launches_again() -> None:
    _, led = play(new(), Woken(), Launched((trial(1), trial(2))), ended(1, 5.0), Filled())
    assert led[-1] == ("launch",), "the effect that was queued meanwhile was taken out with the one that ran"


def test_a_stop_asks_what_runs_to_end_and_waits_for_it() -> None:
    row, _ = play(new(), Woken(), Launched((trial(1), trial(2))), ended(1, 5.0))
    row = replace(row, target="Stopped")
    assert room(row) == 0
    row, led = play(row, Woken())
    assert (led, stops(row), status(row)) == ([()], [2], "Stopping")
    row, _ = play(row, ended(2, 7.0, "Stopped"))
    assert status(row) == "Stopped"
    assert row.state["TrainingJobStatusCounters"]["Stopped"] == 1


def test_a_deadline_completes_it() -> None:
    about = spec(ResourceLimits={"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120})
    decision = step(new(about), Woken(), 1.0)
    assert dict(decision.effects) == {"deadline": 120.0, "launch": 1.0}
    row, _ = play(new(about), Woken(), Launched((trial(1),)), Expired())
    assert stops(row) == [1]
    row, _ = play(row, ended(1, 3.0, "Stopped"))
    assert status(row) == "Completed"


@pytest.mark.parametrize(("training", "words"), [("Failed", "No training job succeeded after 5 attempts"),
                                                 ("Completed", "No objective metrics found after running 5")])  # fmt: skip
def test_five_that_come_to_nothing_end_it(training: str, words: str) -> None:
    row = new(spec(jobs=20, parallel=6))
    row, _ = play(row, Woken(), Launched(tuple(trial(n) for n in range(1, 7))))
    row, led = play(row, *(ended(n, status=training) for n in range(1, 6)))
    assert led[-1] == ()
    assert stops(row) == [6]
    assert words in row.state["FailureReason"]
    row, _ = play(row, ended(6, status="Stopped"))
    assert status(row) == "Failed"


def test_all_failed_is_a_failure() -> None:
    row, _ = play(new(spec(jobs=1, parallel=1)), Woken(), Launched((trial(1),)), ended(1, status="Failed"))
    assert (status(row), row.state["FailureReason"]) == ("Failed", tuning.ALL_FAILED)


def test_criteria_end_it() -> None:
    target: dict[str, Any] = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 2.0}}
    row, _ = play(new(spec(jobs=9, **target)), Woken(), Launched((trial(1), trial(2))), ended(1, 2.0))
    assert (phase(row), stops(row)) == ("ending", [2])
    stale: dict[str, Any] = {
        "TuningJobCompletionCriteria": {
            "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}
        }
    }
    row = new(spec(jobs=9, parallel=1, **stale))
    for number, value in enumerate((2.0, 1.99, 1.985, 2.5), 1):
        assert phase(row) == "run"
        row, _ = play(row, Launched((trial(number),)), ended(number, value))
    assert row.state["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 3
    assert status(row) == "Completed"


@pytest.mark.parametrize("enabled", [True, False])
def test_convergence_is_told_and_ends_it_where_asked(enabled: bool) -> None:
    flag = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled" if enabled else "Disabled"}}
    row = new(spec(jobs=20, parallel=1, TuningJobCompletionCriteria=flag))
    for number in range(1, 20):
        if phase(row) == "run":
            row, _ = play(row, Launched((trial(number),)), ended(number, 1.0))
    assert "ConvergenceDetectedTime" in row.state["TuningJobCompletionDetails"]
    assert len(tuning.trials(row)) == (13 if enabled else 19)


def test_judgements_stop_and_are_kept() -> None:
    row = new(spec(Strategy="Hyperband"))
    row, led = play(
        row, Woken(), Launched((trial(1), trial(2))), Judged(frozenset({1}), {1: {0: 5.0}, 2: {0: 3.0}})
    )
    assert led == [("launch",), ("look",), ("look",)]
    assert stops(row) == [1]
    assert [each["rungs"] for each in tuning.trials(row)] == [{"0": 5.0}, {"0": 3.0}]
    assert [dict(each.rungs or {}) for each in tuning_plan.study(row, 0).trials] == [{0: 5.0}, {0: 3.0}]


EVENTS = st.one_of(
    st.sampled_from([Woken(), Filled(), Expired(), Judged(frozenset({1})), tuning.EffectFailed("x" * 3000)]),
    st.tuples(
        st.integers(1, 6), st.sampled_from(["Completed", "Failed", "Stopped"]), st.none() | st.floats(0, 9)
    ),
)


@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=40))
def test_whatever_happens_the_row_stays_whole(events: list[tuple[Any, bool]]) -> None:
    row = new(spec(jobs=6, parallel=3))
    for event, stop in events:
        row = replace(row, target="Stopped" if stop and len(events) > 20 else row.target)
        made = len(tuning.trials(row))
        before = row
        if isinstance(event, tuple):
            number, training, value = event
            known = number <= made and results.is_running(tuning.trials(row)[number - 1])
            event = ended(number, value, training) if known else Filled()
        if isinstance(event, Judged) and not made:
            event = Filled()
        row, (effects,) = play(row, event)
        if phase(before) == "end":
            assert (row, effects) == (before, ())
        if "launch" in effects:
            assert room(row) > 0
            row, _ = play(row, Launched(tuple(trial(made + 1 + n) for n in range(room(row)))))
        found, counts = tuning.trials(row), row.state["TrainingJobStatusCounters"]
        assert sum(counts.values()) == sum(row.state["ObjectiveStatusCounters"].values()) == len(found) <= 6
        assert len(results.running(found)) == counts["InProgress"] <= 3
        assert (
            (status(row) in tuning.TERMINAL)
            == (phase(row) == "end")
            == ("HyperParameterTuningEndTime" in row.state)
        )
        assert phase(row) != "end" or not results.running(found)
        assert phase(row) == "run" or set(stops(row)) >= {each["number"] for each in results.running(found)}
        assert len(row.state.get("FailureReason", "")) <= tuning.REASON_LIMIT


def test_the_training_job_of_a_combination() -> None:
    row = new()
    name = tuning_plan.training_job_name(row, 7)
    assert name.startswith("tune-007-")
    assert len(name) == len("tune-007-") + 8
    request = tuning_plan.training_job(row.spec, 0, name, {"n": "3"})
    assert request["HyperParameters"] == {"epochs": "27", "n": "3", "_tuning_objective_metric": "loss"}
    assert request["CheckpointConfig"] == {"S3Uri": f"s3://b/checkpoints/{name}"}
    assert request["AlgorithmSpecification"]["MetricDefinitions"][-1] == {
        "Name": "ObjectiveMetric",
        "Regex": "loss (.*)",
    }


def test_hyperband_reads_its_epochs_from_the_static_hyperparameters() -> None:
    about = spec(Strategy="Hyperband")
    assert tuning_plan.resources(about, about["TrainingJobDefinition"]) == (1, 27)
    with pytest.raises(ValueError, match="MaxResource parameter is not provided and could not be inferred"):
        tuning_plan.resources(about, {})


def test_parents_trials_take_static_values_for_what_was_static() -> None:
    parent, _ = play(new(), Woken(), Launched((trial(1), trial(2))), ended(1, 5.0), ended(2))
    about = spec(ParameterRanges={"IntegerParameterRanges": [
        {"Name": "n", "MinValue": "1", "MaxValue": "9"}, {"Name": "epochs", "MinValue": "9", "MaxValue": "30"},
    ]})  # fmt: skip
    (found,) = tuning_plan.inherited(about, parent)
    assert found["values"] == {"n": "1", "epochs": "27"}
    assert found["summary"]["TuningJobName"] == "tune"


def test_scales() -> None:
    document = {"ContinuousParameterRanges": [
        {"Name": "a", "MinValue": "0.0001", "MaxValue": "1"}, {"Name": "b", "MinValue": "0", "MaxValue": "1"},
        {"Name": "c", "MinValue": "0.1", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"},
    ]}  # fmt: skip
    assert [each.scale for each in ranges(document) if isinstance(each, Number)] == [
        "Logarithmic", "Linear", "ReverseLogarithmic",
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "document", "words"), [
    ("Integer", {"MinValue": "1", "MaxValue": "2.5"}, "must each be an integer"),
    ("Continuous", {"MinValue": "x", "MaxValue": "2"}, "must each be a number"),
    ("Continuous", {"MinValue": "nan", "MaxValue": "2"}, "must each be a number"),
    ("Integer", {"MinValue": "2", "MaxValue": "2"}, "must be less than its MaxValue"),
    ("Continuous", {"MinValue": "0", "MaxValue": "2", "ScalingType": "Logarithmic"}, "only values greater than 0"),
    ("Continuous", {"MinValue": "0", "MaxValue": "1", "ScalingType": "ReverseLogarithmic"}, "0<=x<1.0"),
    ("Categorical", {"Values": ["a", "a"]}, "must be different"),
])  # fmt: skip
def test_ranges_that_are_none(kind: str, document: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ranges({f"{kind}ParameterRanges": [{"Name": "a", **document}]})


@pytest.mark.parametrize(("hint", "found"), [
    ("8", Number("a", 2, 32, "Logarithmic", integer=True)), ("0.1", Number("a", 0.01, 0.55, "Logarithmic")),
    ('"True"', Choice("a", ("True", "False"))), ('"adam"', Choice("a", ('"adam"',))),
    ("0", Number("a", -1, 1, integer=True)), ("inf", Choice("a", ("inf",))),
])  # fmt: skip
def test_guesses_of_autotune(hint: str, found: Any) -> None:
    assert guess("a", hint) == found


def test_the_median_rule() -> None:
    earlier = [(4.0, 2.0), (3.0, 1.0), (6.0, 2.0), (9.0,)]
    assert worse_than_median((5.0, 3.5), earlier, minimize=True), "the averages are 3, 2 and 4"
    assert not worse_than_median((5.0, 3.0), earlier, minimize=True)
    assert not worse_than_median((5.0, 3.5), earlier[:2], minimize=True), "too few have ended"
    assert worse_than_median((1.0, 2.9), earlier, minimize=False)
