"""Commands as a user calls them, against one server for the module that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result
from tests.support.process import Clary

from clary.cli import main

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("cli") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def command(clary: Clary) -> Command:
    """Runs `clary ARGUMENTS` for the server's home; it must succeed unless `fails`."""

    def run(*arguments: str, fails: bool = False, input: str | None = None) -> Result:
        result = CliRunner().invoke(main, arguments, env={"CLARY_HOME": str(clary.home)}, input=input)
        assert (result.exit_code != 0) == fails, result.output
        return result

    return run
