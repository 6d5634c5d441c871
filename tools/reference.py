"""Writes docs/reference/ from the code: settings, operations, commands. A test holds the pages to it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from clary.api.operations import implemented
from clary.app import KNOWN, load_services
from clary.cli import COMMANDS, main
from clary.settings import Settings
from clary.wire.models import service

PAGES = Path(__file__).parents[1] / "docs" / "reference"
MADE = "<!-- Made by tools/reference.py (make docs); change the code, not this page. -->\n"


def settings() -> Iterator[str]:
    yield "# Settings"
    yield MADE
    yield "In `HOME/config.toml` under its name, or in the environment as `CLARY_` and its name in upper case (lists"
    yield "separated by commas, tables as JSON). The environment wins over the file, the command line over both."
    yield ""
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    for field in dataclasses.fields(Settings):
        default = getattr(Settings(), field.name)
        shown = (
            str(default)
            if isinstance(default, Path)
            else repr(default).lower()
            if isinstance(default, bool)
            else repr(default)
        )
        yield f"| `{field.name}` | `{shown}` | {field.metadata['doc'].replace('|', '/')} |"


def operations() -> Iterator[str]:
    load_services()
    table = implemented()
    yield "# Operations"
    yield MADE
    yield "What Clary answers. Every other operation of these services is refused with `UnsupportedOperation`."
    for name in KNOWN:
        done, every = table.get(name, []), service(name).operations
        yield ""
        yield f"## {name}: {len(done)} of {len(every)}"
        if done:
            yield ""
            yield ", ".join(f"`{operation}`" for operation in done)


def commands() -> Iterator[str]:
    yield "# Commands"
    yield MADE
    context = click.Context(main, info_name="clary", terminal_width=100, **main.context_settings)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield from _help(command, click.Context(command, info_name=name, parent=context, terminal_width=100))


def _help(command: click.Command, context: click.Context) -> Iterator[str]:
    yield ""
    yield f"## {context.command_path}"
    yield ""
    yield "```"
    yield command.get_help(context)
    yield "```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _help(
                    child, click.Context(child, info_name=name, parent=context, terminal_width=100)
                )


def pages() -> dict[str, str]:
    return {
        "settings.md": "\n".join(settings()) + "\n",
        "operations.md": "\n".join(operations()) + "\n",
        "commands.md": "\n".join(commands()) + "\n",
    }


def write() -> None:
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
        print(PAGES / name, file=sys.stderr)


if __name__ == "__main__":
    write()
