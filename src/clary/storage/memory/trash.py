"""What was deleted and can still be brought back: copies of what made it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from clary.storage.memory.resources import MemoryResources
from clary.storage.memory.state import Area, Held, State, fresh
from clary.storage.ports import Discarded, Exists, Missing


class MemoryTrash(Area):
    def __init__(self, state: State, resources: MemoryResources, *, writable: bool) -> None:
        super().__init__(state, writable=writable)
        self._resources = resources

    def put(self, discarded: Discarded, arns: Sequence[str]) -> None:
        draft, gone = self._draft, dict.fromkeys(arns)
        for arn in gone:
            if arn not in draft.resources:
                raise Missing(arn)
        draft.trash[discarded.id] = Held(
            fresh(discarded),
            {arn: draft.resources[arn] for arn in gone},
            {arn: draft.ids[arn] for arn in gone},
            {key: value for key, value in draft.tags.items() if key[0] in gone},
            {
                key: edge
                for key, edge in draft.edges.items()
                if edge.source in gone or edge.destination in gone
            },
            {key: points for key, points in draft.points.items() if key[0] in gone},
        )
        for arn in gone:
            self._resources.delete(arn)

    def list(self, account: str, region: str) -> Sequence[Discarded]:
        found = [held.discarded for held in self._state.trash.values()]
        own = [fresh(one) for one in found if (one.account, one.region) == (account, region)]
        return sorted(own, key=lambda one: (-one.time, one.id))

    def restore(self, id: str) -> None:
        draft = self._draft
        if id not in draft.trash:
            raise Missing(id)
        held = draft.trash[id]
        for arn in held.resources:
            if arn in draft.resources:
                raise Exists(arn)
        del draft.trash[id]
        draft.resources |= held.resources
        draft.ids |= held.ids
        draft.tags |= held.tags
        draft.points |= held.points
        for key, edge in held.edges.items():
            missing = [arn for arn in (edge.source, edge.destination) if arn not in draft.resources]
            if not missing:
                draft.edges[key] = edge
                continue
            # Deleted since then; of several that bore its name, the first.
            later = sorted(self._since(held.discarded.time), key=lambda keeper: keeper.discarded.time)
            keeper = next((one for one in later if missing[0] in one.resources), None)
            if keeper is not None:
                kept = replace(keeper, edges={**keeper.edges, key: edge})
                draft.trash[keeper.discarded.id] = kept

    def _since(self, time: float) -> Iterable[Held]:
        return [held for held in self._state.trash.values() if held.discarded.time >= time]

    def purge(self, before: float) -> int:
        old = [id for id, held in self._draft.trash.items() if held.discarded.time < before]
        for id in old:
            del self._draft.trash[id]
        return len(old)
