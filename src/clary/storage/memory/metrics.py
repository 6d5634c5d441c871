"""Metric points, and summaries computed from them when asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable

from clary.domain.series import moments, step_key
from clary.storage.memory.state import Area, State
from clary.storage.ports import Curve, Missing, Point, Summary


def _ordered(points: Iterable[Point]) -> list[Point]:
    """By time and step; the sort is stable, so points equal in both stay in order of arrival."""
    return sorted(points, key=lambda point: (point.time, step_key(point.step)))


def summaries_of(state: State, arn: str) -> list[Summary]:
    found = []
    for (of, name), points in state.points.items():
        if of == arn:
            all_of_it = moments([point.value for point in points])
            last = _ordered(points)[-1]
            found.append(
                Summary(
                    name=name, count=all_of_it.size, average=all_of_it.mean, minimum=all_of_it.minimum,
                    maximum=all_of_it.maximum, deviation=all_of_it.deviation, last=last.value, time=last.time,
                )
            )  # fmt: skip
    return found


class MemoryMetrics(Area):
    def append(self, arn: str, points: Iterable[Point]) -> None:
        if arn not in self._draft.resources:
            raise Missing(arn)
        new = list(points)
        for point in new:
            if not math.isfinite(point.time):
                raise ValueError(f"a point's time must be finite: {point}")
        for point in new:
            kept = self._draft.points.get((arn, point.name), ())
            if not any(_same(point, other) for other in kept):
                self._draft.points[arn, point.name] = (*kept, point)

    def summaries(self, arns: Iterable[str]) -> dict[str, list[Summary]]:
        found = {arn: summaries_of(self._state, arn) for arn in arns}
        return {arn: summaries for arn, summaries in found.items() if summaries}

    def points(self, arn: str, name: str, *, start: float | None = None, end: float | None = None) -> Curve:
        found = [
            point
            for point in _ordered(self._state.points.get((arn, name), ()))
            if (start is None or point.time >= start) and (end is None or point.time < end)
        ]
        return Curve(
            name,
            tuple(point.time for point in found),
            tuple(point.step for point in found),
            tuple(point.value for point in found),
        )


def _same(one: Point, other: Point) -> bool:
    if (one.time, one.step) != (other.time, other.step):
        return False
    return one.value == other.value or (math.isnan(one.value) and math.isnan(other.value))
