"""`clary env`: `eval "$(clary env)"` points every AWS client that the shell starts at Clary."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import click

from clary.cli.options import home_option
from clary.clients import NotServing, discover, environment
from clary.clients.connection import address
from clary.clients.proxy.environment import through_proxy
from clary.settings import SettingsError


def exports(variables: dict[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


@click.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of export lines.")
@click.option(
    "--proxy", is_flag=True, help="Through the home's TLS proxy (`clary proxy`): for other languages."
)
def env(home: Path | None, as_json: bool, proxy: bool) -> None:
    """Print the exports that point AWS clients at Clary: eval "$(clary env)"."""
    try:
        found = discover(home)
        variables = environment(found.url, found.access_key, found.secret_key, found.region, os.environ)
        if proxy:
            url = address(found.home, "proxy")
            variables |= through_proxy(url, found.home / "ca", {**os.environ, **variables})
    except (NotServing, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(variables, indent=2) if as_json else exports(variables), nl=as_json)
