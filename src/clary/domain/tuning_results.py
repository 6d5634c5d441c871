"""What the trials of a tuning job amount to: counts, the best one, whether they still improve. Pure.

A trial is `{number, definition, values, summary}`: `summary` is AWS's HyperParameterTrainingJobSummary of its
training job; `definition` the index of its training job definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]
Trials = tuple[Document, ...]

IMPROVEMENT = 0.01
"""AWS: an objective that is not better by 1 % has not improved."""
ENDED = frozenset({"Completed", "Failed", "Stopped"})
METRIC = "FinalHyperParameterTuningJobObjectiveMetric"


def is_running(trial: Document) -> bool:
    return trial["summary"]["TrainingJobStatus"] not in ENDED


def running(trials: Sequence[Document]) -> list[Document]:
    return [trial for trial in trials if is_running(trial)]


def has_objective(trial: Document) -> bool:
    return bool(trial["summary"].get("ObjectiveStatus") == "Succeeded")


def objective(trial: Document) -> float:
    """Raises `KeyError` where it has none."""
    return float(trial["summary"][METRIC]["Value"])


def minimizes(trial: Document) -> bool:
    return bool(trial["summary"][METRIC]["Type"] == "Minimize")


def rank(trial: Document) -> float:
    """Smaller is better."""
    return objective(trial) if minimizes(trial) else -objective(trial)


def reaches(trial: Document, target: float) -> bool:
    if not has_objective(trial):
        return False
    return objective(trial) <= target if minimizes(trial) else objective(trial) >= target


def best(trials: Sequence[Document]) -> Document | None:
    """The first of the best; None where none has an objective."""
    return min(filter(has_objective, trials), key=rank, default=None)


def counters(trials: Sequence[Document]) -> Document:
    statuses = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
    objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
    for trial in trials:
        summary = trial["summary"]
        status = summary["TrainingJobStatus"]
        if status == "Failed":
            fault = summary.get("FailureReason", "").startswith("InternalServerError")
            status = "RetryableError" if fault else "NonRetryableError"
        statuses[status if status in statuses else "InProgress"] += 1
        objectives[summary["ObjectiveStatus"]] += 1
    return {"TrainingJobStatusCounters": statuses, "ObjectiveStatusCounters": objectives}


def not_improving(ended: Sequence[Document]) -> int:
    """How many of the last trials to end were not better than what came before by 1 %; in the order of their end."""
    lead: float | None = None
    count = 0
    for trial in filter(has_objective, ended):
        value = rank(trial)
        if lead is None or value < lead - IMPROVEMENT * abs(lead):
            lead, count = value, 0
        else:
            count += 1
    return count


def patience(dimensions: int) -> int:
    """Trials without improvement after which the search has converged. AWS does not publish its own criteria."""
    return 10 + 2 * dimensions


def details(
    trials: Sequence[Document], ended: Sequence[Document], spec: Document, kept: Document | None, now: float
) -> Document:
    """The members of the document that tell how far the search has come."""
    stale = not_improving(ended)
    completion: Document = {"NumberOfTrainingJobsObjectiveNotImproving": stale}
    converged = (kept or {}).get("converged")
    dimensions = max((len(trial["values"]) for trial in trials), default=0)
    if converged is None and trials and stale >= patience(dimensions):
        converged = now
    if converged is not None:
        completion["ConvergenceDetectedTime"] = converged
    found: Document = {"TuningJobCompletionDetails": completion}
    leader = best(trials)
    if leader is not None:
        found["BestTrainingJob"] = leader["summary"]
    if spec.get("WarmStartConfig", {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
        overall = best((*(kept or {}).get("parents", ()), *trials))
        if overall is not None:
            name = spec["HyperParameterTuningJobName"]
            found["OverallBestTrainingJob"] = {"TuningJobName": name, **overall["summary"]}
    return found


def summary(job: Document, values: dict[str, str], metric: Document, definition: str | None) -> Document:
    """HyperParameterTrainingJobSummary of a training job's document. `metric`: the objective's Type and
    MetricName; `values`: the hyperparameters that were searched."""
    status = job["TrainingJobStatus"]
    found: Document = {
        "TrainingJobName": job["TrainingJobName"],
        "TrainingJobArn": job["TrainingJobArn"],
        "CreationTime": job["CreationTime"],
        "TrainingJobStatus": status,
        "TunedHyperParameters": values,
        "ObjectiveStatus": "Failed" if status in ENDED else "Pending",
    }
    if definition is not None:
        found["TrainingJobDefinitionName"] = definition
    for member in ("TrainingStartTime", "TrainingEndTime", "FailureReason"):
        if member in job:
            found[member] = job[member]
    if status in ENDED:
        for final in job.get("FinalMetricDataList", ()):
            if final["MetricName"] == metric["MetricName"]:
                found[METRIC] = {**metric, "Value": final["Value"]}
                if status != "Failed":
                    found["ObjectiveStatus"] = "Succeeded"
    return found
