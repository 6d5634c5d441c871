"""The memory store's transactions."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from clary.storage.cursors import Cursors
from clary.storage.memory.columns import MemoryColumns
from clary.storage.memory.logs import MemoryLogs
from clary.storage.memory.metrics import MemoryMetrics
from clary.storage.memory.objects import MemoryObjects
from clary.storage.memory.resources import MemoryEdges, MemoryResources, MemoryTags
from clary.storage.memory.state import State
from clary.storage.memory.trash import MemoryTrash
from clary.storage.memory.work import MemoryKeys, MemoryLeases, MemoryOutbox
from clary.storage.ports import Misuse, Point


class MemoryTransaction:
    def __init__(self, state: State, cursors: Cursors, *, writable: bool) -> None:
        self.resources = MemoryResources(state, cursors, writable=writable)
        self.tags = MemoryTags(state, writable=writable)
        self.edges = MemoryEdges(state, writable=writable)
        self.trash = MemoryTrash(state, self.resources, writable=writable)
        self.metrics = MemoryMetrics(state, writable=writable)
        self.columns = MemoryColumns(state, self.resources, self.edges)
        self.logs = MemoryLogs(state, writable=writable)
        self.outbox = MemoryOutbox(state, writable=writable)
        self.leases = MemoryLeases(state, writable=writable)
        self.keys = MemoryKeys(state, writable=writable)
        self.objects = MemoryObjects(state, writable=writable)


class MemoryStore:
    def __init__(self) -> None:
        self._state = State()
        self._lock = threading.RLock()
        self._writing = False
        self._closed = False
        self._cursors = Cursors(secrets.token_bytes(32))
        self._callbacks: list[Callable[[], None]] = []
        self._commits = 0

    @contextmanager
    def begin(self) -> Iterator[MemoryTransaction]:
        self._refuse_closed()
        with self._lock:
            if self._writing:
                raise Misuse("this thread is in a transaction already: begin() does not nest")
            self._writing = True
            try:
                draft = self._state.draft()
                transaction = MemoryTransaction(draft, self._cursors, writable=True)
                yield transaction
                self._state = draft
                self._commits += 1
            finally:
                self._writing = False
        if transaction.outbox.used:
            for callback in list(self._callbacks):
                callback()

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        self._refuse_closed()
        yield MemoryTransaction(self._state, self._cursors, writable=False)

    def state(self) -> object:
        self._refuse_closed()
        return self._commits

    def subscribe(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def append_points(self, arn: str, points: Sequence[Point]) -> None:
        with self.begin() as tx:
            tx.metrics.append(arn, points)

    def queue_points(
        self, arn: str, points: Sequence[Point], done: Callable[[BaseException | None], None]
    ) -> None:
        self._refuse_closed()
        error: BaseException | None = None
        try:
            self.append_points(arn, points)
        except Exception as raised:
            error = raised
        done(error)

    def close(self) -> None:
        self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Misuse("the store is closed")
