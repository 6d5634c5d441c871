from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.images.index import Index

from clary.images.environments import Environments
from clary.images.ports import Images
from clary.settings import Settings

THIS_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def conforms(environments: Environments) -> Images:
    """mypy's to check."""
    return environments


Make = Callable[..., Environments]


@pytest.fixture
def index() -> Iterator[Index]:
    packages: dict[tuple[str, str], tuple[str, ...]] = {
        ("tiny", "1.0"): (),
        ("tiny", "2.0"): (),
        ("other", "1.0"): ("tiny",),
    }
    with Index(packages) as serving:
        yield serving


@pytest.fixture
def make(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Environments in a folder of the test's own, whose image `acme:1` is `tiny==1.0` from its own index."""
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)

    def environments(**aliases: Any) -> Environments:
        table = {"*/acme:1": {"requirements": ["tiny==1.0"], "python": THIS_PYTHON}, **aliases}
        settings = Settings(image_aliases=table, index_url=index.url, python_downloads=False)
        return Environments(tmp_path / "images", settings)

    return environments
