"""Experiments as pandas dataframes, for notebooks: a whole experiment in one call.

    from clary.experiments import curves, dataframe

    runs = dataframe("my-experiment", filter="lr > 0.01", sort="loss", ascending=True)
    loss = curves(runs.Name[0], "loss")

They ask the server that `clary env` names in the environment, or else the one that runs in `home` (by default
CLARY_HOME, else ~/.clary). pandas is the extra `data`: pip install 'clary[data]'.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clary.clients import Connection, discover
from clary.clients.calls import Calls
from clary.wire import arrow


def dataframe(
    experiment: str | None = None,
    *,
    filter: str | None = None,
    sort: str | None = None,
    ascending: bool = False,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    home: Path | str | None = None,
) -> Any:
    """The runs of an experiment, or of all: a `pandas.DataFrame` with a row a run.

    Columns: Name, DisplayName, Status, CreationTime (UTC), Experiments, Trials, Source, Parameters.NAME (numbers, or
    texts where one run has a text), Metrics.NAME.Last, .Min and .Max; what a run lacks is NaN or None. `columns`
    chooses, and has .Avg, .StdDev and .Count too. `filter` and `sort` take any of these names, and of a parameter or
    a metric the name alone.

    Raises `clary.clients.calls.Refused` for an unknown experiment, a name that no run has (with those that may have
    been meant) or a filter that cannot be read,
    `clary.clients.NotServing` where no server is found, `ImportError` without pandas.
    """
    body = _calls(home).get(
        "/_clary/runs", experiment=experiment, filter=filter, sort=sort, limit=limit,
        order="ascending" if ascending else None, columns=",".join(columns) if columns else None, format="arrow",
    )  # fmt: skip
    return _frame(body, "CreationTime")


def curves(
    component: str | Sequence[str],
    metric: str | None = None,
    *,
    start: float | str | None = None,
    end: float | str | None = None,
    home: Path | str | None = None,
) -> Any:
    """Every point of one or several runs' metrics: a `pandas.DataFrame` with the columns Time (UTC), Step and Value,
    and before them Component and Metric unless one of each was asked for. `start` and `end` (epoch seconds or ISO
    8601) bound the time, the end excluded. Raises as `dataframe` does."""
    names = component if isinstance(component, str) else ",".join(component)
    body = _calls(home).get(
        "/_clary/metrics", component=names, metric=metric, start=start, end=end, format="arrow"
    )
    return _frame(body, "Time")


def _frame(body: bytes, time: str) -> Any:
    pandas = importlib.import_module("pandas")
    frame = pandas.DataFrame(arrow.decode(body))
    if time in frame:
        frame[time] = pandas.to_datetime(frame[time], unit="s", utc=True)
    return frame


def _calls(home: Path | str | None) -> Calls:
    url = os.environ.get("AWS_ENDPOINT_URL")
    if home is not None or not url:
        return Calls(discover(None if home is None else Path(home)))
    return Calls(
        Connection(
            url, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"],
            os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "us-east-1"), Path(),
            os.environ.get("AWS_SESSION_TOKEN") or None,
        )
    )  # fmt: skip
