"""`clary env`: `eval "$(clary env)"` points every AWS client that the shell starts at Clary."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import click

from clary.cli.options import home_option
from clary.clients import NotServing, discover, environment
from clary.settings import SettingsError


def exports(variables: dict[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


@click.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of export lines.")
@click.option(
    "--proxy", metavar="URL", help="Use the TLS proxy of `clary proxy` at URL, for other languages."
)
def env(home: Path | None, as_json: bool, proxy: str | None) -> None:
    """Print the exports that point AWS clients at Clary: eval "$(clary env)"."""
    try:
        connection = discover(home)
    except (NotServing, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    variables = environment(
        connection.url, connection.access_key, connection.secret_key, connection.region, os.environ
    )
    if proxy:
        from clary.clients.proxy.environment import through_proxy

        variables |= through_proxy(proxy, connection.home, os.environ)
    click.echo(json.dumps(variables, indent=2) if as_json else exports(variables), nl=as_json)
