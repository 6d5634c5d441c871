"""The store on SQL: transactions, and the queue through which points of many threads share a transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from clary.storage.cursors import Cursors
from clary.storage.ports import Missing, Misuse, Point, Store
from clary.storage.sql.database import Database
from clary.storage.sql.keys import SqlKeys
from clary.storage.sql.logs import SqlLogs
from clary.storage.sql.metrics import Batch, SqlMetrics, collect, write
from clary.storage.sql.migrations import migrate
from clary.storage.sql.names import Names
from clary.storage.sql.objects import SqlObjects
from clary.storage.sql.properties import locate
from clary.storage.sql.relations import SqlEdges, SqlTags
from clary.storage.sql.resources import SqlResources
from clary.storage.sql.session import Session
from clary.storage.sql.statistics import write_statistics
from clary.storage.sql.trash import SqlTrash
from clary.storage.sql.work import SqlLeases, SqlOutbox


def open_store(url_or_path: str | Path, *, clock: Callable[[], float] = time.time) -> Store:
    """The store in this SQLite file (a path, or `sqlite:///PATH`), made or brought up to date.
    Raises `DatabaseTooNew`, and `StorageError` for what cannot be opened."""
    text = str(url_or_path)
    scheme, separator, rest = text.partition(":///")
    if separator and scheme not in ("sqlite", "file"):
        raise ValueError(f"{text}: only SQLite databases (a path, or sqlite:///PATH) can be opened")
    path = Path(rest if separator else text)
    path.parent.mkdir(parents=True, exist_ok=True)
    return SqlStore(Database(path, lambda connection: migrate(connection, clock(), str(path))))


class SqlTransaction:
    """The areas, each made when it is first used."""

    def __init__(self, session: Session, names: Names, cursors: Cursors) -> None:
        self._session, self._names, self._cursors = session, names, cursors

    @cached_property
    def resources(self) -> SqlResources:
        return SqlResources(self._session, self._names, self._cursors)

    @cached_property
    def tags(self) -> SqlTags:
        return SqlTags(self._session, self._names)

    @cached_property
    def edges(self) -> SqlEdges:
        return SqlEdges(self._session, self._names)

    @cached_property
    def trash(self) -> SqlTrash:
        return SqlTrash(self._session, self._names)

    @cached_property
    def metrics(self) -> SqlMetrics:
        return SqlMetrics(self._session, self._names)

    @cached_property
    def logs(self) -> SqlLogs:
        return SqlLogs(self._session)

    @cached_property
    def outbox(self) -> SqlOutbox:
        return SqlOutbox(self._session)

    @cached_property
    def leases(self) -> SqlLeases:
        return SqlLeases(self._session)

    @cached_property
    def keys(self) -> SqlKeys:
        return SqlKeys(self._session)

    @cached_property
    def objects(self) -> SqlObjects:
        return SqlObjects(self._session)


class _Append:
    """One call of `append_points` on its way."""

    __slots__ = ("arn", "error", "points", "turn")

    def __init__(self, arn: str, points: Sequence[Point]) -> None:
        self.arn, self.points = arn, points
        self.error: BaseException | None = None
        self.turn: threading.Lock | None = threading.Lock()
        """Released when the call is done or is to lead; None once it is done."""


class SqlStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = Names()
        self._callbacks: list[Callable[[], None]] = []
        database.committed = self._tell
        with database.read() as session:
            secret = session.execute("SELECT value FROM secrets WHERE name = 'cursor'").fetchone()[0]
        self._cursors = Cursors(secret)
        self._queue_lock = threading.Lock()
        self._queue: list[_Append] = []
        self._led = False

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        with self._database.write() as session:
            yield SqlTransaction(session, self._names, self._cursors)
        self._names.remember(session)

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with self._database.read() as session:
            session.catch_up = lambda: self._catch_up(session)
            yield SqlTransaction(session, self._names, self._cursors)
            self._names.remember(session)

    def _catch_up(self, session: Session) -> None:
        if not self._database.writing:
            session.execute("ROLLBACK")
            with self._database.write() as writer:
                write_statistics(writer, self._names)
            self._names.remember(writer)
            session.execute("BEGIN")

    def subscribe(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def _tell(self) -> None:
        for callback in list(self._callbacks):
            callback()

    def append_points(self, arn: str, points: Sequence[Point]) -> None:
        if self._database.writing:
            raise Misuse("append_points() is a transaction of its own; inside begin() use tx.metrics.append")
        call = _Append(arn, points)
        assert call.turn is not None
        turn = call.turn
        turn.acquire()
        with self._queue_lock:
            self._queue.append(call)
            lead, self._led = not self._led, True
        if not lead:
            turn.acquire()
        if call.turn is not None:
            self._lead()
        if call.error is not None:
            raise call.error

    def _lead(self) -> None:
        """Write what is queued in one transaction, and hand the lead to one who came meanwhile."""
        group: list[_Append] = []
        try:
            with self._database.write() as session:
                with self._queue_lock:
                    group, self._queue = self._queue, []
                self._write(session, group)
            self._names.remember(session)
        except BaseException as error:
            with self._queue_lock:
                group, self._queue = group or self._queue, [] if not group else self._queue
            for call in group:
                call.error = error
        with self._queue_lock:
            following = self._queue[0] if self._queue else None
            self._led = following is not None
        for call in group:
            turn, call.turn = call.turn, None
            if turn is not None:
                turn.release()
        if following is not None and following.turn is not None:
            following.turn.release()

    def _write(self, session: Session, group: list[_Append]) -> None:
        batch: Batch = {}
        ids: dict[str, int | None] = {}
        for call in group:
            if call.arn not in ids:
                found = locate(session, call.arn)
                ids[call.arn] = None if found is None else found[0]
            id = ids[call.arn]
            try:
                if id is None:
                    raise Missing(call.arn)
                collect(batch, id, call.points)
            except (Missing, ValueError, TypeError) as error:
                call.error = error
        if batch:
            write(session, self._names, batch)

    def close(self) -> None:
        self._database.close()
