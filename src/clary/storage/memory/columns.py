"""Resources by column, from the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from clary.storage.memory.metrics import summaries_of
from clary.storage.memory.resources import MemoryEdges, MemoryResources
from clary.storage.memory.state import State
from clary.storage.ports import Query, Rows, Summary

_STATISTICS: dict[str, Callable[[Summary], float]] = {
    "Last": lambda summary: summary.last,
    "Min": lambda summary: summary.minimum,
    "Max": lambda summary: summary.maximum,
    "Avg": lambda summary: summary.average,
    "StdDev": lambda summary: summary.deviation,
    "Count": lambda summary: float(summary.count),
}


class MemoryColumns:
    def __init__(self, state: State, resources: MemoryResources, edges: MemoryEdges) -> None:
        self._state, self._resources, self._edges = state, resources, edges

    def ids(self, query: Query, limit: int | None = None) -> Sequence[int]:
        found = self._resources.list(replace(query, limit=len(self._state.resources) + 1, cursor=None))
        return [self._state.ids[resource.arn] for resource in found.items][:limit]

    def _arns(self, ids: Sequence[int]) -> list[str | None]:
        by_id = {id: arn for arn, id in self._state.ids.items()}
        return [by_id.get(id) for id in ids]

    def rows(self, ids: Sequence[int]) -> Rows:
        there = [self._state.resources[arn] for arn in self._arns(ids) if arn is not None]
        return Rows(
            [self._state.ids[resource.arn] for resource in there],
            [resource.arn for resource in there],
            [resource.created for resource in there],
            [msgspec.json.encode(resource.spec).decode() for resource in there],
        )

    def _summaries(self, ids: Sequence[int]) -> list[list[Summary]]:
        return [[] if arn is None else summaries_of(self._state, arn) for arn in self._arns(ids)]

    def series(self, ids: Sequence[int]) -> Sequence[Sequence[str]]:
        return [[summary.name for summary in found] for found in self._summaries(ids)]

    def statistics(
        self, ids: Sequence[int], wanted: Sequence[tuple[str, str]]
    ) -> Sequence[Sequence[float | None]]:
        found = [{summary.name: summary for summary in summaries} for summaries in self._summaries(ids)]
        return [
            [_STATISTICS[statistic](its[metric]) if metric in its else None for its in found]
            for metric, statistic in wanted
        ]

    def destinations(self, ids: Sequence[int], kind: str) -> Sequence[Sequence[str]]:
        return [
            [edge.destination for edge in self._edges.list(source=arn, kinds=(kind,))] if arn else []
            for arn in self._arns(ids)
        ]
