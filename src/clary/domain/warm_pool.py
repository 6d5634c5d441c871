"""A warm pool: what a training job with KeepAlivePeriodInSeconds leaves for the next one that matches it. Pure.

InUse ──────> Available ──────> Reused        a matching job has taken it
(the job runs)    └───────────> Terminated    its period is over, or was set to 0; memory is short; nothing ran

Its row is there from the job's Create until it is taken or taken away; what DescribeTrainingJob shows of it is in
the job's own row and stays. Effects:

    keep      makes the next job's sandbox ready, and looks after it; for as long as the pool is there
    retire    the period is over
    clean     ends what was made ready, and forgets the pool
    forget    the taker has what was made ready
"""

from __future__ import annotations

from dataclasses import dataclass

from clary.domain.machine import Document, Row, Step

KIND = "WarmPool"
STATUS = "Status"
PERIOD = "KeepAlivePeriodInSeconds"
SHOWN = "WarmPoolStatus"
"""The training job's member."""
KEPT = ("InUse", "Available")
"""As long as it is one of these, the pool is there."""
_CLUSTER = ("InstanceType", "InstanceCount", "InstanceGroups", "VolumeSizeInGB", "VolumeKmsKeyId")
_FLAGS = ("EnableInterContainerTrafficEncryption", "EnableNetworkIsolation")


@dataclass(frozen=True, slots=True)
class Looked:
    """The time or the period may have changed."""


@dataclass(frozen=True, slots=True)
class Launching:
    """Where the sandbox of each host is, before it is started and after."""

    sandboxes: Document
    made: int
    """How often there was one before."""
    ready: bool = False
    """All are started, or there is nothing to start."""


@dataclass(frozen=True, slots=True)
class Left:
    """The job has ended. `ran`: its cluster was up, and nothing of Clary's own failed."""

    ran: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """By the job of this name."""

    by: str


@dataclass(frozen=True, slots=True)
class Ended:
    """For lack of memory, or because it could not be kept."""


Event = Looked | Launching | Left | Taken | Ended


def match(spec: Document) -> Document:
    """What two training jobs must have in common for one to take the other's pool: AWS's list, and the image, for
    which the pool was made ready."""
    resources, network = spec["ResourceConfig"], spec.get("VpcConfig", {})
    return {
        "RoleArn": spec["RoleArn"],
        "TrainingImage": spec["AlgorithmSpecification"].get("TrainingImage"),
        **{name: resources.get(name) for name in _CLUSTER},
        **{name: spec.get(name, False) for name in _FLAGS},
        **{name: sorted(network.get(name, ())) for name in ("SecurityGroupIds", "Subnets")},
        "SessionChainingConfig": spec.get("SessionChainingConfig"),
    }


def pool_arn(job: str, created: float) -> str:
    """Of a training job's pool, by the job's ARN; a second job of its name has another."""
    return f"{job}/warm-pool/{int(created * 1000)}"


def period(spec: Document) -> int:
    """Of a training job; 0: it leaves no pool."""
    return int(spec["ResourceConfig"].get(PERIOD, 0))


def shown(pool: Row, now: float) -> Document:
    """WarmPoolStatus. The billable time is that for which nobody used it."""
    kept = pool.state
    found: Document = {"Status": kept[STATUS]}
    if "Since" in kept:
        found["ResourceRetainedBillableTimeInSeconds"] = round(kept.get("Until", now) - kept["Since"])
    if "ReusedByJob" in kept:
        found["ReusedByJob"] = kept["ReusedByJob"]
    return found


def step(pool: Row, event: Event, now: float) -> Step:
    status = pool.state[STATUS]
    if isinstance(event, Launching):
        # Even when it has ended meanwhile: `clean` is to find it.
        return Step({"Sandboxes": event.sandboxes, "Made": event.made, "Ready": event.ready})
    if status not in KEPT:
        return Step({})
    match event:
        case Left(ran) if status == "InUse":
            if not ran or pool.spec[PERIOD] <= 0:
                return _end(pool, now)
            return Step({STATUS: "Available", "Since": now}, (("retire", now + pool.spec[PERIOD]),))
        case Looked() if status == "Available":
            until = pool.state["Since"] + pool.spec[PERIOD]
            return _end(pool, now) if now >= until else Step({}, (("retire", until),))
        case Taken(by) if status == "Available":
            changes = {STATUS: "Reused", "Until": now, "ReusedByJob": by}
            return Step(changes, (("forget", now),), abandon=True)
        case Ended():
            return _end(pool, now)
    return Step({})


def _end(pool: Row, now: float) -> Step:
    changes: Document = {STATUS: "Terminated", "Since": pool.state.get("Since", now), "Until": now}
    return Step(changes, (("clean", now),), abandon=True)
