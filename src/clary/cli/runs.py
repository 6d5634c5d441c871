"""`clary runs`: runs as a table, as plots, and as files for other tools."""

from __future__ import annotations

import csv
import importlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from clary.cli import plots
from clary.cli.connect import own_calls
from clary.cli.metrics import lines, metrics_of
from clary.cli.options import home_option
from clary.cli.tables import Curve, Sheet, shown
from clary.clients.calls import Calls
from clary.domain.near_names import said
from clary.wire import arrow

ROWS = 50
CURVES = 200
"""Runs whose curves are fetched and drawn at most."""
LONG = 60
"""Characters of a text that is no factor but a fact."""

Columns = Mapping[str, Sequence[Any]]


@click.command()
@click.argument("experiment", required=False)
@home_option
@click.option("--sort", help="Sort by a metric, a parameter or another column.")
@click.option(
    "--ascending/--descending", default=None, help="Which way; by default the greatest or newest first."
)
@click.option("--filter", "where", help="For example: \"lr > 0.01 and model = 'resnet' and loss < 1\".")
@click.option("--columns", help="These columns only, separated by commas.")
@click.option("--limit", type=click.IntRange(1), help=f"Rows; in the terminal {ROWS} by default.")
@click.option(
    "--metric", help="The metric whose curves are shown; by default the one sorted by, or the first."
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw into this file instead.")
@click.option("--kind", type=click.Choice(["bar", "curve", "parallel"]), default="bar", show_default=True,
              help="What --plot draws.")  # fmt: skip
@click.option(
    "--export", type=click.Path(dir_okay=False, path_type=Path), help="Write FILE.csv, .parquet or .arrow."
)
def runs(
    experiment: str | None,
    home: Path | None,
    sort: str | None,
    ascending: bool | None,
    where: str | None,
    columns: str | None,
    limit: int | None,
    metric: str | None,
    plot: Path | None,
    kind: str,
    export: Path | None,
) -> None:
    """Show runs (trial components: runs, trackers, jobs), of one experiment or of all."""
    asked: dict[str, Any] = {
        "experiment": experiment, "sort": sort, "filter": where, "columns": columns, "limit": limit,
        "order": None if ascending is None else "ascending" if ascending else "descending",
    }  # fmt: skip
    with own_calls(home) as calls:
        if export:
            try:
                count = write(export, calls, asked)
            except OSError as error:
                raise click.ClickException(f"{export} cannot be written: {error.strerror}.") from error
            click.echo(f"Wrote {count:,} runs to {export}", err=True)
            return
        answer = json.loads(calls.get("/_clary/runs", **{**asked, "limit": limit or ROWS}))
        found: Columns = answer["Columns"]
        if metric and columns is None and found and f"Metrics.{metric}.Last" not in found and answer["Count"]:
            told = said(metric, metrics_of(found))
            raise click.ClickException(f"None of these runs has the metric {metric}. {told}")
        metric = metric or first_metric(found, sort)
        if plot:
            draw(plot, kind, calls, found, metric)
            click.echo(f"Wrote {plot}", err=True)
            return
        curves = curves_of(calls, found, metric) if columns is None else {}
    if answer["Count"] == 0:
        click.echo("No runs.", err=True)
        return
    show(found, metric, curves, chosen=columns is not None)
    if limit is None and answer["Count"] == ROWS:
        click.echo(f"The first {ROWS}; more with --limit, all with --export.", err=True)


def show(found: Columns, metric: str | None, curves: Mapping[str, list[float]], *, chosen: bool) -> None:
    """The names, what differs between the runs, and a curve each."""
    names = list(found) if chosen else [name for name in found if name in worth(found)]
    columns = [cells(name, found[name]) for name in names]
    titles = names if chosen else [short(name) for name in names]
    if any(len(curve) > 1 for curve in curves.values()):
        titles = [*titles, f"{metric} curve"]
        columns.append([Curve(curves.get(name, ())) for name in found["Name"]])
    rows = list(zip(*columns, strict=True))
    left = Sheet(titles, rows, () if chosen else spare(found, names, metric)).show()
    alike = [place for place in left if same(columns[place])]
    if alike:
        told = ", ".join(f"{titles[place]} {shown(columns[place][0])}" for place in alike)
        click.echo(f"The same in all: {told}", err=True)
    if len(alike) < len(left):
        gone = ", ".join(titles[place] for place in left if place not in alike)
        click.echo(f"Left out in this width: {gone}. --columns chooses.", err=True)


def spare(found: Columns, names: Sequence[str], metric: str | None) -> list[int]:
    """The places of columns that a narrow terminal can do without, the least missed first: parameters that are the same in
    all runs, other metrics, other parameters, the status."""
    parameters = [place for place, name in enumerate(names) if name.startswith("Parameters.")]
    metrics = [
        place
        for place, name in enumerate(names)
        if name.startswith("Metrics.") and name != f"Metrics.{metric}.Last"
    ]
    alike = [place for place in parameters if same(found[names[place]])]
    return [
        *reversed(alike),
        *reversed(metrics),
        *(place for place in reversed(parameters) if place not in alike),
        *(place for place, name in enumerate(names) if name == "Status"),
    ]


def same(values: Sequence[Any]) -> bool:
    return len(values) > 1 and all(value == values[0] for value in values)


def worth(found: Columns) -> set[str]:
    """Columns that tell runs apart: the name, the status, parameters (facts about instances only where they differ; the
    SDK's own, and places and other long texts, never) and metrics' last values."""
    wanted = {"Name", "Status"}
    for name, values in found.items():
        if name.startswith("Parameters.SageMaker."):
            if len(set(values)) > 1:
                wanted.add(name)
        elif name.startswith("Parameters.sagemaker_") or any(len(str(value)) > LONG for value in values):
            continue
        elif name.startswith("Parameters.") or (name.startswith("Metrics.") and name.endswith(".Last")):
            wanted.add(name)
    return wanted


def short(name: str) -> str:
    if name in ("Name", "Status"):
        return name.lower()
    return name.removeprefix("Parameters.").removeprefix("Metrics.").removesuffix(".Last")


def cells(name: str, values: Sequence[Any]) -> Sequence[Any]:
    if name == "CreationTime":
        return [time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value)) for value in values]
    return values


