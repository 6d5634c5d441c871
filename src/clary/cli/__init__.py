"""The command line: one file per command, imported when it is called."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "serve": "Run the server.",
    "demo": "Train a small sweep and show what comes of it.",
    "run": "Run a program against Clary, unchanged.",
    "env": "Print the exports that point AWS clients at Clary.",
    "configure": "Write an AWS profile for Clary.",
    "proxy": "A TLS proxy for clients that ignore AWS_ENDPOINT_URL.",
    "logs": "Show what a job printed.",
    "experiments": "Experiments: list, compare, delete whole, restore.",
    "runs": "Runs as a table, plots, CSV and Parquet.",
    "metrics": "Show the curves of a trial component: summaries, CSV, plots.",
    "rules": "Debugger's rules on a job: what they found, and further ones.",
    "images": "Environments that stand for images: list, pull.",
    "doctor": "Say what this machine has, and what is wrong.",
}


class Lazy(click.Group):
    """Commands with their summaries at hand and their modules not yet imported: help comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"clary.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="clary")
def main() -> None:
    """SageMaker on your own machines."""
