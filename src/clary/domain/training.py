"""The life of a training job, as a pure function: no clock, no disk, no network.

    Starting ──prepare──> Starting ──admit──> Downloading ──download──> Training ──run──> Uploading ──upload──> end
       (environment)        (waits for slots)   (channels, source)        (the script)       (artifacts)

`step(job, event, now)` answers the changed row and the effects to queue, in one transaction with it.
Effects are run by the orchestrator and come back as events; each is named once per job, so a server that
died runs again just those whose event was never recorded. A stop before Training ends the job at once;
during Training it lets the program finish in its grace period and keeps the artifacts, as AWS does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

Document = dict[str, Any]

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
HOLDS_SLOTS = frozenset({"download", "run"})
"""Phases in which the job occupies CPUs, memory and GPUs."""
REASON_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Woken:
    """Look again: the target may have changed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Words for the current status' message."""

    message: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """The image's environment is there."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Slots are held; `notes` says what the machine lacks of the instance type."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Channels and source lie in the job's folder."""


@dataclass(frozen=True, slots=True)
class Launched:
    """The engine told where it runs the program; kept, so that a restarted server finds it again."""

    engine: Document


@dataclass(frozen=True, slots=True)
class Exited:
    """The program ended. `reason` explains a failure, for people; `metrics` are the last values of its log's
    metrics, as FinalMetricDataList shows them."""

    succeeded: bool
    ended: float
    reason: str = ""
    metrics: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Uploaded:
    """`model` is the S3 URI of model.tar.gz, where there is one."""

    model: str | None = None


@dataclass(frozen=True, slots=True)
class EffectFailed:
    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """MaxRuntimeInSeconds is over."""


Event = (
    Woken
    | Progress
    | Prepared
    | Admitted
    | Downloaded
    | Launched
    | Exited
    | Uploaded
    | EffectFailed
    | Expired
)


