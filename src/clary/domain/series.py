"""Running statistics of a metric series, exact under batches in any order. Pure.

The total is kept as a double and what rounding left of it, the spread as a sum of squares about the
mean, merged batch by batch as Chan, Golub and LeVeque (1979) do; within a batch sums are exact (fsum).
Non-finite values propagate as in NumPy: one NaN makes every statistic but `last` and `count` NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Moments(NamedTuple):
    size: int
    total: float
    rest: float
    """What `total` lacks of the exact sum."""
    squares: float
    """Sum of squared differences from the mean."""
    minimum: float
    maximum: float

    @property
    def mean(self) -> float:
        return (self.total + self.rest) / self.size

    @property
    def deviation(self) -> float:
        """Population standard deviation."""
        return math.sqrt(max(self.squares, 0.0) / self.size) if self.squares == self.squares else math.nan


def moments(values: Sequence[float]) -> Moments:
    """Of at least one value."""
    count = len(values)
    if count == 1:
        value = values[0]
        spread = 0.0 if math.isfinite(value) else math.nan
        return Moments(1, value, 0.0, spread, value, value)
    try:
        total = math.fsum(values)
        mean = total / count
        squares = math.fsum([rest * rest for rest in [value - mean for value in values]])
    except (OverflowError, ValueError):
        total, squares = sum(values), math.nan
    if not math.isfinite(total):
        squares = math.nan
    if math.isnan(total) and any(map(math.isnan, values)):
        return Moments(count, math.nan, 0.0, math.nan, math.nan, math.nan)
    return Moments(count, total, 0.0, squares, min(values), max(values))


def merge(a: Moments, b: Moments) -> Moments:
    """Of both sets of values together."""
    total = a.total + b.total
    if not math.isfinite(total):
        either = math.isnan(a.minimum) or math.isnan(b.minimum)
        low = math.nan if either else min(a.minimum, b.minimum)
        high = math.nan if either else max(a.maximum, b.maximum)
        return Moments(a.size + b.size, total, 0.0, math.nan, low, high)
    shadow = total - a.total
    lost = (a.total - (total - shadow)) + (b.total - shadow)
    rest = a.rest + b.rest + lost
    count = a.size + b.size
    delta = b.mean - a.mean
    squares = a.squares + b.squares + delta * delta * (a.size * b.size / count)
    return Moments(count, total, rest, squares, min(a.minimum, b.minimum), max(a.maximum, b.maximum))


def step_key(step: int | None) -> int:
    """Order of steps with the same time: negative ones, then none, then 0, 1, ..., without a gap."""
    return 0 if step is None else step + 1 if step >= 0 else step


def step_of(key: int) -> int | None:
    return None if key == 0 else key - 1 if key > 0 else key
