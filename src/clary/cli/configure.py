"""`clary configure`: an AWS profile for clients that read `~/.aws` instead of the environment."""

from __future__ import annotations

import os
from pathlib import Path

import click

from clary.cli.options import home_option
from clary.clients import NotServing, discover
from clary.clients.profile import ProfileError, plan
from clary.settings import SettingsError


@click.command()
@home_option
@click.option("--profile", default="clary", show_default=True, help="Name of the profile.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
def configure(home: Path | None, profile: str, dry_run: bool) -> None:
    """Write an AWS profile for Clary: aws --profile clary s3 ls.

    Into the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, else ~/.aws/config and
    ~/.aws/credentials. What else they hold stays as it is, comments included.
    """
    try:
        changes = plan(discover(home), profile, os.environ)
        for change in changes:
            if dry_run:
                click.echo(f"# {change.path}\n{change.text}")
            else:
                change.write()
                click.echo(f"{change.path}: profile {profile} written")
    except (NotServing, SettingsError, ProfileError, OSError) as error:
        raise click.ClickException(str(error)) from error
