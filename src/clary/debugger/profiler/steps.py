"""Rules about steps: outliers, a slow start, data loaders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .check import ProfilerCheck
from .profile import Profile, Step

FEW = 20
"""Durations below which a deviation says nothing."""


def durations(
    steps: tuple[Step, ...], mode: str | None = None
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """By mode: each step's number, and the seconds since the one before, where they follow each other."""
    for one in dict.fromkeys(step.mode for step in steps):
        found = [
            (after.step, after.time - before.time)
            for before, after in pairwise(steps)
            if before.mode == after.mode == one and after.step == before.step + 1
        ]
        if found and mode in (None, one):
            numbers, seconds = zip(*found, strict=True)
            yield one, np.array(numbers), np.array(seconds)


@dataclass
class StepOutlier(ProfilerCheck):
    """More than `n_outliers` steps of a mode took longer than the mean by `stddev` deviations."""

    stddev: float = 3
    mode: str | None = None
    n_outliers: int = 10

    def lacks(self, profile: Profile) -> str:
        known = next(durations(profile.steps), None)
        return (
            ""
            if known
            else "the job saved no tensors in steps that follow each other, so no step has a duration"
        )

    def judge(self, profile: Profile) -> str | None:
        wanted = self.mode.upper().rpartition(".")[2] if self.mode else None
        for mode, steps, seconds in durations(profile.steps, wanted):
            limit = seconds.mean() + self.stddev * seconds.std()
            outliers = steps[seconds > limit]
            if seconds.size >= FEW and outliers.size > self.n_outliers:
                shown = ", ".join(map(str, outliers[:5]))
                return (
                    f"{outliers.size} of {seconds.size} {mode} steps took longer than {limit:.3g} s, where the mean is "
                    f"{seconds.mean():.3g} s: {shown}, ..."
                )
        return None


@dataclass
class MaxInitializationTime(ProfilerCheck):
    """`threshold` minutes passed before the first step."""

    threshold: float = 20

    def judge(self, profile: Profile) -> str | None:
        if profile.began is None:
            return None
        latest = max(float(each.times[-1]) for each in profile.series)
        first = profile.steps[0].time if profile.steps else latest
        minutes = (first - profile.began) / 60
        return f"the first step came after {minutes:.1f} minutes" if minutes > self.threshold else None


@dataclass
class Dataloader(ProfilerCheck):
    """How many processes load data. No hook of Clary's records them, so there is nothing to look at."""

    min_threshold: float = 70
    max_threshold: float = 200

    def lacks(self, profile: Profile) -> str:
        return "no events of data loaders are recorded here"

    def judge(self, profile: Profile) -> str | None:
        return None
