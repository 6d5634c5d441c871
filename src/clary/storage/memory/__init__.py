"""A store in memory, for tests, written to be read: it is the specification that `storage.sql` is held to.

A transaction works on a draft, a shallow copy of the state whose records are never changed in place;
committing makes the draft the state. So readers have a snapshot for nothing, and undoing is forgetting.
"""

from clary.storage.memory.store import MemoryStore

__all__ = ["MemoryStore"]
