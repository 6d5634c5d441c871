"""A server for each module's tests, and one that a test may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.jobs import Jobs
from tests.support.process import Clary


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("clary") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def jobs(clary: Clary) -> Jobs:
    return Jobs(clary)


@pytest.fixture
def own_clary(tmp_path: Path) -> Iterator[Clary]:
    with Clary(tmp_path / "home") as server:
        yield server
