"""Points of many callers in one commit: a queue, and a thread that writes all that waits in it as one transaction.

While a commit is on its way to the disk, the next ones gather; where the last one was shared, those of the next moment
are waited for. A caller is told once its points are durable, or what is wrong with them; those of its neighbours are
kept all the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NamedTuple

from clary.storage.ports import Missing, Misuse, Point
from clary.storage.sql.database import Database
from clary.storage.sql.names import Names
from clary.storage.sql.properties import locate
from clary.storage.sql.series import Batch, collect, write
from clary.storage.sql.session import Session

log = logging.getLogger("clary.storage")

GATHER = 0.0003
"""Seconds. A commit costs more than that, and callers that were told together come back together."""

Done = Callable[[BaseException | None], None]


class _Append(NamedTuple):
    arn: str
    points: Sequence[Point]
    done: Done


class Appends:
    def __init__(self, database: Database, names: Names) -> None:
        self._database, self._names = database, names
        self._queue: SimpleQueue[_Append | None] = SimpleQueue()
        self._lock = threading.Lock()
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
            self._queue.put(_Append(arn, points, done))

    def close(self) -> None:
        """Write what waits, and take no more."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        queue, going, group = self._queue, True, list[_Append]()
        while going:
            call = queue.get()
            if len(group) > 1:
                time.sleep(GATHER)
            group = []
            while call is not None:
                group.append(call)
                if queue.empty():
                    break
                call = queue.get()
            going = call is not None
            if group:
                self._settle(group)

    def _settle(self, group: list[_Append]) -> None:
        outcomes: list[BaseException | None] = []
        try:
            with self._database.write() as session:
                outcomes = self._write(session, group)
            self._names.remember(session)
        except BaseException as error:
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
        missing = write(session, self._names, batch)
        if missing:
            for place, call in enumerate(group):
                if call.arn in missing:
                    outcomes[place] = Missing(call.arn)
        return outcomes
