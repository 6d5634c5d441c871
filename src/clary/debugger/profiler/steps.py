"""Rules about steps: outliers, a slow start, data loaders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .check import ProfilerCheck
from .profile import Profile, Step

FEW = 20
"""Durations below which a deviation says nothing."""


UNTIMED = "no step was timed: the job has no DebugHookConfig, or trains with no framework that the hook knows"


def durations(
    steps: tuple[Step, ...], mode: str | None = None
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """By mode: the number of each step that was timed, and its seconds."""
    timed = [(step.mode, step.step, step.seconds) for step in steps if step.seconds is not None]
    for one in dict.fromkeys(mode for mode, _, _ in timed):
        if mode in (None, one):
            found = [(number, seconds) for each, number, seconds in timed if each == one]
            numbers, lengths = zip(*found, strict=True)
            yield one, np.array(numbers), np.array(lengths)


@dataclass
class StepOutlier(ProfilerCheck):
    """More than `n_outliers` steps of a mode took longer than the mean by `stddev` deviations."""

    stddev: float = 3
    mode: str | None = None
    n_outliers: int = 10

    def lacks(self, profile: Profile) -> str:
        known = next(durations(profile.steps), None)
        return "" if known else UNTIMED

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
    """The processes of PyTorch's data loaders are fewer than `min_threshold` percent of a node's CPUs, or more than
    `max_threshold`. Of several loaders, the one with the most."""

    min_threshold: float = 70
    max_threshold: float = 200

    def lacks(self, profile: Profile) -> str:
        return "" if profile.loaders else "the job used no data loader of PyTorch's"

    def judge(self, profile: Profile) -> str | None:
        for node in sorted({loader.node for loader in profile.loaders}):
            cpus = {each.name for each in profile.of("cpu") if each.node == node}
            workers = max(loader.workers for loader in profile.loaders if loader.node == node)
            percent = 100 * workers / len(cpus) if cpus else self.min_threshold
            if not self.min_threshold <= percent <= self.max_threshold:
                told = "too few" if percent < self.min_threshold else "too many"
                return f"on {node} {workers} processes load data, {told} for {len(cpus)} CPUs"
        return None
