"""A tuning job's life, as a pure function: which training jobs to launch, which to stop, when it is over.

    run ──────────> end      every training job that its limits allow was launched, and all have ended
     └──> ending ──> end     stopped, out of time, good enough, no longer improving, or hopeless: what runs is
                             asked to end first

`step(job, event, now)` answers what changes in the row and the effects to queue. The row holds every trial, the
summary of its training job in AWS's words included, so a server that died has all that it decides by:

    wake      look at the target                      Woken
    launch    suggest values, make training jobs      Launched, then Filled
    look      read the running jobs' objective        Judged (only where jobs are stopped early)
    deadline  MaxRuntimeInSeconds is over             Expired

Reported comes from a training job, in the transaction that changed it. A trial with `stop` set is to be stopped:
who commits a step asks its training job to, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clary.domain import tuning_results as results
from clary.domain.machine import Document, Step
from clary.domain.machine import Row as Job
from clary.domain.tuning_results import Trials

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
JOBS = 750
"""Training jobs where MaxNumberOfTrainingJobs is not given: AWS's quota."""
ATTEMPTS = 5
"""Training jobs that may come to nothing before the tuning job is given up, as AWS gives it up."""
REASON_LIMIT = 1024

NONE_SUCCEEDED = (
    f"No training job succeeded after {ATTEMPTS} attempts. "
    "Please take a look at the training job failures to get more details."
)
NO_OBJECTIVE = (
    f"No objective metrics found after running {ATTEMPTS} training jobs. Please ensure that the custom algorithm is "
    "emitting the objective metric as defined by the regular expression provided."
)
ALL_FAILED = "All training jobs failed. Please take a look at the training jobs failures to get more details."


@dataclass(frozen=True, slots=True)
class Woken:
    """Look again: the target may have changed."""


@dataclass(frozen=True, slots=True)
class Launched:
    """Training jobs were made, in the same transaction."""

    trials: Trials


@dataclass(frozen=True, slots=True)
class Filled:
    """`launch` has done what there was to do."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A training job's summary changed."""

    number: int
    summary: Document


