"""What training and processing jobs add to the common course: retries, interruptions, limits, hosts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clary.domain import jobs
from clary.domain.cluster import addresses, hosts, resource_config
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
    Reset,
    Uploaded,
    Woken,
)
from clary.domain.jobs import phase
from clary.domain.processing import PROCESSING
from clary.domain.training import INTERRUPTIONS, TRAINING


@dataclass(frozen=True)
class Row:
    spec: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    created: float = 0.0


def play(life: jobs.Life, row: Row, *events: tuple[float, Event]) -> tuple[Row, list[dict[str, float]]]:
    """The row after the events at their times, and the effects with their due times that each led to."""
    led = []
    for now, event in events:
        decision = jobs.step(life, row, event, now)
        row = replace(row, state={**row.state, **decision.changes})
        led.append(dict(decision.effects))
    return row, led


def to_run(at: float) -> tuple[tuple[float, Event], ...]:
    return ((at, Woken()), (at, Prepared()), (at, Admitted()), (at, Downloaded()))


def spot(**changes: Any) -> Row:
    condition = {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 150}
    return Row({"EnableManagedSpotTraining": True, "StoppingCondition": condition, **changes})


def test_a_processing_job_shows_its_times_and_its_message() -> None:
    row, effects = play(
        PROCESSING, Row(), *to_run(5.0), (5.5, Launched({"pid": 1}, "algo-2")),
        (9.0, Exited(True, 8.5, message="m" * 2000)), (9.5, Uploaded()),
    )  # fmt: skip
    assert [list(each) for each in effects] == [
        ["prepare"], ["admit"], ["download"], ["run", "deadline"], [], ["upload"], ["clean"],
    ]  # fmt: skip
    assert row.state["ProcessingJobStatus"] == "Completed"
    assert (row.state["ProcessingStartTime"], row.state["ProcessingEndTime"]) == (5.0, 8.5)
    assert len(row.state["ExitMessage"]) == 1024
    assert jobs.engines(row) == {"algo-2": {"pid": 1}}
    assert "SecondaryStatus" not in row.state


def test_an_interruption_starts_over_and_counts_what_ran() -> None:
    row = spot(Environment={INTERRUPTIONS: "30"})
    row, effects = play(
        TRAINING, row, *to_run(10.0), (40.0, Interrupted()), (41.0, Exited(True, 41.0)), (42.0, Reset()),
        *to_run(50.0)[1:],
    )  # fmt: skip
    assert effects[0] == {"prepare": 10.0, "wait": 150.0}
    assert effects[3] == {"run": 10.0, "deadline": 110.0, "interrupt": 40.0}
    assert effects[4:7] == [{"stop": 40.0}, {"reset": 41.0}, {"prepare": 42.0, "wait": 150.0}]
    assert effects[-1] == {"run": 50.0, "deadline": 119.0}, "69 s are left, and the script is over"
    assert row.state["TrainingStartTime"] == 10.0
    row, _ = play(TRAINING, row, (60.0, Exited(True, 60.0)), (61.0, Uploaded("s3://m")))
    assert row.state["TrainingJobStatus"] == "Completed"
    assert row.state["BillableTimeInSeconds"] == 41


def test_a_stop_during_an_interruption_stops() -> None:
    row, _ = play(TRAINING, spot(), *to_run(10.0), (20.0, Interrupted()))
    row, effects = play(
        TRAINING,
        replace(row, target="Stopped"),
        (21.0, Woken()),
        (22.0, Exited(False, 22.0)),
        (23.0, Uploaded()),
    )
    assert effects == [{}, {"upload": 22.0}, {"clean": 23.0}]
    assert row.state["TrainingJobStatus"] == row.state["SecondaryStatus"] == "Stopped"


def test_the_wait_for_spot_capacity_ends() -> None:
    row, _ = play(TRAINING, spot(), *to_run(10.0)[:2], (150.0, Expired("MaxWaitTimeExceeded")))
    assert (row.state["TrainingJobStatus"], row.state["SecondaryStatus"]) == (
        "Stopped",
        "MaxWaitTimeExceeded",
    )


def test_pending_ends_with_admission() -> None:
    row = Row({"StoppingCondition": {"MaxPendingTimeInSeconds": 7200}})
    row, effects = play(TRAINING, row, *to_run(0.0)[:2])
    assert effects[1] == {"admit": 0.0, "pending": 7200.0}
    waiting, _ = play(TRAINING, row, (7200.0, Expired("MaxPendingTimeExceeded")))
    assert waiting.state["TrainingJobStatus"] == "Stopped"
    running, effects = play(
        TRAINING, row, (1.0, Admitted()), (2.0, Downloaded()), (7200.0, Expired("MaxPendingTimeExceeded"))
    )
    assert phase(running) == "run"
    assert effects[-1] == {}


def test_faults_of_the_platform_are_retried_as_often_as_asked() -> None:
    row = Row({"RetryStrategy": {"MaximumRetryAttempts": 2}})
    row, _ = play(
        TRAINING, row, *to_run(0.0), (1.0, Exited(False, 1.0, "lost", lost=True)), (2.0, Reset()),
        (3.0, EffectFailed("disk", platform=True)), (4.0, Reset()), *to_run(5.0)[1:],
    )  # fmt: skip
    assert (phase(row), jobs.tries(row)) == ("run", 2)
    row, _ = play(TRAINING, row, (6.0, Exited(False, 6.0, "lost", lost=True)), (7.0, Uploaded()))
    assert (row.state["TrainingJobStatus"], row.state["FailureReason"]) == ("Failed", "lost")
    failed, _ = play(TRAINING, Row(), (0.0, Woken()), (1.0, EffectFailed("once", platform=True)))
    assert failed.state["FailureReason"] == "once"


GROUP = st.fixed_dictionaries({
    "InstanceGroupName": st.sampled_from(["a", "b", "c"]), "InstanceType": st.just("ml.m5.large"),
    "InstanceCount": st.integers(1, 9),
})  # fmt: skip


@given(st.lists(GROUP, min_size=1, max_size=3, unique_by=lambda group: group["InstanceGroupName"]), st.text())
def test_hosts_are_numbered_and_have_addresses_of_their_own(groups: list[dict[str, Any]], key: str) -> None:
    cluster = hosts({"ResourceConfig": {"InstanceGroups": groups}})
    assert [host.name for host in cluster] == [
        f"algo-{n + 1}" for n in range(sum(g["InstanceCount"] for g in groups))
    ]
    found = addresses(cluster, key)
    assert list(found) == [host.name for host in cluster]
    assert len(set(found.values())) == len(cluster)
    assert all(address.startswith("127.") for address in found.values())
    told = resource_config(cluster, cluster[-1])
    assert told["current_host"] == told["hosts"][-1] == cluster[-1].name
    assert [name for group in told["instance_groups"] for name in group["hosts"]] == told["hosts"]


def test_a_single_host_is_this_machine() -> None:
    assert addresses(hosts({}), "key") == {"algo-1": "127.0.0.1"}
    processing = {
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.c5.large"}}
    }
    assert [host.instance_type for host in hosts(processing)] == ["ml.c5.large"] * 2
