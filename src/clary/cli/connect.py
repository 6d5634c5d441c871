"""An AWS client of this home's running server, for commands that ask it something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from clary.cli.options import load_settings
from clary.clients import NotServing, discover
from clary.clients.calls import Calls, Refused


def aws_client(home: Path | None, service: str) -> Any:
    """A botocore client. Without a running server the command ends with what to do."""
    import botocore.config
    import botocore.session

    settings = load_settings(home)
    try:
        connection = discover(settings.home)
    except NotServing as error:
        raise click.ClickException(str(error)) from error
    return botocore.session.Session().create_client(
        service,
        region_name=connection.region,
        endpoint_url=connection.url,
        aws_access_key_id=connection.access_key,
        aws_secret_access_key=connection.secret_key,
        config=botocore.config.Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )


@contextmanager
def own_calls(home: Path | None) -> Iterator[Calls]:
    """The calls that only Clary answers; what the server refuses ends the command with its message."""
    settings = load_settings(home)
    try:
        yield Calls(discover(settings.home))
    except (NotServing, Refused) as error:
        raise click.ClickException(str(error)) from error
