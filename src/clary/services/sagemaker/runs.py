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

from clary.api import Answer, Asked, Context, ServiceError, extension
from clary.api.filters import both
from clary.api.pages import pages
from clary.domain.run_filter import BadFilter, parse
from clary.domain.search import Compare, Expression, Operator
from clary.services.sagemaker import runs_columns
from clary.services.sagemaker.experiments import Experiment
from clary.services.sagemaker.runs_documents import Table
from clary.services.sagemaker.runs_names import Names
from clary.services.sagemaker.search_expression import expression
from clary.services.sagemaker.search_rules import refuse_many
from clary.storage.ports import Query, Resource, Transaction


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
        if wanted == "arrow":
            return runs_columns.answer(ctx, tx, names, tx.columns.ids(query, limit), chosen)
        table = Table(tx, chosen)
        for page in pages(tx, query, limit):
            table.add(page)
    return {"Count": table.count, "Columns": table.columns}


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


def _where(ctx: Context, tx: Transaction, asked: Asked, names: Names) -> Expression | None:
    terms: list[Expression | None] = []
    if asked.query.get("experiment"):
        experiment = Experiment.load(ctx, tx, asked.query["experiment"])
        terms.append(Compare("Parents.ExperimentName", Operator.EQUALS, experiment.name))
    try:
        document = parse(asked.query.get("filter", ""), names.property)
    except BadFilter as error:
        raise ServiceError("ValidationException", str(error)) from None
    refuse_many(document)
    return both([*terms, expression(names.shape, document)])


def _limit(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise ServiceError("ValidationException", f"limit must be a whole number, not {text!r}.")
    return int(text)