def first_metric(found: Columns, sort: str | None) -> str | None:
    metrics = metrics_of(found)
    return next(
        (name for name in metrics if sort in (name, f"Metrics.{name}")), metrics[0] if metrics else None
    )


def curves_of(calls: Calls, found: Columns, metric: str | None) -> dict[str, list[float]]:
    return {curve["Component"]: curve["Values"] for curve in fetched(calls, found, metric)}


def fetched(calls: Calls, found: Columns, metric: str | None) -> list[dict[str, Any]]:
    names = [str(name) for name in found.get("Name", ())][:CURVES]
    if metric is None or not names:
        return []
    answer = json.loads(calls.get("/_clary/metrics", component=",".join(names), metric=metric))
    return [curve for curve in answer["Curves"] if curve["Values"]]


def draw(path: Path, kind: str, calls: Calls, found: Columns, metric: str | None) -> None:
    if metric is None:
        raise click.ClickException("These runs have no metric to draw.")
    column = f"Metrics.{metric}.Last"
    if kind != "curve" and column not in found:
        raise click.ClickException(f"No run has the metric {metric}.")
    if kind == "curve":
        curves = fetched(calls, found, metric)
        if not curves:
            raise click.ClickException(f"No run has points of {metric}.")
        drawn, along = lines(curves, "Component")
        plots.curves(path, drawn, x=along, y=metric)
    elif kind == "bar":
        pairs = zip(found["Name"], found[column], strict=True)
        plots.bars(path, {name: value for name, value in pairs if value is not None}, label=metric)
    else:
        names = [name for name in found if name.startswith("Parameters.") and name in worth(found)]
        names = [*[name for name in names if len(set(found[name])) > 1][:12], column]
        rows = list(zip(*(found[name] for name in names), strict=True))
        plots.parallel(path, [short(name) for name in names], rows)


def write(path: Path, calls: Calls, asked: Mapping[str, Any]) -> int:
    """The number of runs. Raises `ClickException` for an ending that is none of the three."""
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet", ".arrow"):
        raise click.ClickException(f"{path}: the name must end in .csv, .parquet or .arrow.")
    body = calls.get("/_clary/runs", **asked, format="arrow")
    if kind == ".arrow":
        path.write_bytes(body)
        return len(arrow.decode(body).get("Name", ()))
    if kind == ".parquet":
        try:
            ipc, parquet = importlib.import_module("pyarrow.ipc"), importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise click.ClickException("Parquet needs pyarrow: pip install 'clary[data]'") from None
        found = ipc.open_stream(body).read_all()
        parquet.write_table(found, path)
        return int(found.num_rows)
    return write_csv(path, arrow.decode(body))


def write_csv(path: Path, found: Columns) -> int:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(found)
        writer.writerows(zip(*found.values(), strict=True))
    return len(next(iter(found.values()), ()))
