"""The store on SQL: transactions and their areas."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from clary.storage.cursors import Cursors
from clary.storage.ports import Misuse, Point, Store
from clary.storage.sql.appends import Appends
from clary.storage.sql.columns import SqlColumns
from clary.storage.sql.database import Database
from clary.storage.sql.keys import SqlKeys
from clary.storage.sql.logs import SqlLogs
from clary.storage.sql.metrics import SqlMetrics
from clary.storage.sql.migrations import migrate
from clary.storage.sql.names import Names
from clary.storage.sql.objects import SqlObjects
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
    def columns(self) -> SqlColumns:
        return SqlColumns(self._session, self._names)

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


class SqlStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = Names()
        self._callbacks: list[Callable[[], None]] = []
        database.committed = self._tell
        with database.read() as session:
            secret = session.execute("SELECT value FROM secrets WHERE name = 'cursor'").fetchone()[0]
        self._cursors = Cursors(secret)
        self._appends = Appends(database, self._names)

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

    def state(self) -> object:
        return self._database.state()

    def subscribe(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def _tell(self) -> None:
        for callback in list(self._callbacks):
            callback()

    def append_points(self, arn: str, points: Sequence[Point]) -> None:
        if self._database.writing:
            raise Misuse("append_points() is a transaction of its own; inside begin() use tx.metrics.append")
        told, outcomes = threading.Lock(), []
        told.acquire()

        def done(error: BaseException | None) -> None:
            outcomes.append(error)
            told.release()

        self._appends.put(arn, points, done)
        told.acquire()
        if outcomes[0] is not None:
            raise outcomes[0]

    def queue_points(
        self, arn: str, points: Sequence[Point], done: Callable[[BaseException | None], None]
    ) -> None:
        self._appends.put(arn, points, done)

    def close(self) -> None:
        self._appends.close()
        self._database.close()
