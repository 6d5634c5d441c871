"""What can happen to a job: the events that its machine (`domain.jobs`) steps by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Document = dict[str, Any]
Limit = Literal["MaxRuntimeExceeded", "MaxWaitTimeExceeded", "MaxPendingTimeExceeded"]


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
    """All that the job asked for lies in its folder."""


@dataclass(frozen=True, slots=True)
class Launched:
    """The engine told where it runs a host's program; kept, so that a restarted server finds it again."""

    engine: Document
    host: str = "algo-1"


@dataclass(frozen=True, slots=True)
class Exited:
    """The programs of all hosts ended. `reason` explains a failure, for people; `metrics` are the last values
    of its log's metrics; `message` is what the program left to say of itself."""

    succeeded: bool
    ended: float
    reason: str = ""
    metrics: tuple[Document, ...] = ()
    lost: bool = False
    """The platform's fault, not the program's."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """`model` is the S3 URI of model.tar.gz, where there is one."""

    model: str | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """Nothing of the last try is left: the job may start over."""


@dataclass(frozen=True, slots=True)
class EffectFailed:
    reason: str
    platform: bool = False
    """Whether it is the platform's fault, so that another try may help."""


@dataclass(frozen=True, slots=True)
class Expired:
    """A limit of the StoppingCondition is over."""

    limit: Limit = "MaxRuntimeExceeded"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Spot capacity is taken away."""


Event = (
    Woken
    | Progress
    | Prepared
    | Admitted
    | Downloaded
    | Launched
    | Exited
    | Uploaded
    | Reset
    | EffectFailed
    | Expired
    | Interrupted
)
