"""`clary doctor`: what this machine has, and what is wrong."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from clary.cli.options import home_option, load_settings
from clary.settings import Settings

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    good: bool | None
    """None: neither good nor bad."""
    says: str
    remedy: str = ""


@click.command()
@home_option
def doctor(home: Path | None) -> None:
    """Look at the machine and the home; exit code 1 if something is wrong."""
    settings = load_settings(home)
    wrong = 0
    for check in CHECKS:
        for finding in check(settings):
            mark = {True: click.style("ok", fg="green"), False: click.style("!!", fg="red"), None: "--"}[
                finding.good
            ]
            click.echo(f"{mark}  {finding.what}: {finding.says}")
            if finding.remedy:
                click.echo(f"      {finding.remedy}")
            wrong += finding.good is False
    if wrong:
        raise SystemExit(1)


def python(settings: Settings) -> Iterator[Finding]:
    yield Finding("Python", True, f"{sys.version.split()[0]} at {sys.executable}")


def uv(settings: Settings) -> Iterator[Finding]:
    from uv import find_uv_bin

    try:
        said = subprocess.run(
            [find_uv_bin(), "--version"], capture_output=True, text=True, check=True, timeout=30
        )
        yield Finding(
            "Environments",
            True,
            f"built by {said.stdout.split('(')[0].strip()}, kept in {settings.images}",
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("Environments", False, f"uv does not run: {error}", "Install Clary again.")


def room(settings: Settings) -> Iterator[Finding]:
    from clary.orchestrator.capacity import total

    has = total(settings)
    yield Finding(
        "Jobs may use", True, f"{has.cpus} CPUs, {has.memory_gib:.1f} GiB of memory, {has.gpus} GPUs together"
    )


def sandbox(settings: Settings) -> Iterator[Finding]:
    from clary.engines.sandbox import sandbox_report

    report = sandbox_report()
    if settings.sandbox == "never":
        yield Finding(
            "Sandbox",
            None,
            "off by the setting `sandbox`; jobs are plain processes and can read what you can read",
        )
    elif report.bwrap:
        yield Finding(
            "Sandbox", True, "bubblewrap; each job has a private /opt/ml and sees nothing else of yours"
        )
    else:
        bad = settings.sandbox == "always"
        yield Finding("Sandbox", False if bad else None, report.reason, report.advice)


def disk(settings: Settings) -> Iterator[Finding]:
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    good = free > 2 * GIB
    yield Finding(
        "Disk",
        good,
        f"{free / GIB:.1f} GiB free for {settings.home}",
        "" if good else "Free some space, or choose another --home.",
    )


def database(settings: Settings) -> Iterator[Finding]:
    if not settings.database.exists():
        yield Finding("Home", None, f"{settings.home} is empty: the first `clary serve` fills it")
        return
    try:
        connection = sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)
        said = connection.execute("PRAGMA quick_check").fetchone()[0]
        connection.close()
    except sqlite3.Error as error:
        said = str(error)
    good = said == "ok"
    yield Finding(
        "Database",
        good,
        f"{settings.database} {'is sound' if good else said}",
        "" if good else "Put back a copy of the home.",
    )


def server(settings: Settings) -> Iterator[Finding]:
    from clary.clients import NotServing, discover

    try:
        yield Finding("Server", True, f"listens on {discover(settings.home).url}")
    except NotServing as error:
        yield Finding("Server", None, str(error))


CHECKS = (python, uv, room, sandbox, disk, database, server)
