"""The table of runs by column, in batches, as an Arrow stream: memory does not grow with the runs.

The runs' ids are gathered first, 8 bytes each, in the order asked for. Each batch is a read of its own, so that a slow
client holds no old state of the store open: a run deleted meanwhile is left out, one changed meanwhile shows as it is.
Arrow wants each column's type ahead. Only a parameter's is not known: a column that has a text is one of texts. The
store's property names tell it where all runs there are agree; where they do not, and for the names of all columns where
none were asked for, the runs are looked through once before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec

from clary.api import Context
from clary.domain.experiments import PART_OF
from clary.services.sagemaker.runs_names import FIRST, UNASKED, Names
from clary.storage.ports import Rows, Transaction
from clary.wire import arrow
from clary.wire.messages import HttpResponse

BATCH = 2000
"""Runs read and sent at a time."""
_NUMBER, _TEXT = 1, 2


class _Status(msgspec.Struct, gc=False):
    PrimaryStatus: str | None = None


class _Source(msgspec.Struct, gc=False):
    SourceArn: str | None = None


class _Parameter(msgspec.Struct, gc=False):
    NumberValue: float | None = None
    StringValue: str | None = None

    @property
    def text(self) -> str | None:
        return self.StringValue if self.NumberValue is None else repr(self.NumberValue)


class _Run(msgspec.Struct, gc=False):
    """Of a trial component's document, what a table shows: the rest is passed over, not decoded."""

    TrialComponentName: str
    DisplayName: str | None = None
    Status: _Status = msgspec.field(default_factory=_Status)
    Source: _Source = msgspec.field(default_factory=_Source)
    Parameters: dict[str, _Parameter] = msgspec.field(default_factory=dict)


_decode = msgspec.json.Decoder(_Run).decode


def answer(
    ctx: Context, tx: Transaction, names: Names, ids: Sequence[int], chosen: Sequence[str]
) -> HttpResponse:
    """An Arrow stream of these runs; `chosen` columns, by default all that a run has."""
    types = _types(tx, names, ids, chosen)
    return HttpResponse(200, [("content-type", arrow.MEDIA_TYPE)], _batches(ctx, ids, types))


async def _batches(ctx: Context, ids: Sequence[int], types: dict[str, arrow.Type]) -> AsyncIterator[bytes]:
    stream, table = arrow.Stream(types), _Table(types)

    def read(start: int) -> bytes:
        with ctx.read() as tx:
            return stream.batch(table.columns(tx, ids[start : start + BATCH]))

    for start in range(0, max(len(ids), 1), BATCH):
        yield await asyncio.to_thread(read, start)
    yield stream.end()


def _types(tx: Transaction, names: Names, ids: Sequence[int], chosen: Sequence[str]) -> dict[str, arrow.Type]:
    if not chosen:
        return _found(tx, ids, metrics=True)
    types = {name: _type(name) for name in chosen}
    unsure = []
    for name in types:
        if name.startswith("Parameters."):
            kinds = (f"{name}.NumberValue" in names.used(f"{name}.NumberValue", 1)) * _NUMBER
            kinds |= (f"{name}.StringValue" in names.used(f"{name}.StringValue", 1)) * _TEXT
            types[name] = "float" if kinds == _NUMBER else "text"
            if kinds == _NUMBER | _TEXT:
                unsure.append(name)
    if unsure:
        found = _found(tx, ids, metrics=False)
        types |= {name: found[name] for name in unsure if name in found}
    return types


def _type(name: str) -> arrow.Type:
    return "float" if name == "CreationTime" or name.startswith("Metrics.") else "text"


