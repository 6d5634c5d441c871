"""The course of every job, as a pure function: no clock, no disk, no network.

    prepare ──> admit ──> download ──> run ──> upload ──> end
    (environment) (slots)  (inputs)  (programs) (outputs)
        ^                              │ lost, or its spot capacity was taken away
        └────────── reset <────────────┘

`step(life, job, event, now)` answers what changes in the row and the effects to queue, in one transaction
with it. Effects are named as the phases; the orchestrator runs them and they come back as events. Each is
named once per job, so a server that died runs again just those whose event was never recorded. A stop
before `run` ends the job at once; during `run` it lets the programs finish in their grace period and keeps
what they made, as AWS does.

A `Life` is what a kind of job adds: which members of its document show all this, its limits and retries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
from clary.domain.machine import Document, Effects, Step
from clary.domain.machine import Row as Job

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
HOLDS_SLOTS = frozenset({"download", "run"})
"""Phases in which a job occupies CPUs, memory and GPUs."""
REASON_LIMIT = 1024


class Life:
    """How a kind of job shows its course. Each method answers changes to the document."""

    status: str
    """The member that shows the status."""

    def entered(self, job: Job, phase: str, notes: Iterable[str], now: float) -> Document:
        raise NotImplementedError

    def progress(self, job: Job, message: str, now: float) -> Document:
        return {}

    def stopping(self, job: Job, why: str, now: float) -> Document:
        return {} if why == "Interrupted" else {self.status: "Stopping"}

    def exited(self, job: Job, exit: Exited, seconds: int) -> Document:
        """`seconds`: how long the programs ran, over all tries."""
        raise NotImplementedError

    def finished(self, job: Job, outcome: str, why: str, model: str | None, now: float) -> Document:
        return {self.status: outcome}

    def runtime(self, job: Job) -> float:
        """MaxRuntimeInSeconds."""
        return float(job.spec.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400))

    def timers(self, job: Job, phase: str, now: float) -> Effects:
        """Further effects to queue as a phase begins: limits on waiting, interruptions."""
        return ()

    def retries(self, job: Job) -> int:
        """How often the job starts over after the platform's fault."""
        return 0


def phase(job: Job) -> str:
    """The effect under way; `new` before the first, `end` when all is done."""
    return str(inner(job).get("phase", "new"))


def inner(job: Job) -> Document:
    """What Clary keeps of a job beside its document: phase, engines, tries, why it is stopped."""
    kept: Document = job.state.get("Clary", {})
    return kept


def engines(job: Job) -> dict[str, Document]:
    """Where the programs run, by host."""
    return dict(inner(job).get("engines", {}))


def tries(job: Job) -> int:
    """How often the job has started over."""
    return int(inner(job).get("tries", 0))


def step(life: Life, job: Job, event: Event, now: float) -> Step:
    at = phase(job)
    if at == "end":
        return Step({})
    match event:
        case Progress(message):
            return Step(life.progress(job, message, now))
        case EffectFailed(reason, platform):
            if platform and inner(job).get("faults", 0) < life.retries(job):
                return _again(life, job, "Restarting", now)
            return _finish(life, job, "Failed", None, now, reason)
        case Woken():
            if job.target == "Stopped":
                return _stop(life, job, at, "Stopped", now)
            if at == "new":
                return _enter(life, job, "prepare", now)
        case Prepared() if at == "prepare":
            return _enter(life, job, "admit", now)
        case Admitted(notes) if at == "admit":
            return _enter(life, job, "download", now, notes)
        case Downloaded() if at == "download":
            entered = _enter(life, job, "run", now, started=now)
            left = life.runtime(job) - inner(job).get("seconds", 0.0)
            return Step(entered.changes, (*entered.effects, ("deadline", now + max(0.0, left))))
        case Launched(engine, host) if at == "run":
            return Step({"Clary": {**inner(job), "engines": {**engines(job), host: engine}}})
        case Expired(limit):
            if at == "run" and limit != "MaxPendingTimeExceeded":
                return _end_programs(life, job, limit, now)
            if at in ("prepare", "admit", "download", "reset") and limit != "MaxRuntimeExceeded":
                return _stop(life, job, at, limit, now)
        case Interrupted() if at == "run":
            return _end_programs(life, job, "Interrupted", now)
        case Exited() if at == "run":
            return _exited(life, job, event, now)
        case Reset() if at == "reset":
            return _enter(life, job, "prepare", now, warm=None)
        case Uploaded(model) if at == "upload":
            return _finish(life, job, inner(job)["outcome"], model, now)
    return Step({})


