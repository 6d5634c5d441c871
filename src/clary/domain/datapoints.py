"""CloudWatch's datapoints: the points of a metric gathered into periods, and statistics of each. Pure.

Periods are counted from the start of the range, which is rounded down to a whole minute, or to the period where
that is shorter, as CloudWatch does; so a range that begins in the middle of a minute loses none of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

HIGH_RESOLUTION = (1, 5, 10, 20, 30)

_SIMPLE: dict[str, Callable[[Sequence[float]], float]] = {
    "SampleCount": lambda values: float(len(values)),
    "Average": lambda values: math.fsum(values) / len(values),
    "Sum": math.fsum,
    "Minimum": min,
    "Maximum": max,
}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)", re.IGNORECASE)


def valid_period(period: int) -> bool:
    return period in HIGH_RESOLUTION or (period > 0 and period % 60 == 0)


def rounded(start: float, period: int) -> float:
    whole = min(period, 60)
    return start // whole * whole


def statistic(name: str) -> Callable[[Sequence[float]], float] | None:
    """`Average`, `Sum`, ..., `p99`, `p99.9`, `IQM` and the like are None: not known here."""
    if name in _SIMPLE:
        return _SIMPLE[name]
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        return None
    share = float(match[1]) / 100
    return lambda values: percentile(values, share)


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between the closest ranks."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def gather(
    times: Sequence[float], values: Sequence[float], start: float, end: float, period: int
) -> list[tuple[float, list[float]]]:
    """(start of the period, its values) for the points in [`start` rounded, `end`), in order of time."""
    first = rounded(start, period)
    found: dict[int, list[float]] = {}
    for time, value in zip(times, values, strict=True):
        if first <= time < end:
            found.setdefault(int((time - first) // period), []).append(value)
    return [(first + number * period, found[number]) for number in sorted(found)]
