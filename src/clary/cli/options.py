"""Options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from clary.settings import Settings, SettingsError, load

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CLARY_HOME",
    help="Folder that holds everything Clary keeps (~/.clary).",
)


def load_settings(home: Path | None, **overrides: Any) -> Settings:
    """Settings of a home; what is wrong with them ends the command with a message."""
    try:
        return load(home, **overrides)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
