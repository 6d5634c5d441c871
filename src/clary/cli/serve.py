"""`clary serve`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from clary.cli.options import home_option, load_settings


@click.command()
@home_option
@click.option("--host", help="Address to listen on; loopback unless told otherwise.")
@click.option("--port", type=int, help="Port to listen on (4747); 0 takes a free one.")
def serve(home: Path | None, host: str | None, port: int | None) -> None:
    """Run the server until Ctrl-C. Jobs that run go on without it, and are found again at the next start."""
    from clary.app import HomeInUse
    from clary.app import serve as run
    from clary.gateway.server import CannotListen
    from clary.storage.ports import StorageError

    settings = load_settings(home, host=host, port=port)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def listening(url: str) -> None:
        click.echo(f"Clary listens on {url} and keeps everything in {settings.home}")
        click.echo(
            f'In another terminal: eval "$(clary env --home {settings.home})", then run your SageMaker code.'
        )

    try:
        run(settings, listening)
    except (CannotListen, HomeInUse, StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error