def _found(tx: Transaction, ids: Sequence[int], *, metrics: bool) -> dict[str, arrow.Type]:
    """All columns of these runs, each where the first run that has it brings it in."""
    types = {name: _type(name) for name in FIRST}
    kinds: dict[str, int] = {}
    seen: set[str] = set()
    for start in range(0, len(ids), BATCH):
        rows = tx.columns.rows(ids[start : start + BATCH])
        series: Iterable[Sequence[str]] = tx.columns.series(rows.ids) if metrics else [()] * len(rows.ids)
        for spec, its in zip(rows.specs, series, strict=True):
            for name, value in _decode(spec).Parameters.items():
                kind = _NUMBER if value.NumberValue is not None else 0 if value.StringValue is None else _TEXT
                if name not in kinds:
                    types[f"Parameters.{name}"] = "text"
                    kinds[name] = kind
                else:
                    kinds[name] |= kind
            if not seen.issuperset(its):
                for metric in its:
                    types |= {f"Metrics.{metric}.{statistic}": "float" for statistic in UNASKED}
                seen.update(its)
    types |= {f"Parameters.{name}": "float" for name, kind in kinds.items() if kind == _NUMBER}
    return types


class _Table:
    def __init__(self, types: dict[str, arrow.Type]) -> None:
        self._types = types
        self._metrics: dict[str, tuple[str, str]] = {}
        """Metric and statistic, by the column's name."""
        for name in types:
            if name.startswith("Metrics."):
                metric, _, statistic = name.removeprefix("Metrics.").rpartition(".")
                self._metrics[name] = metric, statistic
        self._parents = "Trials" in types or "Experiments" in types
        self._trials: dict[str, tuple[str, str]] = {}
        """Name and experiment of each trial seen, by ARN."""
        self._shown: dict[tuple[str, ...], tuple[str | None, str | None]] = {(): (None, None)}
        """Trials and Experiments, by the ARNs of the trials that a run is part of."""

    def columns(self, tx: Transaction, ids: Sequence[int]) -> list[Sequence[Any]]:
        """In the order of the types."""
        rows = tx.columns.rows(ids)
        runs = [_decode(spec) for spec in rows.specs]
        columns: dict[str, Sequence[Any]] = {
            "Name": [run.TrialComponentName for run in runs],
            "DisplayName": [run.DisplayName for run in runs],
            "Status": [run.Status.PrimaryStatus for run in runs],
            "CreationTime": rows.created,
            "Source": [run.Source.SourceArn for run in runs],
        }
        if self._parents:
            shown = self._parents_of(tx, rows)
            columns["Trials"] = [trials for trials, _ in shown]
            columns["Experiments"] = [experiments for _, experiments in shown]
        found = tx.columns.statistics(rows.ids, list(self._metrics.values()))
        columns |= zip(self._metrics, found, strict=True)
        parameters = [run.Parameters for run in runs]
        for name, kind in self._types.items():
            if name.startswith("Parameters."):
                columns[name] = _parameter(parameters, name.removeprefix("Parameters."), kind)
        return [columns[name] for name in self._types]

    def _parents_of(self, tx: Transaction, rows: Rows) -> list[tuple[str | None, str | None]]:
        arns = [tuple(found) for found in tx.columns.destinations(rows.ids, PART_OF)]
        new = set(arns) - self._shown.keys()
        unknown = {arn for one in new for arn in one} - self._trials.keys()
        for arn, trial in tx.resources.find_many(unknown).items():
            self._trials[arn] = trial.spec["TrialName"], trial.spec["ExperimentName"]
        for one in new:
            pairs = [self._trials[arn] for arn in one if arn in self._trials]
            self._shown[one] = (
                ",".join(trial for trial, _ in pairs),
                ",".join(dict.fromkeys(experiment for _, experiment in pairs)),
            )
        return [self._shown[one] for one in arns]


def _parameter(runs: Sequence[dict[str, _Parameter]], name: str, kind: arrow.Type) -> Sequence[Any]:
    if kind == "float":
        return [None if (value := its.get(name)) is None else value.NumberValue for its in runs]
    return [None if (value := its.get(name)) is None else value.text for its in runs]
