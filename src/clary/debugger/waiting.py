"""Whether a step is there, and waiting until it is: the only part of the reader that waits."""

from __future__ import annotations

import bisect
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .exceptions import NoMoreData, StepNotYetAvailable, StepUnavailable
from .modes import ModeKeys, StepState

if TYPE_CHECKING:
    from .trial import Trial

PAUSE = 0.5
"""Seconds between looks."""


def has_passed_step(trial: Trial, step: int, mode: ModeKeys) -> StepState:
    steps = trial.steps(mode, show_incomplete_steps=True)
    at = bisect.bisect_left(steps, step)
    if at == len(steps):
        return StepState.UNAVAILABLE if trial.loaded_all_steps else StepState.NOT_YET_AVAILABLE
    found = trial.contents.steps.known(mode, steps[at])
    assert found is not None
    if steps[at] == step:
        complete = trial.contents.steps.is_complete(found)
        return StepState.AVAILABLE if complete else StepState.NOT_YET_AVAILABLE
    passed = trial.loaded_all_steps or trial.last_complete_step >= found
    return StepState.UNAVAILABLE if passed else StepState.NOT_YET_AVAILABLE


def wait_for_steps(trial: Trial, wanted: Iterable[int], mode: ModeKeys, timeout: float | None) -> None:
    """Until all are there. Raises `StepUnavailable` for one that was left out, `NoMoreData` when the job ended
    before, `StepNotYetAvailable` after `timeout` seconds (None: as long as it takes)."""
    until = None if timeout is None else time.monotonic() + timeout
    refreshing, trial.dynamic_refresh = trial.dynamic_refresh, True
    try:
        for step in wanted:
            while (state := has_passed_step(trial, step, mode)) is StepState.NOT_YET_AVAILABLE:
                if until is not None and time.monotonic() > until:
                    raise StepNotYetAvailable(step, mode)
                time.sleep(PAUSE)
            if state is StepState.UNAVAILABLE:
                steps = trial.steps(mode)
                if trial.loaded_all_steps and (not steps or step > steps[-1]):
                    raise NoMoreData(step, mode, steps[-1] if steps else -1)
                raise StepUnavailable(step, mode)
    finally:
        trial.dynamic_refresh = refreshing
