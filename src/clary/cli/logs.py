"""`clary logs`: what a job printed, whole, and while it prints."""

from __future__ import annotations

import time
from pathlib import Path

import click

from clary.cli.connect import aws_client
from clary.cli.options import home_option

GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = {"Completed", "Failed", "Stopped"}


@click.command()
@click.argument("job")
@home_option
@click.option("--follow", "-f", is_flag=True, help="Go on until the job has ended.")
def logs(job: str, home: Path | None, follow: bool) -> None:
    """Show the log of a training job, and why it failed if it did."""
    sagemaker, events = aws_client(home, "sagemaker"), aws_client(home, "logs")
    errors = sagemaker.exceptions.ClientError
    try:
        described = sagemaker.describe_training_job(TrainingJobName=job)
    except errors as error:
        raise click.ClickException(f"{job}: {error.response['Error']['Message']}") from error
    tokens: dict[str, str] = {}
    while True:
        try:
            streams = events.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{job}/")[
                "logStreams"
            ]
        except errors:
            streams = []
        for stream in streams:
            _print_new(events, stream["logStreamName"], tokens)
        if not follow or described["TrainingJobStatus"] in ENDED:
            break
        time.sleep(0.5)
        described = sagemaker.describe_training_job(TrainingJobName=job)
    click.echo(f"{job}: {described['TrainingJobStatus']}", err=True)
    if "FailureReason" in described:
        click.echo(described["FailureReason"], err=True)


def _print_new(events: object, stream: str, tokens: dict[str, str]) -> None:
    while True:
        extra = {"nextToken": tokens[stream]} if stream in tokens else {}
        page = events.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **extra)  # type: ignore[attr-defined]
        for event in page["events"]:
            click.echo(event["message"])
        if page["nextForwardToken"] == tokens.get(stream):
            return
        tokens[stream] = page["nextForwardToken"]
