"""A training job's life: its secondary statuses, limits, spot interruptions and times over the common course.

Starting ─────────────> Downloading ──> Training ──> Uploading ──> Completed, Failed, Stopped
(prepare, admit)        (download)      (run)        (upload)
"""

from __future__ import annotations

from collections.abc import Iterable

from clary.domain.job_events import Exited
from clary.domain.jobs import Life, inner, tries
from clary.domain.machine import Document, Effects
from clary.domain.machine import Row as Job

INTERRUPTIONS = "CLARY_SPOT_INTERRUPTIONS"
"""A variable of a managed spot job's Environment, `5,10`: its first run is interrupted after 5 seconds, its second
after 10, so that a program's way with checkpoints can be tried."""

_ENTERED = {
    "prepare": ("Starting", "Preparing the environment"),
    "admit": ("Starting", "Waiting for capacity"),
    "download": ("Downloading", "Downloading input data"),
    "run": ("Training", "Training image download completed. Training in progress."),
    "upload": ("Uploading", "Uploading generated training model"),
}
_AGAIN = {
    "Interrupted": "Spot capacity was interrupted; training starts again from its checkpoints",
    "Restarting": "Training was lost through a fault of the platform; it starts again",
}
_STOPPING = {
    "Stopped": ("Stopping", "Stopping the training job"),
    "MaxRuntimeExceeded": ("MaxRuntimeExceeded", "Stopping: MaxRuntimeInSeconds is over"),
    "MaxWaitTimeExceeded": ("MaxWaitTimeExceeded", "Stopping: MaxWaitTimeInSeconds is over"),
    "Interrupted": ("Interrupted", "Spot capacity is taken away"),
}
_FINISHED = {
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
}


class Training(Life):
    status = "TrainingJobStatus"

    def entered(self, job: Job, phase: str, notes: Iterable[str], now: float) -> Document:
        if phase == "reset":
            (why,) = notes
            return _transition(job, why, _AGAIN[why], now)
        status, message = _ENTERED[phase]
        changes = _transition(job, status, message + "".join(f". {note}" for note in notes), now)
        if phase == "run":
            changes["TrainingStartTime"] = job.state.get("TrainingStartTime", now)
        return changes

    def progress(self, job: Job, message: str, now: float) -> Document:
        return _message(job, message, now)

    def stopping(self, job: Job, why: str, now: float) -> Document:
        return {**super().stopping(job, why, now), **_transition(job, *_STOPPING[why], now)}

    def exited(self, job: Job, exit: Exited, seconds: int) -> Document:
        changes: Document = {"TrainingEndTime": exit.ended}
        if exit.metrics:
            changes["FinalMetricDataList"] = list(exit.metrics)
        changes["TrainingTimeInSeconds"] = changes["BillableTimeInSeconds"] = seconds
        return changes

    def finished(self, job: Job, outcome: str, why: str, model: str | None, now: float) -> Document:
        shown = why if outcome == "Stopped" and why in _STOPPING else outcome
        message = _FINISHED[outcome]
        if why == "MaxPendingTimeExceeded" and outcome == "Stopped":
            message += ": MaxPendingTimeInSeconds is over"
        changes = _transition(job, shown, message, now)
        transitions = changes["SecondaryStatusTransitions"]
        changes["SecondaryStatusTransitions"] = [*transitions[:-1], {**transitions[-1], "EndTime": now}]
        if model:
            changes["ModelArtifacts"] = {"S3ModelArtifacts": model}
        return {**changes, **super().finished(job, outcome, why, model, now)}

    def timers(self, job: Job, phase: str, now: float) -> Effects:
        condition = job.spec.get("StoppingCondition", {})
        if phase == "prepare" and job.spec.get("EnableManagedSpotTraining"):
            return (("wait", job.created + condition.get("MaxWaitTimeInSeconds", self.runtime(job))),)
        if phase == "admit" and "MaxPendingTimeInSeconds" in condition:
            return (("pending", now + condition["MaxPendingTimeInSeconds"]),)
        if phase == "run":
            script = interruptions(job.spec)
            run = tries(job) - inner(job).get("faults", 0)
            return (("interrupt", now + script[run]),) if run < len(script) else ()
        return ()

    def retries(self, job: Job) -> int:
        return int(job.spec.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0))


TRAINING = Training()


def interruptions(spec: Document) -> list[float]:
    """When a spot job's runs are interrupted, in seconds each. Raises `ValueError` for other text."""
    text = spec.get("Environment", {}).get(INTERRUPTIONS, "")
    return [float(part) for part in text.split(",") if part.strip()]


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
