"""Every test that takes `store` or `open_again` runs against every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clary.storage.memory import MemoryStore
from clary.storage.ports import Store
from clary.storage.sql import open_store

StoreFactory = Callable[[], Store]


@pytest.fixture
def store_factory(tmp_path: Path) -> Iterator[StoreFactory]:
    """Opens the same SQLite database again and again."""
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(open_store(tmp_path / "clary.db"))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, store_factory: StoreFactory) -> Store:
    return MemoryStore() if request.param == "memory" else store_factory()
