"""What a suggester is asked and what it sees: the port between tuning's rules and an optimiser. Pure.

A `Study` is all that is known when a question is put: the ranges, the seed and every trial so far, in the order
of their numbers. A suggester keeps nothing between two questions, so that the same history has the same answer
whichever server asks. The median rule, by which AWS stops training jobs early, needs no optimiser and is here.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Protocol

from clary.domain.tuning_ranges import Ranges, Values, combinations, grid

ENOUGH = 3
"""Ended trials that the median rule wants to have seen."""
ENUMERABLE = 10_000


@dataclass(frozen=True, slots=True)
class Trial:
    """One training job as a suggester sees it. `objective` is None while it runs and where it has none."""

    values: Values
    objective: float | None = None
    running: bool = False
    curve: tuple[float, ...] = ()
    """The objective metric, epoch by epoch."""
    rungs: Mapping[int, float] | None = None
    """Hyperband: the values with which it entered each comparison."""


@dataclass(frozen=True, slots=True)
class Study:
    key: str
    """Names it among the studies of its seed, for what is drawn from a hash."""
    strategy: str
    minimize: bool
    seed: int
    ranges: Ranges
    trials: tuple[Trial, ...] = ()
    parents: tuple[Trial, ...] = ()
    """Trials of earlier tuning jobs on the same data and algorithm."""
    first: tuple[Values, ...] = ()
    """What to try first: the best of earlier tuning jobs on other data."""
    resources: tuple[int, int] | None = None
    """Hyperband's MinResource and MaxResource."""

    def seeded(self, *salt: object) -> int:
        """A seed of this study's for one purpose."""
        text = ":".join(map(str, (self.key, self.seed, *salt)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    def with_trial(self, values: Values) -> Study:
        """As it stands once these values are being tried."""
        return replace(self, trials=(*self.trials, Trial(values, running=True)))

    def tried(self, values: Values) -> bool:
        return any(trial.values == values for trial in self.trials)


@dataclass(frozen=True, slots=True)
class Verdict:
    stop: bool
    rungs: Mapping[int, float]


class Suggester(Protocol):
    def suggest(self, study: Study) -> Values:
        """Values for the next trial, whose index is `len(study.trials)`."""
        ...

    def judge(self, study: Study, index: int) -> Verdict:
        """Hyperband: whether the running trial should be stopped, and the comparisons that it has entered."""
        ...


def untried(study: Study, salt: object = 0) -> Values | None:
    """A combination that no trial has had, where there are few enough to look; None where there is none."""
    if combinations(study.ranges) > ENUMERABLE:
        return None
    left = [values for values in grid(study.ranges) if not study.tried(values)]
    return random.Random(study.seeded("untried", len(study.trials), salt)).choice(left) if left else None


def worse_than_median(curve: Sequence[float], earlier: Sequence[Sequence[float]], minimize: bool) -> bool:
    """Whether AWS's early stopping ends a trial: its latest value is worse than the median of the earlier
    trials' running averages up to the same epoch."""
    if not curve:
        return False
    epoch = len(curve)
    averages = [fmean(other[:epoch]) for other in earlier if len(other) >= epoch]
    if len(averages) < ENOUGH:
        return False
    middle = median(averages)
    return curve[-1] > middle if minimize else curve[-1] < middle
