"""OverallSystemUsage: percentiles of each node's use. It cannot trip, as AWS's cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .check import ProfilerCheck
from .profile import Profile, Series

DEVICES = (
    ("cpu", "CPUUtilization"),
    ("cpu", "I/OWaitPercentage"),
    ("gpu", "GPUUtilization"),
    ("gpu", "GPUMemoryUtilization"),
)
PERCENTILES = (50, 95, 99)


@dataclass
class OverallSystemUsage(ProfilerCheck):
    judges: ClassVar[bool] = False

    def judge(self, profile: Profile) -> str | None:
        return None


def usage(profile: Profile) -> Iterator[tuple[Series, list[float]]]:
    """Each node's series, its devices' mean, with minimum, percentiles and maximum."""
    for node in profile.nodes:
        means = [
            found for kind, dimension in DEVICES if (found := profile.mean(node, kind, dimension)) is not None
        ]
        others = [each for each in profile.series if each.node == node and each.type not in ("cpu", "gpu")]
        for each in (*means, *others):
            yield each, [float(value) for value in np.percentile(each.values, (0, *PERCENTILES, 100))]
