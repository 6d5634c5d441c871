"""`clary logs`: what a job printed, whole, and while it prints."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from clary.cli.connect import aws_client
from clary.cli.options import home_option

ENDED = {"Completed", "Failed", "Stopped"}
PAUSE = 0.5


@dataclass(frozen=True)
class Noun:
    """A kind of job with a log."""

    name: str
    operation: str

    @property
    def group(self) -> str:
        return f"/aws/sagemaker/{self.name}Jobs"

    def describe(self, client: Any, job: str) -> dict[str, Any]:
        described: dict[str, Any] = getattr(client, self.operation)(**{f"{self.name}JobName": job})
        return described

    def status(self, described: dict[str, Any]) -> str:
        return str(described[f"{self.name}JobStatus"])


NOUNS = (Noun("Training", "describe_training_job"), Noun("Processing", "describe_processing_job"))


@click.command()
@click.argument("job")
@home_option
@click.option("--follow", "-f", is_flag=True, help="Go on until the job has ended.")
def logs(job: str, home: Path | None, follow: bool) -> None:
    """Show the log of a training or processing job, and why it failed if it did."""
    sagemaker, events = aws_client(home, "sagemaker"), aws_client(home, "logs")
    noun, described = find(sagemaker, job)
    tokens: dict[str, str] = {}
    while True:
        show_new(events, noun.group, job, tokens)
        if not follow or noun.status(described) in ENDED:
            break
        time.sleep(PAUSE)
        described = noun.describe(sagemaker, job)
    click.echo(f"{job}: {noun.status(described)}", err=True)
    for member in ("FailureReason", "ExitMessage"):
        if member in described:
            click.echo(described[member], err=True)


def find(sagemaker: Any, job: str) -> tuple[Noun, dict[str, Any]]:
    """The job of that name, of whichever kind. Raises `ClickException`."""
    error: Exception | None = None
    for noun in NOUNS:
        try:
            return noun, noun.describe(sagemaker, job)
        except sagemaker.exceptions.ClientError as refused:
            if refused.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise click.ClickException(f"{job}: {refused.response['Error']['Message']}") from refused
            error = refused
    raise click.ClickException(f"There is no training or processing job {job}.") from error


def show_new(events: Any, group: str, job: str, tokens: dict[str, str]) -> None:
    """Print what came since the last look; with several streams, each line says its host."""
    try:
        pages = events.get_paginator("describe_log_streams").paginate(
            logGroupName=group, logStreamNamePrefix=f"{job}/"
        )
        streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    except events.exceptions.ClientError:
        return  # nothing of this kind has printed yet
    for stream in streams:
        host = stream.rpartition("/")[2].rpartition("-")[0] + "  " if len(streams) > 1 else ""
        while True:
            extra = {"nextToken": tokens[stream]} if stream in tokens else {}
            page = events.get_log_events(
                logGroupName=group, logStreamName=stream, startFromHead=True, **extra
            )
            for event in page["events"]:
                click.echo(host + event["message"])
            if page["nextForwardToken"] == tokens.get(stream):
                break
            tokens[stream] = page["nextForwardToken"]
