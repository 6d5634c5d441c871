"""`clary images`: the environments that stand for image URIs."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from clary.cli.options import home_option, load_settings


@click.group()
def images() -> None:
    """Environments that stand for image URIs."""


@images.command()
@click.argument("uris", nargs=-1, required=True)
@home_option
def pull(uris: tuple[str, ...], home: Path | None) -> None:
    """Build the environments of these image URIs now, so that the first job does not wait."""
    from clary.app import environments
    from clary.cli.demo import build
    from clary.images.ports import ImageError

    table = environments(load_settings(home))
    for uri in uris:
        try:
            spec = table.resolve(uri)
        except ImageError as error:
            raise click.ClickException(str(error)) from error
        environment = build(Console(), table, uri, spec)
        click.echo(f"{uri} -> {environment.python}")


@images.command()
@click.argument("uri")
@home_option
def show(uri: str, home: Path | None) -> None:
    """Say what an image URI stands for."""
    from clary.app import environments
    from clary.images.ports import ImageError

    table = environments(load_settings(home))
    try:
        spec = table.resolve(uri)
    except ImageError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{spec.family} {spec.version}, Python {' or '.join(spec.python)}")
    for line in spec.requirements:
        click.echo(f"  {line}")
    click.echo("built" if table.ready(spec) else "not built yet: clary images pull " + uri)