class Job(Protocol):
    """The columns that the machine reads (a `Resource`)."""

    @property
    def spec(self) -> Document: ...
    @property
    def state(self) -> Document: ...
    @property
    def target(self) -> str | None: ...
    @property
    def created(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to. `changes` goes over the state; `effects` are (name, due); `abandon` drops the
    effects under way."""

    changes: Document
    effects: tuple[tuple[str, float], ...] = ()
    abandon: bool = False

    @property
    def status(self) -> str | None:
        return self.changes.get("TrainingJobStatus")


def phase(job: Job) -> str:
    """The effect under way: prepare, admit, download, run, upload; `end` when all is done."""
    return str(job.state.get("Clary", {}).get("phase", "new"))


def step(job: Job, event: Event, now: float) -> Step:
    at = phase(job)
    if at == "end":
        return Step({})
    match event:
        case Progress(message):
            return Step(_message(job, message, now))
        case EffectFailed(reason):
            return _fail(job, reason, now)
        case Woken():
            if job.target == "Stopped":
                return _stop(job, at, now)
            if at == "new":
                return _enter(job, "prepare", "Starting", "Preparing the environment", now)
        case Prepared() if at == "prepare":
            return _enter(job, "admit", "Starting", "Waiting for capacity", now)
        case Admitted(notes) if at == "admit":
            message = "Downloading input data" + "".join(f". {note}" for note in notes)
            return _enter(job, "download", "Downloading", message, now)
        case Downloaded() if at == "download":
            entered = _enter(
                job, "run", "Training", "Training image download completed. Training in progress.", now
            )
            limit = job.spec.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
            changes = {**entered.changes, "TrainingStartTime": now}
            return Step(changes, (*entered.effects, ("deadline", now + limit)))
        case Launched(engine) if at == "run":
            return Step({"Clary": {**job.state["Clary"], "engine": engine}})
        case Expired() if at == "run" and "stop" not in job.state["Clary"]:
            changes = _transition(job, "MaxRuntimeExceeded", "Stopping: MaxRuntimeInSeconds is over", now)
            changes["TrainingJobStatus"] = "Stopping"
            changes["Clary"] = {**job.state["Clary"], "stop": "MaxRuntimeExceeded"}
            return Step(changes, (("stop", now),))
        case Exited() if at == "run":
            return _exited(job, event, now)
        case Uploaded(model) if at == "upload":
            return _finish(job, job.state["Clary"]["outcome"], model, now)
    return Step({})


def _enter(job: Job, name: str, status: str, message: str, now: float) -> Step:
    changes = _transition(job, status, message, now)
    changes["Clary"] = {**job.state.get("Clary", {}), "phase": name}
    return Step(changes, ((name, now),))


def _exited(job: Job, exit: Exited, now: float) -> Step:
    stopped = job.state["Clary"].get("stop")
    outcome = "Stopped" if stopped else "Completed" if exit.succeeded else "Failed"
    entered = _enter(job, "upload", "Uploading", "Uploading generated training model", now)
    changes = {**entered.changes, "TrainingEndTime": exit.ended}
    changes["Clary"] = {**changes["Clary"], "outcome": outcome}
    if outcome == "Failed":
        changes["FailureReason"] = exit.reason[:REASON_LIMIT]
    if exit.metrics:
        changes["FinalMetricDataList"] = list(exit.metrics)
    seconds = max(0, round(exit.ended - job.state.get("TrainingStartTime", exit.ended)))
    changes["TrainingTimeInSeconds"] = changes["BillableTimeInSeconds"] = max(1, seconds)
    return Step(changes, entered.effects, abandon=True)


def _stop(job: Job, at: str, now: float) -> Step:
    if at == "run":
        if job.state["Clary"].get("stop"):
            return Step({})
        changes = _transition(job, "Stopping", "Stopping the training job", now)
        changes["TrainingJobStatus"] = "Stopping"
        changes["Clary"] = {**job.state["Clary"], "stop": "Stopped"}
        return Step(changes, (("stop", now),))
    if at == "upload":
        return Step(
            {"TrainingJobStatus": "Stopping"} if job.state["TrainingJobStatus"] == "InProgress" else {}
        )
    return _finish(job, "Stopped", None, now)


def _fail(job: Job, reason: str, now: float) -> Step:
    failed = _finish(job, "Failed", None, now)
    return replace(failed, changes={**failed.changes, "FailureReason": reason[:REASON_LIMIT]})


def _finish(job: Job, outcome: str, model: str | None, now: float) -> Step:
    secondary = outcome
    if outcome == "Stopped":
        secondary = job.state.get("Clary", {}).get("stop", "Stopped")
    words = {
        "Completed": "Training job completed",
        "Failed": "Training job failed",
        "Stopped": "Training job stopped",
    }
    changes = _transition(job, secondary, words[outcome], now)
    transitions = changes["SecondaryStatusTransitions"]
    changes["SecondaryStatusTransitions"] = [*transitions[:-1], {**transitions[-1], "EndTime": now}]
    changes["TrainingJobStatus"] = outcome
    changes["Clary"] = {**job.state.get("Clary", {}), "phase": "end"}
    if model:
        changes["ModelArtifacts"] = {"S3ModelArtifacts": model}
    return Step(changes, (("clean", now),), abandon=True)


def _transition(job: Job, status: str, message: str, now: float) -> Document:
    transitions = list(job.state.get("SecondaryStatusTransitions", ()))
    if transitions and transitions[-1]["Status"] == status:
        return _message(job, message, now)
    if transitions:
        transitions[-1] = {**transitions[-1], "EndTime": now}
    transitions.append({"Status": status, "StartTime": now, "StatusMessage": message})
    return {"SecondaryStatus": status, "SecondaryStatusTransitions": transitions, "LastModifiedTime": now}


def _message(job: Job, message: str, now: float) -> Document:
    transitions = list(job.state.get("SecondaryStatusTransitions", ()))
    if transitions:
        transitions[-1] = {**transitions[-1], "StatusMessage": message}
    return {"SecondaryStatusTransitions": transitions, "LastModifiedTime": now,
            "SecondaryStatus": job.state.get("SecondaryStatus", "Starting")}  # fmt: skip
