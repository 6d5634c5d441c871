"""`clary experiments`: list, compare, delete whole, restore."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from clary.cli import plots
from clary.cli.connect import own_calls
from clary.cli.metrics import metrics_of
from clary.cli.options import home_option
from clary.cli.tables import Curve, shown, table
from clary.clients.calls import Calls
from clary.domain.near_names import said

SHOWN = 20
"""Names that a plan lists of each kind; the rest is counted."""
ID = 8
"""Characters of a deletion's id that are shown, and are enough to name it."""
THERE = (
    ("experiment", "runs", "created", "modified"),
    ("ExperimentName", "TrialComponents", "CreationTime", "LastModifiedTime"),
)
DELETED = (
    ("experiment", "trials", "runs", "deleted", "restorable until", "id"),
    ("ExperimentName", "Trials", "TrialComponents", "DeletionTime", "RestorableUntil", "Id"),
)


@click.group()
def experiments() -> None:
    """Experiments: list, compare, delete whole, restore."""


@experiments.command("list")
@home_option
@click.option("--deleted", is_flag=True, help="Those that can be restored.")
def list_(home: Path | None, deleted: bool) -> None:
    """List experiments, the newest first."""
    with own_calls(home) as calls:
        found = json.loads(calls.get(f"/_clary/experiments{'/deleted' if deleted else ''}"))["Experiments"]
    names, members = DELETED if deleted else THERE
    rows = [[cell(member, one[member]) for member in members] for one in found]
    table(names, rows, spare=[names.index(name) for name in ("modified", "deleted") if name in names])


def cell(member: str, value: Any) -> Any:
    if member == "Id":
        return value[:ID]
    return moment(value) if isinstance(value, float) else value


@experiments.command()
@click.argument("names", nargs=-1, required=True)
@home_option
@click.option("--metric", help="Only this metric.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw each one's best into this file."
)
@click.option(
    "--best", type=click.Choice(["min", "max"]), default="min", show_default=True, help="Which is better."
)
def compare(
    names: tuple[str, ...], home: Path | None, metric: str | None, plot: Path | None, best: str
) -> None:
    """Compare experiments: of each metric, the runs that have it, their best and their mean last value."""
    rows: list[list[Any]] = []
    with own_calls(home) as calls:
        found = {
            name: json.loads(calls.get("/_clary/runs", experiment=name))["Columns"]
            for name in dict.fromkeys(names)
        }
    for name, columns in found.items():
        for column, values in columns.items():
            if not column.startswith("Metrics.") or not column.endswith(".Last"):
                continue
            own = column.removeprefix("Metrics.").removesuffix(".Last")
            if metric not in (None, own):
                continue
            run, value = best_of(columns["Name"], values, best)
            there = [value for value in values if value is not None]
            rows.append([own, name, len(there), value, sum(there) / len(there), run])
    if not rows:
        known = [name for columns in found.values() for name in metrics_of(columns)]
        raise click.ClickException(
            "Their runs have no metrics." if metric is None else f"No run has {metric}. {said(metric, known)}"
        )
    rows.sort(key=lambda row: row[0])
    if plot:
        chosen = metric or rows[0][0]
        plots.bars(plot, {row[1]: row[3] for row in rows if row[0] == chosen}, label=f"{chosen} ({best})")
        click.echo(f"Wrote {plot}", err=True)
    with own_calls(home) as calls:
        curves = curves_of(calls, rows)
    titles = ["metric", "experiment", "runs", best, "mean", f"{best} in", "curve"]
    rows = [[*row, Curve(curves.get((row[0], row[5]), ()))] for row in rows]
    table(titles, rows, spare=(titles.index("mean"), titles.index("curve"), titles.index("runs")))


def curves_of(calls: Calls, rows: Sequence[Sequence[Any]]) -> dict[tuple[str, str], list[float]]:
    """Values by metric and run, of the runs that the rows name."""
    found: dict[tuple[str, str], list[float]] = {}
    for metric, same in groupby(rows, key=lambda row: str(row[0])):
        runs = ",".join(dict.fromkeys(str(row[5]) for row in same))
        answer = json.loads(calls.get("/_clary/metrics", component=runs, metric=metric))
        found |= {(metric, curve["Component"]): curve["Values"] for curve in answer["Curves"]}
    return found


def best_of(names: list[str], values: list[float | None], best: str) -> tuple[str, float]:
    there = [(value, name) for name, value in zip(names, values, strict=True) if value is not None]
    value, name = (min if best == "min" else max)(there)
    return name, value


@experiments.command()
@click.argument("name")
@home_option
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def delete(name: str, home: Path | None, dry_run: bool, yes: bool) -> None:
    """Delete an experiment with its trials and their runs. Runs that other experiments share stay."""
    request = {"ExperimentName": name}
    with own_calls(home) as calls:
        if dry_run or not yes:
            show(calls.post("/_clary/experiments/delete", {**request, "DryRun": True}))
        if dry_run:
            return
        if not yes:
            click.confirm(f"Delete {name}?", abort=True)
        done = calls.post("/_clary/experiments/delete", request)
    click.echo(
        f"Deleted {done['ExperimentName']}: {len(done['Trials'])} trials, {len(done['TrialComponents'])} runs."
    )
    if "RestorableUntil" in done:
        click.echo(
            f"Until {moment(done['RestorableUntil'])} it comes back with: clary experiments restore {done['ExperimentName']}"
        )


@experiments.command()
@click.argument("name")
@home_option
@click.option("--id", help="Of several that were deleted under this name: list --deleted shows them.")
def restore(name: str, home: Path | None, id: str | None) -> None:
    """Bring back an experiment that was deleted whole, as it was: of several of the name, the last deleted."""
    with own_calls(home) as calls:
        done = calls.post(
            "/_clary/experiments/restore", {"ExperimentName": name, **({"Id": id} if id else {})}
        )
        click.echo(
            f"Restored {done['ExperimentName']}: {done['Trials']} trials, {done['TrialComponents']} runs."
        )
        left = json.loads(calls.get("/_clary/experiments/deleted"))["Experiments"]
    for one in left:
        if one["ExperimentName"] == done["ExperimentName"]:
            click.echo(
                f"Another {one['ExperimentName']}, deleted {moment(one['DeletionTime'])} with {one['TrialComponents']}"
                f" runs, can still be restored once this name is free: --id {one['Id'][:ID]}",
                err=True,
            )


def show(plan: dict[str, Any]) -> None:
    """The plan as the server tells it."""
    click.echo(f"Deletes the experiment {plan['ExperimentName']}")
    for title, names in (("trials", plan["Trials"]), ("runs", plan["TrialComponents"])):
        click.echo(f"{len(names):>8} {title}{names_of(names)}")
    for kept in plan["Kept"]:
        trials = ", ".join(kept["Trials"])
        click.echo(f"   keeps the run {kept['TrialComponentName']}, which is in {trials} too")


def names_of(names: list[str]) -> str:
    if not names:
        return ""
    rest = len(names) - SHOWN
    return ": " + ", ".join(names[:SHOWN]) + (f" and {shown(rest)} more" if rest > 0 else "")


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
