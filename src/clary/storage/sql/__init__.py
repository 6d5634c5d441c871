"""The store on SQLite, written so that PostgreSQL is another dialect: `open_store`."""

from clary.storage.sql.migrations import DatabaseTooNew
from clary.storage.sql.store import open_store

__all__ = ["DatabaseTooNew", "open_store"]
