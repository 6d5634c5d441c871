"""A processing job's life: no secondary statuses, a start, an end, and what the program said of its own end."""

from __future__ import annotations

from collections.abc import Iterable

from clary.domain.job_events import Exited
from clary.domain.jobs import REASON_LIMIT, Life
from clary.domain.machine import Document
from clary.domain.machine import Row as Job


class Processing(Life):
    status = "ProcessingJobStatus"

    def entered(self, job: Job, phase: str, notes: Iterable[str], now: float) -> Document:
        return {"ProcessingStartTime": now} if phase == "run" else {}

    def exited(self, job: Job, exit: Exited, seconds: int) -> Document:
        changes: Document = {"ProcessingEndTime": exit.ended}
        if exit.message:
            changes["ExitMessage"] = exit.message[:REASON_LIMIT]
        return changes


PROCESSING = Processing()
