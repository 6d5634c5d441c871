"""`clary run -- COMMAND`: a program against Clary, unchanged, with a server for as long as it needs one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from clary.cli.options import home_option
from clary.clients import NotServing, environment
from clary.clients.process import run_as
from clary.clients.server import serving
from clary.settings import SettingsError


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@home_option
@click.option(
    "--port", type=int, help="Port for the server, where one has to be started; by default a free one."
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(home: Path | None, port: int | None, command: tuple[str, ...]) -> None:
    """Run COMMAND against Clary, unchanged: clary run -- python notebook.py.

    Uses the home's running server, or starts one and stops it when the last such command has ended. Training
    jobs that still run then go on, and the home's next server finds them. The exit code is the command's.
    """
    try:
        with serving(home, port) as connection:
            variables = environment(
                connection.url, connection.access_key, connection.secret_key, connection.region, os.environ
            )
            code = run_as(list(command), {**os.environ, **variables})
    except (NotServing, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:  # the command cannot be started: the codes that shells use
        click.echo(f"clary run: {command[0]}: {error.strerror}", err=True)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)
    sys.exit(code)
