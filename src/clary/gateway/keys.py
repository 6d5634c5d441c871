"""Access keys, looked up once in a while instead of at every request.

A key found is believed for a few seconds; what is not found is never remembered. `forget` empties the memory:
the edge calls it when an operation that may have changed a key has ended, before the answer leaves, so
whoever deactivated a key sees it refused at once. A look-up that began before a `forget` leaves nothing behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from clary.storage.ports import Key, Store

SECONDS = 5.0
LIMIT = 4096


class Keys:
    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[Key, float]] = {}
        self._generation = 0

    def remembered(self, id: str) -> Key | None:
        """Costs nothing; None when the store has to be asked."""
        entry = self._known.get(id)
        return entry[0] if entry is not None and self._clock() < entry[1] else None

    def find(self, id: str) -> Key | None:
        """Asks the store: for a thread."""
        generation = self._generation
        with self._store.read() as tx:
            key = tx.keys.find(id)
        if key is not None and generation == self._generation:
            if len(self._known) >= LIMIT:
                self._known.clear()
            self._known[id] = (key, self._clock() + SECONDS)
        return key

    def forget(self) -> None:
        self._generation += 1
        self._known.clear()
