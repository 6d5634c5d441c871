"""Connections to one SQLite file, and its transactions.

- One connection writes. Its users queue on a lock, so they wait instead of failing; other processes'
  writers are waited for by SQLite's busy handler.
- Commits are grouped: a writer whose block ends while others wait leaves the commit to the last of the
  queue, and returns when that one is durable. Each block that follows another in the same commit is a
  savepoint, so one that raises undoes just its own. Nobody outside sees a change before it is durable.
- Readers take connections from a pool, one for each that reads at the same time, newest first: its
  cache is warm. They never wait for writers (WAL) and see one state.
- WAL with synchronous=FULL: a commit is on disk when it returns.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clary.storage.ports import Full, Misuse, StorageError
from clary.storage.sql.session import Session

FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC)
"""How SQLite says that the disk is full, and how the system may say it first."""
GROUP_LIMIT = 256
"""Blocks that share one commit, at most."""
BUSY_SECONDS = 60
NEEDED = (3, 35)
"""SQLite with RETURNING."""
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",
)


class _Ticket:
    """What a block waits on when another commits for it."""

    __slots__ = ("done", "error")

    def __init__(self) -> None:
        self.done = threading.Lock()
        self.done.acquire()
        self.error: BaseException | None = None


class Database:
    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """`prepare` gets the writing connection before anybody else (migrations)."""
        if sqlite3.sqlite_version_info < NEEDED:
            raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; Clary needs 3.35 or newer.")
        self._path = path
        self._writer = self._connect(cache_mib=64)
        try:
            prepare(self._writer)
        except BaseException:
            self._writer.close()
            raise
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._group: list[_Ticket] = []
        self._open = False
        self._put_effects = False
        self._owner: int | None = None
        self._readers: list[sqlite3.Connection] = []
        self._watcher: sqlite3.Connection | None = None
        """Only ever asked whether others committed, which SQLite counts by connection."""
        self._closed = False
        self.committed: Callable[[], None] = lambda: None
        """Called after each commit that put effects into the outbox, by the thread that committed."""

    def _connect(self, cache_mib: int) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        connection.execute(f"PRAGMA cache_size=-{cache_mib * 1024}")
        return connection

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A block whose changes are durable once it is left, or undone when it raises. Raises `Full`."""
        try:
            with self._write() as session:
                yield session
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in FULL:
                raise Full("the disk that holds the database is full") from error
            raise

    @contextmanager
    def _write(self) -> Iterator[Session]:
        if self.writing:
            raise Misuse("this thread is in a transaction already: begin() does not nest")
        self._enter()
        try:
            self._owner = threading.get_ident()
            if not self._open:
                self._writer.execute("BEGIN IMMEDIATE")
                self._open = True
            first = not self._group
            if not first:
                self._writer.execute("SAVEPOINT block")
        except BaseException:
            self._leave(None)
            raise
        session = Session(self._writer, writable=True)
        try:
            yield session
            if not first:
                self._writer.execute("RELEASE block")
        except BaseException:
            self._undo(first)
            self._leave(None)
            raise
        self._put_effects |= session.effects
        self._leave(_Ticket())

    @property
    def writing(self) -> bool:
        """Whether this thread is in a `write` block."""
        return self._owner == threading.get_ident()

    def _enter(self) -> None:
        if self._closed:
            raise Misuse("the store is closed")
        with self._counting:
            self._waiting += 1
        try:
            self._lock.acquire()
        except BaseException:  # interrupted: somebody may have left the commit to this thread
            with self._counting:
                self._waiting -= 1
            self._lock.acquire()
            self._leave(None)
            raise
        with self._counting:
            self._waiting -= 1
        if self._closed:
            self._lock.release()
            raise Misuse("the store is closed")

    def _undo(self, first: bool) -> None:
        if self._writer.in_transaction and not first:
            self._writer.execute("ROLLBACK TO block")
            self._writer.execute("RELEASE block")
        else:
            self._settle()  # nobody else's work is in it; or SQLite gave it all up: the disk is full

    def _leave(self, ticket: _Ticket | None) -> None:
        """Commit for the group, or leave that to one who waits for the lock. A block that raised has no ticket."""
        self._owner = None
        if ticket is not None:
            self._group.append(ticket)
        with self._counting:
            pass_on = self._waiting > 0 and len(self._group) < GROUP_LIMIT
        if pass_on:
            self._lock.release()
        else:
            self._commit()
        if ticket is not None:
            ticket.done.acquire()
            if ticket.error is not None:
                raise ticket.error

    def _commit(self) -> None:
        tell = self._settle()
        self._lock.release()
        if tell:
            self.committed()

    def _settle(self) -> bool:
        """Commit, and tell the group how it went. True if effects are now in the outbox."""
        group, self._group = self._group, []
        tell, self._put_effects = self._put_effects, False
        error: BaseException | None = None
        try:
            if group:
                self._writer.execute("COMMIT")
            elif self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error as raised:
            error = raised
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        self._open = False
        for ticket in group:
            ticket.error = error
            ticket.done.release()
        return tell and error is None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A block that sees one state, from its first statement on."""
        if self._closed:
            raise Misuse("the store is closed")
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect(cache_mib=16)
            connection.execute("PRAGMA query_only=ON")
        try:
            connection.execute("BEGIN")
            try:
                yield Session(connection, writable=False)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        finally:
            if self._closed:
                connection.close()
            else:
                self._readers.append(connection)

    def state(self) -> object:
        """Equal to an earlier one only where nothing was committed in between, by whomever."""
        with self._counting:
            if self._closed:
                raise Misuse("the store is closed")
            if self._watcher is None:
                self._watcher = self._connect(cache_mib=1)
            return self._watcher.execute("PRAGMA data_version").fetchone()

    def close(self) -> None:
        """Waits for the writer; readers under way end by themselves."""
        with self._lock:
            if self._closed:
                return
            self._settle()
            self._closed = True
            while self._readers:
                self._readers.pop().close()
            with self._counting:
                if self._watcher is not None:
                    self._watcher.close()
            self._writer.close()
