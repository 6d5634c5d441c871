"""Resources, tags and edges, and what can be searched of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from clary.domain.properties import ROW, Properties, Value, of_document, of_metric, of_parents, of_tags, plain
from clary.domain.search_match import matches
from clary.storage.cursors import Cursors, Position
from clary.storage.memory.metrics import summaries_of
from clary.storage.memory.state import Area, State, fresh
from clary.storage.ports import Conflict, Edge, EdgeOrder, EdgePlace, Exists, Missing, Page, Query, Resource


def properties_of(state: State, resource: Resource) -> Properties:
    """All of them: the row's, the document's, and those that derive from what hangs on the resource."""
    row: Properties = {
        "Name": [plain(resource.name)],
        "Arn": [plain(resource.arn)],
        "CreationTime": [Value(resource.created, "")],
        "LastModifiedTime": [Value(resource.modified, "")],
    }
    if resource.status is not None:
        row["Status"] = [plain(resource.status)]
    if resource.parent is not None:
        row["ParentArn"] = [plain(resource.parent)]
    found = {**of_document(resource.document), **row}
    found |= of_tags({key: value for (arn, key), value in state.tags.items() if arn == resource.arn})
    found |= of_parents(_parents(state, resource.arn))
    for summary in summaries_of(state, resource.arn):
        found |= of_metric(
            summary.name,
            (
                summary.last, summary.minimum, summary.maximum, summary.average, summary.count,
                summary.deviation, summary.time,
            ),
        )  # fmt: skip
    return found


def _parents(state: State, arn: str) -> Iterable[tuple[str, str, str | None]]:
    part_of = [edge for edge in state.edges.values() if edge.kind == "PartOf" and edge.source == arn]
    for edge in sorted(part_of, key=lambda edge: (edge.created, edge.destination)):
        trial = state.resources.get(edge.destination)
        if trial is not None:
            experiment = state.resources.get(trial.parent or "")
            yield trial.arn, trial.name, None if experiment is None else experiment.name


class MemoryResources(Area):
    def __init__(self, state: State, cursors: Cursors, *, writable: bool) -> None:
        super().__init__(state, writable=writable)
        self._cursors = cursors

    def insert(self, resource: Resource) -> Resource:
        if resource.arn in self._draft.resources:
            raise Exists(resource.arn)
        kept = replace(fresh(resource), version=1)
        self._draft.resources[resource.arn] = kept
        self._draft.ids[resource.arn] = self._next_id()
        return fresh(kept)

    def get(self, arn: str) -> Resource:
        found = self.find(arn)
        if found is None:
            raise Missing(arn)
        return found

    def find(self, arn: str) -> Resource | None:
        return fresh(self._state.resources.get(arn))

    def find_many(self, arns: Iterable[str]) -> dict[str, Resource]:
        return {arn: fresh(self._state.resources[arn]) for arn in arns if arn in self._state.resources}

    def update(self, resource: Resource) -> Resource:
        old = self._draft.resources.get(resource.arn)
        if old is None:
            raise Missing(resource.arn)
        if old.version != resource.version:
            raise Conflict(f"{resource.arn} is at version {old.version}, not {resource.version}")
        kept = replace(fresh(resource), version=resource.version + 1)
        self._draft.resources[resource.arn] = kept
        return fresh(kept)

    def delete(self, arn: str) -> None:
        draft = self._draft
        if arn not in draft.resources:
            raise Missing(arn)
        del draft.resources[arn], draft.ids[arn]
        draft.tags = {key: value for key, value in draft.tags.items() if key[0] != arn}
        draft.edges = {key: edge for key, edge in draft.edges.items() if arn not in key[1:]}
        draft.points = {key: points for key, points in draft.points.items() if key[0] != arn}
        draft.outbox = {id: effect for id, effect in draft.outbox.items() if effect.arn != arn}

    def list(self, query: Query) -> Page:
        seen = None if query.cursor is None else self._cursors.take(query, query.cursor)
        rows = [
            (self._position(query, resource, found), resource) for resource, found in self._matching(query)
        ]
        having = [row for row in rows if not row[0].lacks]
        lacking = [row for row in rows if row[0].lacks]
        for part in (having, lacking):
            part.sort(key=lambda row: row[0], reverse=query.descending)
        ordered = [*having, *lacking]
        if seen is not None:
            ordered = [row for row in ordered if _after(row[0], seen, query.descending)]
        page = ordered[: query.limit]
        cursor = self._cursors.give(query, page[-1][0]) if page and len(ordered) > query.limit else None
        return Page([fresh(resource) for _, resource in page], cursor)

    def _position(self, query: Query, resource: Resource, found: Properties) -> Position:
        values = found.get(query.sort_by)
        id = self._state.ids[resource.arn]
        if not values:
            return Position(True, 0.0, "", id)
        return Position(False, values[0].number, values[0].text, id)

    def _matching(self, query: Query) -> Iterable[tuple[Resource, Properties]]:
        for resource in self._state.resources.values():
            at_home = (resource.account, resource.region) == (query.account, query.region)
            if at_home and resource.kind in query.kinds:
                found = properties_of(self._state, resource)
                if matches(query.where, found):
                    yield resource, found

    def count(self, query: Query) -> int:
        return sum(1 for _ in self._matching(query))

    def property_names(self, account: str, region: str, kind: str, prefix: str, limit: int) -> Sequence[str]:
        names = {
            name
            for resource, found in self._matching(Query(account, region, (kind,)))
            for name in found
            if name.startswith(prefix) and name not in ROW
        }
        return sorted(names)[:limit]


def _after(position: Position, seen: Position, descending: bool) -> bool:
    if position.lacks != seen.lacks:
        return position.lacks
    return position < seen if descending else position > seen


class MemoryTags(Area):
    def get(self, arn: str) -> dict[str, str]:
        return {key: value for (of, key), value in sorted(self._state.tags.items()) if of == arn}

    def of_many(self, arns: Iterable[str]) -> dict[str, dict[str, str]]:
        return {arn: tags for arn in arns if (tags := self.get(arn))}

    def put(self, arn: str, tags: Mapping[str, str]) -> None:
        self._draft.tags.update({(arn, key): value for key, value in tags.items()})

    def remove(self, arn: str, keys: Iterable[str]) -> None:
        for key in keys:
            self._draft.tags.pop((arn, key), None)


class MemoryEdges(Area):
    def put(self, edge: Edge) -> None:
        self._draft.edges[edge.kind, edge.source, edge.destination] = fresh(edge)

    def delete(self, kind: str | None, source: str, destination: str) -> bool:
        gone = [
            key for key in self._draft.edges if key[1:] == (source, destination) and kind in (None, key[0])
        ]
        for key in gone:
            del self._draft.edges[key]
        return bool(gone)

    def list(
        self,
        *,
        source: str | None = None,
        destination: str | None = None,
        source_type: str | None = None,
        destination_type: str | None = None,
        kinds: Iterable[str] | None = None,
        limit: int | None = None,
        after: EdgePlace | None = None,
        descending: bool = False,
        by: EdgeOrder = "created",
    ) -> Sequence[Edge]:
        def at(edge: Edge) -> tuple[Any, ...]:
            return getattr(edge, by), edge.created, edge.source, edge.destination

        seen: tuple[Any, ...] | None = after
        if after is not None and len(after) == 3:
            seen = after[("created", "source", "destination").index(by)], *after
        wanted = None if kinds is None else set(kinds)
        found = [
            edge
            for edge in self._state.edges.values()
            if source in (None, edge.source)
            and destination in (None, edge.destination)
            and source_type in (None, edge.source_type)
            and destination_type in (None, edge.destination_type)
            and getattr(edge, by) is not None
            and (wanted is None or edge.kind in wanted)
            and (seen is None or (at(edge) < seen if descending else at(edge) > seen))
        ]
        found.sort(key=lambda edge: (*at(edge), edge.kind), reverse=descending)
        return fresh(found[:limit])

    def of_many(
        self,
        *,
        sources: Iterable[str] | None = None,
        destinations: Iterable[str] | None = None,
        kinds: Iterable[str] | None = None,
    ) -> Mapping[str, Sequence[Edge]]:
        wanted = None if kinds is None else list(kinds)
        if sources is not None:
            found = {arn: list(self.list(source=arn, kinds=wanted)) for arn in sources}
        else:
            found = {arn: list(self.list(destination=arn, kinds=wanted)) for arn in destinations or ()}
        return {arn: edges for arn, edges in found.items() if edges}
