"""What all state machines share: the row that they read, and the step that they answer.

A machine is a function of a row, an event and the time; it has no clock, disk or network. The orchestrator
writes the changes and the effects in one transaction, then runs the effects, which come back as events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Document = dict[str, Any]
Effects = tuple[tuple[str, float], ...]
"""What to do next: names and when each is due."""


class Row(Protocol):
    """The columns that a machine reads (a `Resource`)."""

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
    """What an event leads to. `changes` goes over the state; `abandon` drops the effects under way."""

    changes: Document
    effects: Effects = ()
    abandon: bool = False
