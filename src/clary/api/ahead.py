"""Answers made before they are asked for: the next page, for one who goes through all of them.

A client works on a page for longer than it takes to find the next, and a server that idles meanwhile has lost what its
CPU had at hand: the next page would take twice as long. So it is found at once, and given if it is still what would be
found anew: any commit, by whomever, and it is forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from clary.api.errors import ServiceError
from clary.storage.ports import StorageError, Store
from clary.wire.messages import Document

PAUSE = 0.02
"""Seconds before it begins: the answer just made is to leave first."""
KEPT = 4
"""Answers that wait for somebody, at most; the oldest goes first."""


class Ahead:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[object, Document]] = {}
        self._making: _Making | None = None
        self._closed = False

    def take(self, key: bytes) -> Document | None:
        """The answer, if it was made, or is being made, and nothing was written since."""
        making = self._making
        if making is not None and making.key == key:
            making.asked.set()
            making.join()
        with self._lock:
            state, document = self._kept.pop(key, (None, None))
        return document if document is not None and state == self._store.state() else None

    def make(self, key: bytes, find: Callable[[], Document]) -> None:
        """Have it found, in a thread; not while another is."""
        with self._lock:
            if self._closed or (self._making is not None and self._making.is_alive()):
                return
            making = _Making(key, lambda: self._make(key, find))
            making.start()
            self._making = making  # once it can be waited for

    def close(self) -> None:
        """Once nothing is being made any more."""
        with self._lock:
            self._closed = True
        if self._making is not None:
            self._making.asked.set()
            self._making.join()

    def _make(self, key: bytes, find: Callable[[], Document]) -> None:
        if self._closed:
            return
        try:
            state = self._store.state()
            document = find()
        except (ServiceError, StorageError):
            return  # whoever asks will hear of it
        with self._lock:
            self._kept[key] = state, document
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]


class _Making(threading.Thread):
    def __init__(self, key: bytes, make: Callable[[], None]) -> None:
        super().__init__(name="ahead", daemon=True)
        self.key, self._make = key, make
        self.asked = threading.Event()
        """Set by one who waits for it."""

    def run(self) -> None:
        self.asked.wait(PAUSE)
        self._make()
