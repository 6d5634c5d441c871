"""The life of a transform job, as a pure function: InProgress until its one effect, `work`, says how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clary.domain.endpoint import REASON_LIMIT, Began, containers, execution_mode
from clary.domain.machine import Step

Document = dict[str, Any]

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
VARIANT = "transform"


@dataclass(frozen=True, slots=True)
class Woken:
    """Look again: the target may have changed."""


@dataclass(frozen=True, slots=True)
class Started:
    """It has its room on the machine."""


@dataclass(frozen=True, slots=True)
class Ended:
    status: str
    reason: str = ""


Event = Woken | Started | Began | Ended


class Job(Protocol):
    @property
    def state(self) -> Document: ...
    @property
    def target(self) -> str | None: ...


def fleet(spec: Mapping[str, Any], model: Mapping[str, Any]) -> Document:
    """What serves the job: the fleet of `domain.endpoint` with one variant."""
    resources = spec["TransformResources"]
    told = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(spec.get("MaxPayloadInMB", 6)),
        "SAGEMAKER_BATCH_STRATEGY": str(spec.get("BatchStrategy", "MultiRecord")),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(spec.get("MaxConcurrentTransforms", 1) or 1),
    }
    given = [
        {**each, "Environment": {**each.get("Environment", {}), **told, **spec.get("Environment", {})}}
        for each in containers(model)
    ]
    variant = {
        "name": VARIANT, "model": spec["ModelName"], "weight": 1.0, "count": resources["InstanceCount"], "startup": None,
        "serverless": None, "instance_type": resources["InstanceType"],
        "role": model.get("ExecutionRoleArn"), "containers": given, "mode": execution_mode(model),
    }  # fmt: skip
    return {"config": "", "variants": [variant], "shadows": [], "capture": None, "async": None, "runs": {}}


def step(job: Job, event: Event, now: float) -> Step:
    if job.state["TransformJobStatus"] in TERMINAL:
        return Step({})
    clary = job.state["Clary"]
    match event:
        case Woken() if job.target == "Stopped":
            return Step({"TransformJobStatus": "Stopping", "LastModifiedTime": now})
        case Started() if "TransformStartTime" not in job.state:
            return Step({"TransformStartTime": now, "LastModifiedTime": now})
        case Began(_, instance, run, engine):
            runs = {**clary["fleet"]["runs"], instance: {"run": run, "engine": engine}}
            return Step({"Clary": {**clary, "fleet": {**clary["fleet"], "runs": runs}}})
        case Ended(status, reason):
            changes: Document = {
                "TransformJobStatus": status,
                "TransformEndTime": now,
                "LastModifiedTime": now,
            }
            if reason:
                changes["FailureReason"] = reason[:REASON_LIMIT]
            return Step(changes, abandon=True)
    return Step({})
