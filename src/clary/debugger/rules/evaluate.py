"""Follows a trial, step by step, until a rule's condition is met or nothing more can come.

    step complete ──> the rule looks ──> met: Finding
          ^                │ not met
          └────────────────┘        the job has ended, and all it saved was looked at: None

Nothing is looked at twice, and no step before it is complete. Time is an argument.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..exceptions import SMDebugError
from ..trial import Trial
from .check import Check
from .rule import Rule, unrefreshed

PAUSE, LONGEST_PAUSE = 0.25, 2.0
"""Seconds between looks for new steps: the longer none comes, the longer."""


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    step: int
    words: str

    def __str__(self) -> str:
        """AWS's sentence, and what was found."""
        sentence = (
            f"RuleEvaluationConditionMet: Evaluation of the rule {self.rule} at step {self.step} "
            "resulted in the condition being met"
        )
        return f"{sentence}: {self.words}" if self.words else sentence


class Looker(Protocol):
    """A rule on its trial, built-in or a user's."""

    name: str

    def look(self, step: int) -> str | None:
        """What is wrong, in words (which may be empty); None when nothing is."""

    def quiet(self, seconds: float) -> str | None: ...
    def finish(self, output: Path) -> None: ...


class BuiltIn:
    def __init__(self, check: Check, trial: Trial, others: list[Trial]) -> None:
        """Raises `ValueError` when the rule needs other trials and there are none."""
        self.name, self._check, self._trial = type(check).__name__, check, trial
        check.compare([*others])

    def look(self, step: int) -> str | None:
        with unrefreshed([self._trial]):
            return self._check.check(self._trial, step)

    def quiet(self, seconds: float) -> str | None:
        return self._check.quiet(seconds)

    def finish(self, output: Path) -> None:
        self._check.finish(self._trial, output)


class Custom:
    def __init__(self, rule: Rule) -> None:
        self.name, self._rule = rule.rule_name, rule

    def look(self, step: int) -> str | None:
        try:
            with unrefreshed(self._rule.trials):
                return "" if self._rule.look(step) else None
        except SMDebugError as error:  # a tensor that it wants was not saved at this step
            self._rule.logger.debug("%s", error)
            return None

    def quiet(self, seconds: float) -> str | None:
        return None

    def finish(self, output: Path) -> None: ...


def evaluate(
    trial: Trial, rule: Looker, ended: Callable[[], bool], clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Finding | None:  # fmt: skip
    """`ended`: whether the job can save nothing more, though it may not have said so itself."""
    seen, since, pause = -1, clock(), PAUSE
    while True:
        last = ended()
        trial.refresh_data()
        last = last or trial.loaded_all_steps
        fresh = trial.steps_after(seen)
        for step in fresh:
            words = rule.look(step)
            if words is not None:
                return Finding(rule.name, step, words)
        if fresh:
            seen, since = fresh[-1], clock()
        if last:
            return None
        words = rule.quiet(clock() - since)
        if words is not None:
            return Finding(rule.name, max(seen, 0), words)
        pause = PAUSE if fresh else min(2 * pause, LONGEST_PAUSE)
        sleep(pause)
