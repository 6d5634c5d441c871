"""Points of many callers in one commit: a queue, and a thread that writes all that waits in it as one transaction.

While a commit is on its way to the disk, the next ones gather. Callers that were told together come back together: as
many as shared the last commit are waited for, for a moment. A caller is told once its points are durable, or what is
wrong with them; those of its neighbours are kept all the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from clary.storage.ports import Missing, Misuse, Point
from clary.storage.sql.database import Database
from clary.storage.sql.names import Names
from clary.storage.sql.properties import locate
from clary.storage.sql.series import Batch, Heads, collect, write
from clary.storage.sql.session import Session

log = logging.getLogger("clary.storage")

GATHER = 0.0003
"""Seconds that a commit waits for as many callers as the last one had: it costs more than that."""
HEADS = 10_000
"""That are remembered."""

Done = Callable[[BaseException | None], None]


class _Append(NamedTuple):
    arn: str
    points: Sequence[Point]
    done: Done


class Appends:
    def __init__(self, database: Database, names: Names) -> None:
        self._database, self._names = database, names
        self._lock = threading.Lock()
        self._waiting: list[_Append] = []
        self._last = 1
        """Callers that shared the last commit."""
        self._wake: SimpleQueue[None] = SimpleQueue()
        """For the thread: there is one that waits, or as many as the last time, or the end has come."""
        self._heads: Heads = {}
        """Of series that were written lately, as they are in the database while `_state` is its own."""
        self._state: object = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, arn: str, points: Sequence[Point], done: Done) -> None:
        """`done` is called from the writing thread. Raises `Misuse` once closed."""
        with self._lock:
            if self._closed:
                raise Misuse("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="points", daemon=True)
                self._thread.start()
            self._waiting.append(_Append(arn, points, done))
            if len(self._waiting) in (1, self._last):
                self._wake.put(None)

    def close(self) -> None:
        """Write what waits, and take no more."""
        with self._lock:
            self._closed = True
            self._wake.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed or self._waiting:
            self._wake.get()
            self._gather()
            with self._lock:
                group, self._waiting = self._waiting, []
                self._last = len(group) or 1
            if group:
                self._settle(group)

    def _gather(self) -> None:
        until = time.monotonic() + GATHER
        while len(self._waiting) < self._last and not self._closed:
            try:
                self._wake.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return

    def _settle(self, group: list[_Append]) -> None:
        outcomes: list[BaseException | None] = []
        try:
            with self._database.write() as session:
                outcomes = self._write(session, group)
            self._names.remember(session)
        except BaseException as error:
            self._state = None
            outcomes = [error] * len(group)
        for call, outcome in zip(group, outcomes, strict=True):
            try:
                call.done(outcome)
            except Exception:
                log.exception("Whoever put points for %s could not be told", call.arn)

    def _write(self, session: Session, group: list[_Append]) -> list[BaseException | None]:
        batch: Batch = {}
        outcomes: list[BaseException | None] = []
        for arn, points, _ in group:
            try:
                collect(batch, arn, points)
                known = points or locate(session, arn) is not None
                outcomes.append(None if known else Missing(arn))
            except (ValueError, TypeError) as error:
                outcomes.append(error)
        if self._state != session.state() or len(self._heads) > HEADS:
            self._heads.clear()
        missing = write(session, self._names, batch, self._heads)
        self._state = session.state()
        if missing:
            for place, call in enumerate(group):
                if call.arn in missing:
                    outcomes[place] = Missing(call.arn)
        return outcomes
