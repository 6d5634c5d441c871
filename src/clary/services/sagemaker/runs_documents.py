"""The table of runs by row, from their documents: what JSON is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clary.api import Document
from clary.domain.experiments import PART_OF
from clary.services.sagemaker.runs_names import FIRST, STATISTICS, UNASKED
from clary.storage.ports import Resource, Transaction


class Table:
    """Columns of runs, filled page by page."""

    def __init__(self, tx: Transaction, chosen: Sequence[str]) -> None:
        self._tx, self._chosen = tx, chosen
        self.count = 0
        self.columns: dict[str, list[Any]] = {name: [] for name in chosen or FIRST}
        self._parents = not chosen or "Trials" in chosen or "Experiments" in chosen
        self._metrics = not chosen or any(name.startswith("Metrics.") for name in chosen)
        self._statistics = [
            (name, compute)
            for name, compute in STATISTICS.items()
            if (name in UNASKED if not chosen else any(column.endswith(f".{name}") for column in chosen))
        ]
        self._trials: dict[str, tuple[str, str]] = {}
        """Name and experiment of each trial seen, by ARN."""

    def add(self, page: Sequence[Resource]) -> None:
        arns = [run.arn for run in page]
        summaries = self._tx.metrics.summaries(arns) if self._metrics else {}
        parents = self._parents_of(arns) if self._parents else {}
        rows = [_row(run) for run in page]
        for row, arn in zip(rows, arns, strict=True):
            row.update(parents.get(arn, ()))
            for summary in summaries.get(arn, ()):
                for statistic, compute in self._statistics:
                    row[f"Metrics.{summary.name}.{statistic}"] = compute(summary)
        if not self._chosen:
            for name in dict.fromkeys(name for row in rows for name in row):
                if name not in self.columns:
                    self.columns[name] = [None] * self.count
        for name, column in self.columns.items():
            column.extend([row.get(name) for row in rows])
        self.count += len(rows)

    def _parents_of(self, arns: Sequence[str]) -> dict[str, Document]:
        found = self._tx.edges.of_many(sources=arns, kinds=(PART_OF,))
        unknown = {edge.destination for edges in found.values() for edge in edges} - self._trials.keys()
        for arn, trial in self._tx.resources.find_many(unknown).items():
            self._trials[arn] = trial.spec["TrialName"], trial.spec["ExperimentName"]
        answer: dict[str, Document] = {}
        for arn, edges in found.items():
            pairs = [self._trials[edge.destination] for edge in edges if edge.destination in self._trials]
            answer[arn] = {
                "Trials": ",".join(trial for trial, _ in pairs),
                "Experiments": ",".join(dict.fromkeys(experiment for _, experiment in pairs)),
            }
        return answer


def _row(run: Resource) -> Document:
    spec = run.spec
    row: Document = {
        "Name": spec["TrialComponentName"],
        "DisplayName": spec.get("DisplayName"),
        "Status": spec.get("Status", {}).get("PrimaryStatus"),
        "CreationTime": run.created,
        "Source": spec.get("Source", {}).get("SourceArn"),
    }
    for name, value in spec.get("Parameters", {}).items():
        number = value.get("NumberValue")
        row[f"Parameters.{name}"] = value.get("StringValue") if number is None else float(number)
    return row
