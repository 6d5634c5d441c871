"""Statements, written once in SQLAlchemy Core and compiled once, and the session that runs them.

Running one costs the driver's call and a tuple: Core's own execution costs about 60 us a statement, as
much as the statement's work. What differs between databases is in the dialect that compiles.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ClauseElement, bindparam
from sqlalchemy.dialects import sqlite

from clary.storage.ports import Document, Misuse

Row = tuple[Any, ...]

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode
_DIALECT = sqlite.dialect(paramstyle="qmark")


def to_json(document: Document) -> str:
    return encode(document).decode()


def parameter(name: str) -> BindParameter[Any]:
    """A value given at each run, in a statement that may also hold lists."""
    return bindparam(name, required=False)


def from_json(text: str) -> Document:
    document: Document = decode(text)
    return document


TOGETHER = 64
"""Rows a statement of `Session.insert`."""


@cache
def _of_rows(sql: str, count: int) -> str:
    """An INSERT of one row as one of `count`."""
    head, separator, row = sql.partition(" VALUES ")
    return f"{head}{separator}{', '.join([row] * count)}"


class Statement:
    """SQL text and the order of its parameters. Compiled at its first use."""

    __slots__ = ("_clause", "_compiled")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._compiled: tuple[str, tuple[str, ...], dict[str, Any]] | None = None

    @property
    def compiled(self) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        """SQL, its parameters' names in order, and the values that the clause brings itself."""
        if self._compiled is None:
            compiled: Any = self._clause.compile(
                dialect=_DIALECT, compile_kwargs={"render_postcompile": True}
            )
            given = {name: value for name, value in compiled.params.items() if value is not None}
            self._compiled = compiled.string, tuple(compiled.positiontup), given
        return self._compiled


class Session:
    """One transaction's use of a connection."""

    __slots__ = ("catch_up", "connection", "effects", "execute", "names", "scopes", "writable")

    def __init__(self, connection: sqlite3.Connection, *, writable: bool) -> None:
        self.connection, self.writable = connection, writable
        self.execute = connection.execute
        self.effects = False
        """Put an effect into the outbox."""
        self.names: dict[tuple[int, str], int] = {}
        """Property names made here, for the cache once they are committed."""
        self.scopes: dict[tuple[str, str, str], int] = {}
        """Scopes, likewise."""
        self.catch_up: Callable[[], None] | None = None
        """Writes the searchable statistics that lag behind, for a session that cannot."""

    def state(self) -> object:
        """Equal to an earlier one where nothing was written since, by whomever."""
        return self.connection.total_changes, self.execute("PRAGMA data_version").fetchone()

    def run(self, statement: Statement, **values: Any) -> sqlite3.Cursor:
        sql, names, given = statement.compiled
        if given:
            values = {**given, **values}
        try:
            return self.execute(sql, [values[name] for name in names])
        except sqlite3.OperationalError as error:
            raise self._explained(error) from error

    def all(self, statement: Statement, **values: Any) -> list[Row]:
        return self.run(statement, **values).fetchall()

    def one(self, statement: Statement, **values: Any) -> Row | None:
        row: Row | None = self.run(statement, **values).fetchone()
        return row

    def changed(self, statement: Statement, **values: Any) -> int:
        """Rows that it wrote."""
        return self.run(statement, **values).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Rows that it wrote."""
        try:
            return self.connection.executemany(sql, rows).rowcount
        except sqlite3.OperationalError as error:
            raise self._explained(error) from error

    def insert(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Write these rows, many to a statement: each trip into SQLite lets another thread run, and a busy server
        waits for its turn to come back."""
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            self.execute(_of_rows(sql, len(some)), list(chain.from_iterable(some)))

    def _explained(self, error: sqlite3.OperationalError) -> Exception:
        if not self.writable and "readonly" in str(error):
            return Misuse("read() cannot write; use begin()")
        return error