@dataclass(frozen=True, slots=True)
class Judged:
    """Trials to stop early, and what is to be remembered of Hyperband's comparisons, by number."""

    stop: frozenset[int] = frozenset()
    rungs: Mapping[int, Mapping[int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expired:
    """MaxRuntimeInSeconds is over."""


@dataclass(frozen=True, slots=True)
class EffectFailed:
    reason: str


Event = Woken | Launched | Filled | Reported | Judged | Expired | EffectFailed


def inner(job: Job) -> Document:
    """What Clary keeps beside the document: phase, seed, limit, trials, what parents found."""
    kept: Document = job.state["Clary"]
    return kept


def phase(job: Job) -> str:
    return str(inner(job)["phase"])


def trials(job: Job) -> Trials:
    """In the order of their numbers, which begin at 1."""
    return tuple(inner(job)["trials"])


def room(job: Job) -> int:
    """How many training jobs may be launched now."""
    if phase(job) != "run" or job.target == "Stopped":
        return 0
    limits = job.spec["HyperParameterTuningJobConfig"]["ResourceLimits"]
    left: int = inner(job)["limit"] - len(trials(job))
    parallel: int = limits["MaxParallelTrainingJobs"] - len(results.running(trials(job)))
    return max(0, min(left, parallel))


def stops_early(job: Job) -> bool:
    config = job.spec["HyperParameterTuningJobConfig"]
    wanted: bool = config.get("TrainingJobEarlyStoppingType") == "Auto" or config["Strategy"] == "Hyperband"
    return wanted


def first(spec: Document, state: Document, seed: int, limit: int, parents: Trials, now: float) -> Document:
    """The state of a new tuning job. `limit`: how many training jobs it may launch."""
    kept = {"phase": "run", "seed": seed, "limit": limit, "trials": [], "ended": [], "parents": list(parents)}
    return {**state, **results.counters(()), **results.details((), (), spec, None, now), "Clary": kept}


def step(job: Job, event: Event, now: float) -> Step:
    if phase(job) == "end":
        return Step({})
    kept = {**inner(job), "trials": list(trials(job)), "ended": list(inner(job)["ended"])}
    effects: list[tuple[str, float]] = []
    why: tuple[str, str] | None = None
    match event:
        case Woken():
            limit = job.spec["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxRuntimeInSeconds")
            if limit is not None and not kept["trials"]:
                effects.append(("deadline", job.created + limit))
        case Launched(made):
            kept["trials"] += made
            kept["ended"] += [trial["number"] for trial in made if not results.is_running(trial)]
        case Reported(number, summary):
            trial = kept["trials"][number - 1]
            kept["trials"][number - 1] = after = {**trial, "summary": summary}
            if results.is_running(trial) and not results.is_running(after):
                kept["ended"].append(number)
        case Judged(stop, rungs):
            for number in stop | rungs.keys():
                trial = kept["trials"][number - 1]
                noted = {str(rung): value for rung, value in rungs.get(number, {}).items()} or trial.get(
                    "rungs", {}
                )
                stopping = bool(trial.get("stop")) or (number in stop and results.is_running(trial))
                kept["trials"][number - 1] = {**trial, "rungs": noted, "stop": stopping}
        case Expired():
            why = ("Completed", "")
        case EffectFailed(reason):
            why = ("Failed", reason)
        case Filled():
            pass
    return _settle(job, kept, effects, why, isinstance(event, Launched | Judged), now)


def _settle(
    job: Job,
    kept: Document,
    effects: list[tuple[str, float]],
    why: tuple[str, str] | None,
    looked: bool,
    now: float,
) -> Step:
    """What the trials, as they stand now, lead to. `looked`: a look may have ended, or there is more to look at."""
    status, found = "HyperParameterTuningJobStatus", tuple(kept["trials"])
    order = [found[number - 1] for number in kept["ended"]]
    changes: Document = {
        "LastModifiedTime": now,
        **results.counters(found),
        **results.details(found, order, job.spec, kept, now),
    }
    detected = changes["TuningJobCompletionDetails"].get("ConvergenceDetectedTime")
    if detected is not None:
        kept["converged"] = detected
    if kept["phase"] == "run":
        why = why or _reason(job, found, order, changes["TuningJobCompletionDetails"])
        if why:
            kept["phase"], kept["outcome"] = "ending", why[0]
            if why[1]:
                changes["FailureReason"] = why[1][:REASON_LIMIT]
            if why[0] == "Stopped":
                changes[status] = "Stopping"
    running = results.running(found)
    if kept["phase"] == "ending":
        kept["trials"] = [{**t, "stop": True} if results.is_running(t) else t for t in found]
    over = kept["phase"] == "ending" or len(found) >= kept["limit"]
    if over and not running:
        outcome = kept.get("outcome", "Completed")
        if outcome == "Completed" and found and not any(map(results.has_objective, found)):
            outcome = "Failed"
            failed = all(trial["summary"]["TrainingJobStatus"] == "Failed" for trial in found)
            changes["FailureReason"] = (
                ALL_FAILED if failed else NO_OBJECTIVE.replace(str(ATTEMPTS), str(len(found)))
            )
        changes |= {status: outcome, "HyperParameterTuningEndTime": now}
        return Step({**changes, "Clary": {**kept, "phase": "end"}}, abandon=True)
    limits = job.spec["HyperParameterTuningJobConfig"]["ResourceLimits"]
    if not over and len(running) < limits["MaxParallelTrainingJobs"]:
        effects.append(("launch", now))
    if running and stops_early(job) and looked:
        effects.append(("look", now))
    return Step({**changes, "Clary": kept}, tuple(effects))


def _reason(job: Job, found: Trials, order: list[Document], details: Document) -> tuple[str, str] | None:
    """Why the tuning job ends before its limit, and as what."""
    if job.target == "Stopped":
        return "Stopped", ""
    if len(order) >= ATTEMPTS and not any(map(results.has_objective, order)):
        failed = all(trial["summary"]["TrainingJobStatus"] == "Failed" for trial in order)
        return "Failed", NONE_SUCCEEDED if failed else NO_OBJECTIVE
    criteria = job.spec["HyperParameterTuningJobConfig"].get("TuningJobCompletionCriteria", {})
    target = criteria.get("TargetObjectiveMetricValue")
    if target is not None and any(results.reaches(trial, target) for trial in found):
        return "Completed", ""
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if patience is not None and details["NumberOfTrainingJobsObjectiveNotImproving"] >= patience:
        return "Completed", ""
    complete = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
    return ("Completed", "") if complete and "ConvergenceDetectedTime" in details else None
