"""Runs as a table: `GET /_clary/runs`, what a dataframe and the terminal are made from, columns in one answer.

A run is a trial component, whoever made it: a Run, a Tracker, a job.

    experiment  only runs of this experiment
    filter      as people type it (see `clary.domain.run_filter`): lr > 0.01 and Metrics.loss.Min < 1
    sort        a property; descending unless order=ascending; runs without it come last. By default by time made
    limit       rows, by default all
    columns     separated by commas; by default all that a row has
    format      json (by default) or arrow

Columns are called as Search calls them: Name, DisplayName, Status, CreationTime (epoch seconds), Experiments and
Trials (separated by commas), Source (a job's ARN), Parameters.NAME (a number or a text), and
Metrics.NAME.{Last,Min,Max,Avg,StdDev,Count}, of which the first three are there without being asked for. In a
filter, a sort and a list of columns a parameter's or a metric's name alone will do.

JSON: {"Count", "Columns": {name: values}}. In Arrow a column of numbers and texts is one of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.model import StructureShape

from clary.api import Answer, Asked, Context, Document, ServiceError, extension
from clary.api.filters import both
from clary.api.pages import pages
from clary.domain.experiments import PART_OF
from clary.domain.run_filter import BadFilter, parse
from clary.domain.search import Compare, Expression, Operator
from clary.services.sagemaker.experiments import Experiment
from clary.services.sagemaker.search import record_shape
from clary.services.sagemaker.search_expression import expression, properties
from clary.storage.ports import Query, Resource, Summary, Transaction
from clary.wire import arrow
from clary.wire.messages import HttpResponse

ROW: dict[str, str] = {
    "name": "TrialComponentName",
    "status": "Status.PrimaryStatus",
    "experiment": "Parents.ExperimentName",
    "experiments": "Parents.ExperimentName",
    "trial": "Parents.TrialName",
    "trials": "Parents.TrialName",
    "source": "Source.SourceArn",
}
"""Columns that Search calls otherwise, by their names in lower case."""
FIRST = ("Name", "DisplayName", "Status", "CreationTime", "Experiments", "Trials", "Source")
STATISTICS: dict[str, Callable[[Summary], float]] = {
    "Last": lambda summary: summary.last,
    "Min": lambda summary: summary.minimum,
    "Max": lambda summary: summary.maximum,
    "Avg": lambda summary: summary.average,
    "StdDev": lambda summary: summary.deviation,
    "Count": lambda summary: float(summary.count),
}
UNASKED = ("Last", "Min", "Max")


@extension("GET", "/_clary/runs")
def runs(ctx: Context, asked: Asked) -> Answer:
    wanted = asked.choice("format", "json", "arrow")
    descending = asked.choice("order", "descending", "ascending") == "descending"
    limit = _limit(asked.query.get("limit"))
    with ctx.read() as tx:
        names = Names(ctx, tx)
        query = Query(
            account=ctx.account, region=ctx.region, kinds=("TrialComponent",), where=_where(ctx, tx, asked, names),
            sort_by=names.sort(asked.query["sort"]) if asked.query.get("sort") else "CreationTime",
            descending=descending,
        )  # fmt: skip
        chosen = [names.column(name) for name in asked.query.get("columns", "").split(",") if name]
        table = Table(tx, chosen)
        for page in pages(tx, query, limit):
            table.add(page)
    if wanted == "json":
        return {"Count": table.count, "Columns": table.columns}
    columns = {name: _typed(values) for name, values in table.columns.items()}
    return HttpResponse(200, [("content-type", arrow.MEDIA_TYPE)], arrow.encode(columns))


@extension("GET", "/_clary/experiments")
def experiments(ctx: Context, _: Asked) -> Answer:
    """Every experiment, the newest first, and how many runs it has."""

    def count(tx: Transaction, experiment: Resource) -> int:
        where = Compare("Parents.ExperimentName", Operator.EQUALS, experiment.name)
        return tx.resources.count(Query(ctx.account, ctx.region, ("TrialComponent",), where))

    with ctx.read() as tx:
        return {
            "Experiments": [
                {
                    "ExperimentName": found.spec["ExperimentName"], "TrialComponents": count(tx, found),
                    "CreationTime": float(found.created), "LastModifiedTime": float(found.modified),
                }
                for page in pages(tx, Query(ctx.account, ctx.region, ("Experiment",)))
                for found in page
            ]
        }  # fmt: skip


class Names:
    """What a name of a parameter or a metric stands for: of those in use, a parameter before a metric."""

    def __init__(self, ctx: Context, tx: Transaction) -> None:
        self._ctx, self._tx = ctx, tx
        _, self._shape = record_shape("ExperimentTrialComponent")

    @property
    def shape(self) -> StructureShape:
        return self._shape

    def used(self, prefix: str) -> Sequence[str]:
        ctx = self._ctx
        return self._tx.resources.property_names(ctx.account, ctx.region, "TrialComponent", prefix, 100)

    def property(self, name: str) -> str:
        """As Search's filters call it."""
        if name.lower() in ROW:
            return ROW[name.lower()]
        head = name.partition(".")[0].lower()
        if head in ("tags", "parents") or any(member.lower() == head for member in self._shape.members):
            return name
        if self.used(f"Parameters.{name}."):
            return f"Parameters.{name}"
        metric, _, last = name.rpartition(".")
        is_statistic = last.lower() in {own.lower() for own in STATISTICS}
        if self.used(f"Metrics.{metric if metric and is_statistic else name}."):
            return f"Metrics.{name}"
        return f"Parameters.{name}"

    def sort(self, name: str) -> str:
        """The store's path."""
        found = [item.path for item in properties(self._shape, self.property(name))]
        return next((path for path in found if path in self.used(path)), found[0])

    def column(self, name: str) -> str:
        first = next((own for own in FIRST if own.lower() == name.lower()), None)
        if first is not None:
            return first
        name = self.property(name)
        head, _, rest = name.partition(".")
        if head.lower() == "parameters" and rest:
            return f"Parameters.{rest}"
        if head.lower() == "metrics" and rest:
            metric, _, last = rest.rpartition(".")
            statistic = next((own for own in STATISTICS if own.lower() == last.lower()), None)
            return f"Metrics.{metric}.{statistic}" if metric and statistic else f"Metrics.{rest}.Last"
        raise ServiceError("ValidationException", f"There is no column {name}.")


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


def _where(ctx: Context, tx: Transaction, asked: Asked, names: Names) -> Expression | None:
    terms: list[Expression | None] = []
    if asked.query.get("experiment"):
        experiment = Experiment.load(ctx, tx, asked.query["experiment"])
        terms.append(Compare("Parents.ExperimentName", Operator.EQUALS, experiment.name))
    try:
        terms.append(expression(names.shape, parse(asked.query.get("filter", ""), names.property)))
    except BadFilter as error:
        raise ServiceError("ValidationException", str(error)) from None
    return both(terms)


def _limit(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise ServiceError("ValidationException", f"limit must be a whole number, not {text!r}.")
    return int(text)


def _typed(values: list[Any]) -> tuple[arrow.Type, Sequence[Any]]:
    types = set(map(type, values))
    types.discard(type(None))
    if types == {float}:
        return "float", values
    if str not in types:
        return ("float", values) if types else ("text", values)
    if types == {str}:
        return "text", values
    return "text", [value if value is None or isinstance(value, str) else repr(value) for value in values]
