"""A metric's curve as BatchGetMetrics shows it: points gathered into periods, one statistic each. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

SECONDS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
"""Periods of time; the remaining one, IterationNumber, takes each step by itself."""


class Measured(Protocol):
    """A point of the metric store."""

    @property
    def value(self) -> float: ...
    @property
    def time(self) -> float: ...
    @property
    def step(self) -> int | None: ...


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Min": min,
    "Max": max,
    "Avg": lambda values: math.fsum(values) / len(values),
    "Count": lambda values: float(len(values)),
    "StdDev": _deviation,
    "Last": lambda values: values[-1],
}


def curve(
    points: Iterable[Measured],
    statistic: str,
    period: str,
    axis: str,
    start: int | None = None,
    end: int | None = None,
) -> tuple[list[int], list[float]]:
    """X and Y of the points (ordered by time), for x in [`start`, `end`]. `axis` Timestamp: epoch seconds at
    which a period of time begins, or at which an iteration's last point was made; `axis` IterationNumber: the
    step, or a period's last step. Points that have no step are counted from 0 in their order."""
    values: dict[int, list[float]] = {}
    places: dict[int, int] = {}
    seconds = SECONDS.get(period)
    for number, point in enumerate(points):
        step = number if point.step is None else point.step
        key = step if seconds is None else int(point.time // seconds) * seconds
        values.setdefault(key, []).append(point.value)
        if axis == "IterationNumber":
            places[key] = max(step, places.get(key, step))
        else:
            places[key] = int(point.time) if seconds is None else key
    compute = STATISTICS[statistic]
    found = sorted((places[key], key) for key in values)
    kept = [
        (x, compute(values[key]))
        for x, key in found
        if (start is None or x >= start) and (end is None or x <= end)
    ]
    return [x for x, _ in kept], [y for _, y in kept]
