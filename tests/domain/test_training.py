"""The training job's life, as lists of what each event leads to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain import jobs
from clary.domain.job_events import (
    Admitted,
    Downloaded,
    EffectFailed,
    Event,
    Exited,
    Expired,
    Interrupted,
    Launched,
    Prepared,
    Progress,
    Reset,
    Uploaded,
    Woken,
)
from clary.domain.jobs import phase
from clary.domain.training import TRAINING

step = partial(jobs.step, TRAINING)


@dataclass(frozen=True)
class Row:
    spec: dict[str, Any] = field(default_factory=lambda: {"StoppingCondition": {"MaxRuntimeInSeconds": 100}})
    state: dict[str, Any] = field(default_factory=lambda: {"TrainingJobStatus": "InProgress"})
    target: str | None = None
    created: float = 0.0


def play(row: Row, *events: Event, start: float = 1.0) -> tuple[Row, list[tuple[str, ...]]]:
    """The row after the events, one second apart, and the names of the effects that each led to."""
    led = []
    for index, event in enumerate(events):
        decision = step(row, event, start + index)
        row = replace(row, state={**row.state, **decision.changes})
        led.append(tuple(name for name, _ in decision.effects))
    return row, led


TO_RUN = (Woken(), Prepared(), Admitted(), Downloaded())


def test_a_job_that_succeeds() -> None:
    row, effects = play(
        Row(), *TO_RUN, Launched({"pid": 1}), Exited(True, 6.0), Uploaded("s3://b/model.tar.gz")
    )
    assert effects == [
        ("prepare",), ("admit",), ("download",), ("run", "deadline"), (), ("upload",), ("clean",),
    ]  # fmt: skip
    assert row.state["TrainingJobStatus"] == "Completed"
    assert row.state["ModelArtifacts"] == {"S3ModelArtifacts": "s3://b/model.tar.gz"}
    assert [t["Status"] for t in row.state["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert all("EndTime" in transition for transition in row.state["SecondaryStatusTransitions"])
    assert row.state["TrainingTimeInSeconds"] == 2


def test_a_job_whose_program_fails_uploads_and_keeps_its_reason() -> None:
    row, effects = play(Row(), *TO_RUN, Exited(False, 6.0, "AlgorithmError: no"), Uploaded())
    assert effects[-2:] == [("upload",), ("clean",)]
    assert row.state["TrainingJobStatus"] == "Failed"
    assert row.state["FailureReason"] == "AlgorithmError: no"
    assert "ModelArtifacts" not in row.state


@pytest.mark.parametrize("before", range(1, 4))
def test_a_stop_before_the_program_runs_ends_the_job_at_once(before: int) -> None:
    row, _ = play(Row(), *TO_RUN[:before])
    row, effects = play(replace(row, target="Stopped"), Woken())
    assert row.state["TrainingJobStatus"] == row.state["SecondaryStatus"] == "Stopped"
    assert effects == [("clean",)]


def test_a_stop_lets_the_program_end_and_keeps_its_artifacts() -> None:
    row, _ = play(Row(), *TO_RUN)
    row, effects = play(
        replace(row, target="Stopped"), Woken(), Woken(), Exited(False, 9.0, "killed"), Uploaded("s3://m")
    )
    assert effects == [("stop",), (), ("upload",), ("clean",)]
    assert row.state["TrainingJobStatus"] == row.state["SecondaryStatus"] == "Stopped"
    assert row.state["ModelArtifacts"] == {"S3ModelArtifacts": "s3://m"}
    assert "FailureReason" not in row.state


def test_max_runtime_stops_the_job_and_says_so() -> None:
    row, _ = play(Row(), *TO_RUN)
    row, effects = play(row, Expired(), Exited(False, 9.0, "killed"), Uploaded())
    assert effects == [("stop",), ("upload",), ("clean",)]
    assert row.state["TrainingJobStatus"] == "Stopped"
    assert row.state["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_the_deadline_is_counted_from_the_start_of_training() -> None:
    row, _ = play(Row(), *TO_RUN[:3])
    decision = step(row, Downloaded(), 50.0)
    assert dict(decision.effects)["deadline"] == 150.0


def test_an_effect_that_fails_fails_the_job() -> None:
    row, effects = play(Row(), Woken(), EffectFailed("No such image"))
    assert row.state["TrainingJobStatus"] == "Failed"
    assert row.state["FailureReason"] == "No such image"
    assert effects[-1] == ("clean",)


def test_progress_shows_in_the_message_only() -> None:
    row, effects = play(Row(), Woken(), Progress("Installing numpy"))
    assert row.state["SecondaryStatusTransitions"][-1]["StatusMessage"] == "Installing numpy"
    assert row.state["SecondaryStatus"] == "Starting"
    assert effects[-1] == ()


EVENTS = st.sampled_from(
    [
        Woken(), Progress("p"), Prepared(), Admitted(("small",)), Downloaded(), Launched({"k": 1}), Exited(True, 5.0),
        Exited(False, 5.0, "x" * 3000), Uploaded("s3://m"), Uploaded(), EffectFailed("e" * 3000), Expired(), Reset(),
        Interrupted(), EffectFailed("f", platform=True), Exited(False, 5.0, "gone", lost=True), Expired("MaxWaitTimeExceeded"),
    ]
)  # fmt: skip


@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=30))
def test_whatever_happens_the_row_stays_whole(events: list[tuple[Event, bool]]) -> None:
    row, ended, now = Row(), None, 1.0
    for event, stop in events:
        row = replace(row, target="Stopped" if stop or row.target else None)
        decision = step(row, event, now)
        after = replace(row, state={**row.state, **decision.changes})
        if ended is not None:
            assert after.state == ended.state
            assert not decision.effects
        if phase(after) == "end":
            ended = after
            assert after.state["TrainingJobStatus"] in jobs.TERMINAL
        elif phase(after) != "new":
            assert after.state["TrainingJobStatus"] in ("InProgress", "Stopping")
        assert len(after.state.get("FailureReason", "")) <= jobs.REASON_LIMIT
        transitions = after.state.get("SecondaryStatusTransitions", [])
        assert all("EndTime" in transition for transition in transitions[:-1])
        assert [t["StartTime"] for t in transitions] == sorted(t["StartTime"] for t in transitions)
        row, now = after, now + 1
