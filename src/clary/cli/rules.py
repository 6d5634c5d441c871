"""`clary rules`: what Debugger's rules found in a job, and rules run afterwards on what it saved."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from clary.cli.connect import aws_client, own_calls
from clary.cli.options import home_option

PAUSE = 0.5
MEMBERS = ("DebugRuleEvaluationStatuses", "ProfilerRuleEvaluationStatuses")
OPEN = ("InProgress", "Stopping")


@click.command()
@click.argument("job")
@home_option
@click.option(
    "--rule", "-r", "names", multiple=True, help="Run this built-in rule: LossNotDecreasing, Overfit, ..."
)
@click.option("--parameter", "-p", "pairs", multiple=True, help="NAME=VALUE, for all rules given.")
def rules(job: str, home: Path | None, names: tuple[str, ...], pairs: tuple[str, ...]) -> None:
    """Show what rules found in a training job. With --rule, run further ones on what it saved, and wait for them."""
    if names:
        parameters = dict(split(pair) for pair in pairs)
        configurations = [
            {"RuleConfigurationName": name, "RuleParameters": {"rule_to_invoke": name, **parameters}}
            for name in names
        ]
        with own_calls(home) as calls:
            calls.post("/_clary/rules", {"TrainingJobName": job, "DebugRuleConfigurations": configurations})
    sagemaker = aws_client(home, "sagemaker")
    while True:
        try:
            described = sagemaker.describe_training_job(TrainingJobName=job)
        except sagemaker.exceptions.ClientError as error:
            raise click.ClickException(f"{job}: {error.response['Error']['Message']}") from error
        found = [status for member in MEMBERS for status in described.get(member, ())]
        waited = [status for status in found if status["RuleConfigurationName"] in names]
        if not any(status["RuleEvaluationStatus"] in OPEN for status in waited):
            break
        time.sleep(PAUSE)
    show(found)


def split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals:
        raise click.BadParameter(f"{pair!r} is not NAME=VALUE.", param_hint="--parameter")
    return name, value


def show(found: list[dict[str, Any]]) -> None:
    if not found:
        click.echo("The job has no rules.")
    for status in found:
        details = status.get("StatusDetails", "")
        click.echo(
            f"{status['RuleConfigurationName']}: {status['RuleEvaluationStatus']}{'. ' if details else ''}{details}"
        )
