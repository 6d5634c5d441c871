"""Rules about GPUs: too little to do, waiting for CPUs or disks, memory that grows, uneven shares."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .check import ProfilerCheck
from .profile import Profile, Series

UTILIZATION, MEMORY = "GPUUtilization", "GPUMemoryUtilization"


@dataclass
class GPUCheck(ProfilerCheck):
    patience: int = 1000
    """Samples before the first judgement: while a job starts, its GPU is idle."""

    def lacks(self, profile: Profile) -> str:
        return "" if profile.of("gpu", UTILIZATION) else "the job's machine has no GPU"

    def ripe(self, profile: Profile, dimension: str = UTILIZATION) -> list[Series]:
        return [each for each in profile.of("gpu", dimension) if each.values.size >= self.patience]


@dataclass
class LowGPUUtilization(GPUCheck):
    threshold_p95: float = 70
    threshold_p5: float = 10
    window: int = 500

    def judge(self, profile: Profile) -> str | None:
        for each in self.ripe(profile):
            low, high = np.percentile(each.values[-self.window :], (5, 95))
            if high < self.threshold_p95:
                return f"{each.title}: its 95th percentile is {high:.1f} %, below {self.threshold_p95:g} %"
            if low < self.threshold_p5:
                return f"{each.title} fluctuates: its 5th percentile is {low:.1f} %, its 95th {high:.1f} %"
        return None


@dataclass
class BatchSize(GPUCheck):
    cpu_threshold_p95: float = 70
    gpu_threshold_p95: float = 70
    gpu_memory_threshold_p95: float = 70
    window: int = 500

    def judge(self, profile: Profile) -> str | None:
        for each in self.ripe(profile):
            sides = (
                (profile.mean(each.node, "cpu", "CPUUtilization"), self.cpu_threshold_p95),
                (each, self.gpu_threshold_p95),
                (next((one for one in profile.of("gpu", MEMORY, each.name) if one.node == each.node), None),
                 self.gpu_memory_threshold_p95),
            )  # fmt: skip
            highs = [
                (float(np.percentile(side.values[-self.window :], 95)), limit)
                for side, limit in sides
                if side is not None
            ]
            if len(highs) == len(sides) and all(high < limit for high, limit in highs):
                cpu, gpu, memory = (high for high, _ in highs)
                return (
                    f"{each.node} {each.name} could take larger batches: 95 % of the time CPUs are below {cpu:.0f} %, the "
                    f"GPU below {gpu:.0f} %, its memory below {memory:.0f} %"
                )
        return None


@dataclass
class Bottleneck(GPUCheck):
    threshold: float = 50
    gpu_threshold: float = 10

    def share(self, profile: Profile, busy: str, limit: float) -> str | None:
        """Of samples in which the GPUs idle while `busy` (a dimension of the CPUs) is above its limit."""
        for node in profile.nodes:
            gpu, cpu = profile.mean(node, "gpu", UTILIZATION), profile.mean(node, "cpu", busy)
            if gpu is None or cpu is None or gpu.values.size < self.patience or not cpu.values.size:
                continue
            beside = np.interp(gpu.times, cpu.times, cpu.values)
            percent = 100 * float(np.mean((gpu.values < self.gpu_threshold) & (beside > limit)))
            if percent > self.threshold:
                return (
                    f"{percent:.0f} % of the time, the GPUs of {node} are below {self.gpu_threshold:g} % while its "
                    f"{busy} is above {limit:g} %"
                )
        return None


@dataclass
class CPUBottleneck(Bottleneck):
    cpu_threshold: float = 90

    def judge(self, profile: Profile) -> str | None:
        return self.share(profile, "CPUUtilization", self.cpu_threshold)


@dataclass
class IOBottleneck(Bottleneck):
    io_threshold: float = 50

    def judge(self, profile: Profile) -> str | None:
        return self.share(profile, "I/OWaitPercentage", self.io_threshold)


@dataclass
class GPUMemoryIncrease(GPUCheck):
    """The moving average of `window` samples rises by more than `increase` percentage points from one window to the
    next, after the first `patience` samples."""

    increase: float = 5
    window: int = 10

    def judge(self, profile: Profile) -> str | None:
        for each in self.ripe(profile, MEMORY):
            later = each.values[max(0, self.patience - self.window) :]
            windows = later[: later.size // self.window * self.window].reshape(-1, self.window).mean(axis=1)
            rises = np.diff(windows)
            if rises.size and rises.max() > self.increase:
                return f"{each.title} rose by {rises.max():.1f} % within {2 * self.window} samples"
        return None


@dataclass
class LoadBalancing(GPUCheck):
    """The histograms of two GPUs' utilization are further apart than `threshold` (0: equal, 1: nothing in common)."""

    threshold: float = 0.5

    def judge(self, profile: Profile) -> str | None:
        for one, other in combinations(self.ripe(profile), 2):
            first, second = (np.histogram(each.values, bins=10, range=(0, 100))[0] for each in (one, other))
            distance = 0.5 * float(np.abs(first / max(1, first.sum()) - second / max(1, second.sum())).sum())
            if distance > self.threshold:
                return f"{one.title} and {other.title} differ by {distance:.2f}"
        return None
