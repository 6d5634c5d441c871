"""Brings a database to this code's schema, one numbered step after another, each in its own transaction.

A step never changes once released: what comes later is a new step. `schema_version` keeps one row a
step. A database that has seen a newer Clary is refused before anything is touched.
"""

from __future__ import annotations

import secrets as random
import sqlite3
from collections.abc import Callable

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from clary.storage.ports import StorageError
from clary.storage.sql import schema


class DatabaseTooNew(StorageError):
    """The database was written by a newer version of Clary than this one."""


_LATER = (schema.schema_version, schema.trash, schema.metric_blocks)
"""Tables that the first step does not make."""


def _create(connection: sqlite3.Connection, *tables: Table) -> None:
    dialect = sqlite.dialect()
    for table in tables:
        connection.execute(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(str(CreateIndex(index).compile(dialect=dialect)))


def _first(connection: sqlite3.Connection) -> None:
    _create(connection, *(table for table in schema.metadata.sorted_tables if table not in _LATER))
    connection.execute("INSERT INTO secrets (name, value) VALUES ('cursor', ?)", (random.token_bytes(32),))


def _trash(connection: sqlite3.Connection) -> None:
    _create(connection, schema.trash)


def _blocks(connection: sqlite3.Connection) -> None:
    _create(connection, schema.metric_blocks)


def _edge_types(connection: sqlite3.Connection) -> None:
    """The ends' types of edges that a Clary before this step made; in a new database the first step has the columns."""
    if any(row[1] == "source_type" for row in connection.execute("PRAGMA table_info(edges)")):
        return
    for end in ("source", "destination"):
        connection.execute(f"ALTER TABLE edges ADD COLUMN {end}_type TEXT")
        connection.execute(
            f"CREATE INDEX edges_{end}_type ON edges ({end}_type, created) WHERE {end}_type IS NOT NULL"
        )
        connection.execute(
            f"""UPDATE edges SET {end}_type = (
                SELECT coalesce(
                    json_extract(spec, '$.ArtifactType'), json_extract(spec, '$.ActionType'),
                    json_extract(spec, '$.ContextType'), json_extract(spec, '$.Source.SourceType'),
                    replace(scopes.kind, 'Trash/', ''))
                FROM resources JOIN scopes ON scopes.id = resources.scope
                WHERE resources.arn IN ({end}, substr({end}, instr({end}, 'arn:')))  -- in the trash, perhaps alone
            ) WHERE kind <> 'PartOf'"""
        )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _trash, _blocks, _edge_types)
"""Step n, counted from 1, brings version n - 1 to version n."""


def migrate(connection: sqlite3.Connection, now: float, where: str) -> None:
    """Raises `DatabaseTooNew`; `where` names the database in its message."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        if found > len(MIGRATIONS):
            raise DatabaseTooNew(
                f"{where} has schema version {found}; this Clary knows versions up to {len(MIGRATIONS)}."
                " Use the newer Clary that wrote it, or restore a copy made before the upgrade."
            )
        for number in range(found + 1, len(MIGRATIONS) + 1):
            MIGRATIONS[number - 1](connection)
            connection.execute("INSERT INTO schema_version (version, applied) VALUES (?, ?)", (number, now))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied FLOAT NOT NULL)"
    )
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()[0])
