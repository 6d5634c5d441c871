"""The outbox, leases and credentials."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from clary.storage.memory.state import Area, State, fresh
from clary.storage.ports import Effect, Key


class MemoryOutbox(Area):
    def __init__(self, state: State, *, writable: bool) -> None:
        super().__init__(state, writable=writable)
        self.used = False
        """An effect was put in."""

    def put(self, effect: Effect) -> Effect:
        key = effect.arn, effect.generation, effect.name
        same = (old.id for old in self._draft.outbox.values() if (old.arn, old.generation, old.name) == key)
        id = next(same, None) or self._next_id()
        self._draft.outbox[id] = replace(fresh(effect), id=id)
        self.used = True
        return replace(effect, id=id)

    def _sorted(self) -> list[Effect]:
        return fresh(sorted(self._state.outbox.values(), key=lambda effect: (effect.due, effect.id)))

    def due(self, now: float, limit: int = 1000) -> Sequence[Effect]:
        return [effect for effect in self._sorted() if effect.due <= now][:limit]

    def next_due_after(self, now: float) -> float | None:
        return min((effect.due for effect in self._state.outbox.values() if effect.due > now), default=None)

    def list(self, arn: str) -> Sequence[Effect]:
        return [effect for effect in self._sorted() if effect.arn == arn]

    def delete(self, id: int) -> bool:
        return self._draft.outbox.pop(id, None) is not None

    def clear(self, arn: str) -> None:
        self._draft.outbox = {id: effect for id, effect in self._draft.outbox.items() if effect.arn != arn}


class MemoryLeases(Area):
    def acquire(self, key: str, owner: str, now: float, seconds: float) -> bool:
        holder, expires = self._draft.leases.get(key, (owner, now))
        if holder != owner and expires > now:
            return False
        self._draft.leases[key] = owner, now + seconds
        return True

    def release(self, key: str, owner: str) -> None:
        if self._draft.leases.get(key, ("", 0.0))[0] == owner:
            del self._draft.leases[key]


class MemoryKeys(Area):
    def put(self, key: Key) -> None:
        self._draft.keys[key.id] = key

    def find(self, id: str) -> Key | None:
        return self._state.keys.get(id)

    def list(self, principal: str) -> Sequence[Key]:
        found = [key for key in self._state.keys.values() if key.principal == principal]
        return sorted(found, key=lambda key: (key.created, key.id))

    def delete(self, id: str) -> None:
        self._draft.keys.pop(id, None)

    def purge(self, now: float) -> None:
        self._draft.keys = {
            id: key for id, key in self._draft.keys.items() if key.expires is None or key.expires > now
        }
