"""`clary metrics`: the curves of a trial component, at full resolution."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from clary.cli import plots
from clary.cli.connect import own_calls
from clary.cli.options import home_option
from clary.cli.tables import Curve, table
from clary.clients.calls import Calls
from clary.domain.near_names import said

Points = dict[str, Any]
"""Of one metric, as `/_clary/metrics` answers."""
BARS = 40


@click.command()
@click.argument("component")
@click.argument("metric", required=False)
@home_option
@click.option("--start", help="Only points from this time on: epoch seconds or ISO 8601.")
@click.option("--end", help="Only points before this time.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every point as CSV.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the curves into this file."
)
def metrics(
    component: str,
    metric: str | None,
    home: Path | None,
    start: str | None,
    end: str | None,
    as_csv: bool,
    plot: Path | None,
) -> None:
    """Show the metrics of a trial component (a run, a tracker, a job's), or one of them."""
    with own_calls(home) as calls:
        body = calls.get("/_clary/metrics", component=component, metric=metric, start=start, end=end)
        curves: list[Points] = [curve for curve in json.loads(body)["Curves"] if curve["Values"]]
        if not curves:
            raise click.ClickException(no_points(calls, component, metric))
    if plot:
        drawn, along = lines(curves, "Metric")
        plots.curves(plot, drawn, x=along, y=metric or "value")
        click.echo(f"Wrote {plot}", err=True)
    if as_csv:
        write_csv(curves)
    elif not plot:
        summarise(curves)


def no_points(calls: Calls, component: str, metric: str | None) -> str:
    """What to say of a component without points; it may have those of another metric."""
    if metric is None:
        return f"{component} has no points."
    known = metrics_of(json.loads(calls.get("/_clary/runs", filter=f"name = '{component}'"))["Columns"])
    return f"{component} has no points of {metric}. {said(metric, known)}"


def metrics_of(columns: Iterable[str]) -> list[str]:
    """Of the columns of a table of runs, the metrics that they tell of."""
    last = [name for name in columns if name.startswith("Metrics.") and name.endswith(".Last")]
    return [name.removeprefix("Metrics.").removesuffix(".Last") for name in last]


def summarise(curves: list[Points]) -> None:
    rows = []
    for curve in curves:
        values = curve["Values"]
        mean = math.fsum(values) / len(values)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        rows.append(
            (curve["Metric"], len(values), values[-1], min(values), max(values), mean, deviation,
             Curve(values, BARS))
        )  # fmt: skip
    names = ("metric", "points", "last", "min", "max", "avg", "stddev", "curve")
    table(names, rows, spare=(names.index("stddev"), names.index("avg"), names.index("points")))


def lines(curves: list[Points], label: str) -> tuple[dict[str, plots.Line], str]:
    """To draw, by each one's member `label`, and what runs along: steps where every point of all has one, else the
    seconds since the first point of the component."""
    if not any(None in curve["Steps"] for curve in curves):
        drawn: dict[str, plots.Line] = {}
        for curve in curves:
            pairs = sorted(zip(curve["Steps"], curve["Values"], strict=True), key=lambda pair: pair[0])
            drawn[curve[label]] = [step for step, _ in pairs], [value for _, value in pairs]
        return drawn, "step"
    starts: dict[str, float] = {}
    for curve in curves:
        starts[curve["Component"]] = min(curve["Times"][0], starts.get(curve["Component"], math.inf))
    return {
        curve[label]: ([time - starts[curve["Component"]] for time in curve["Times"]], curve["Values"])
        for curve in curves
    }, "seconds"


def write_csv(curves: list[Points]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("component", "metric", "time", "step", "value"))
    for curve in curves:
        own = curve["Component"], curve["Metric"]
        for time, step, value in zip(curve["Times"], curve["Steps"], curve["Values"], strict=True):
            writer.writerow((*own, repr(time), "" if step is None else step, repr(value)))
