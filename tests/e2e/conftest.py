"""A server for each module's tests, and one that a test may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
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


@pytest.fixture
def debug(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs, and a process in which boto3 finds their server: trials are read as a user reads them."""
    for name, value in jobs.clary.environment({}).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the keys of the server that it met first
    return jobs