def _enter(life: Life, job: Job, name: str, now: float, notes: Iterable[str] = (), **keep: Any) -> Step:
    changes = {"LastModifiedTime": now, **life.entered(job, name, notes, now)}
    changes["Clary"] = {**inner(job), "phase": name, **keep}
    return Step(changes, ((name, now), *life.timers(job, name, now)))


def _exited(life: Life, job: Job, exit: Exited, now: float) -> Step:
    why = inner(job).get("stop")
    if why == "Interrupted":
        return _again(life, job, why, now, exit.ended)
    if exit.lost and not why and inner(job).get("faults", 0) < life.retries(job):
        return _again(life, job, "Restarting", now, exit.ended)
    outcome = "Stopped" if why else "Completed" if exit.succeeded else "Failed"
    seconds = _seconds(job, exit.ended)
    entered = _enter(life, job, "upload", now, outcome=outcome, seconds=seconds)
    changes = {**entered.changes, **life.exited(job, exit, max(1, round(seconds)))}
    if outcome == "Failed":
        changes["FailureReason"] = exit.reason[:REASON_LIMIT]
    return Step(changes, entered.effects, abandon=True)


def _again(life: Life, job: Job, why: str, now: float, ended: float | None = None) -> Step:
    """Start over: another engine key, nothing of this try's files."""
    faults = inner(job).get("faults", 0) + (why == "Restarting")
    keep = {"tries": tries(job) + 1, "faults": faults, "stop": None, "started": None}
    keep["seconds"] = _seconds(job, now if ended is None else ended)
    entered = _enter(life, job, "reset", now, (why,), **keep)
    return Step(entered.changes, entered.effects, abandon=True)


def _seconds(job: Job, ended: float) -> float:
    started = inner(job).get("started")
    before = float(inner(job).get("seconds", 0.0))
    return before + (max(0.0, ended - started) if started is not None else 0.0)


def _stop(life: Life, job: Job, at: str, why: str, now: float) -> Step:
    if at == "run":
        return _end_programs(life, job, why, now)
    if at == "upload":
        return Step({life.status: "Stopping"} if job.state.get(life.status) == "InProgress" else {})
    return _finish(life, job, "Stopped", None, now, why=why)


def _end_programs(life: Life, job: Job, why: str, now: float) -> Step:
    """Ask them to end. A stop overrides an interruption, which would start over; else the first reason stays."""
    earlier = inner(job).get("stop")
    if earlier and not (earlier == "Interrupted" and why != earlier):
        return Step({})
    changes = {"LastModifiedTime": now, **life.stopping(job, why, now)}
    changes["Clary"] = {**inner(job), "stop": why}
    return Step(changes, () if earlier else (("stop", now),))


def _finish(
    life: Life, job: Job, outcome: str, model: str | None, now: float, reason: str = "", why: str = ""
) -> Step:
    why = why or inner(job).get("stop") or "Stopped"
    changes = {"LastModifiedTime": now, **life.finished(job, outcome, why, model, now)}
    if reason:
        changes["FailureReason"] = reason[:REASON_LIMIT]
    changes["Clary"] = {**inner(job), "phase": "end"}
    return Step(changes, (("clean", now),), abandon=True)
