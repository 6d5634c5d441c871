"""An AWS client of this home's running server, for commands that ask it something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from clary.cli.options import load_settings
from clary.clients import NotServing, discover
from clary.clients.calls import Calls, Refused
from clary.domain.near_names import said


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
        calls = Calls(discover(settings.home))
        try:
            yield calls
        except Refused as error:
            raise click.ClickException(f"{error}{meant(calls, error)}") from error
    except NotServing as error:
        raise click.ClickException(str(error)) from error


MISSING = re.compile(r":(?P<kind>experiment|experiment-trial-component)/(?P<name>[^'/]+)' does not exist")
NEWEST = 2000
"""Runs among which one that was meant is looked for."""


def meant(calls: Calls, error: Refused) -> str:
    """What to add to a refusal that names an experiment or a run that is not there."""
    found = MISSING.search(error.message)
    if found is None:
        return ""
    if found["kind"] == "experiment":
        there = json.loads(calls.get("/_clary/experiments"))["Experiments"]
        known = [str(one["ExperimentName"]) for one in there]
    else:
        known = json.loads(calls.get("/_clary/runs", columns="Name", limit=NEWEST))["Columns"]["Name"]
    return f" {said(found['name'], known)}"
