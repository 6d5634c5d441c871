"""Deleting an experiment whole, in one call and one transaction, and having it back.

    POST /_clary/experiments/delete    {"ExperimentName", "DryRun"}: what goes and what stays; with DryRun, what would
    POST /_clary/experiments/restore   {"ExperimentName", "Id"}: of this name, the one that was deleted last, or that whose
                                       Id begins so
    GET  /_clary/experiments/deleted   those that can be restored

What is deleted so is kept out of sight for `undo_days`; AWS's own operations delete for good, as they do there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TypeVar

from clary.api import Answer, Asked, Context, Document, ServiceError, extension
from clary.api.pages import pages
from clary.domain.experiments import PART_OF
from clary.domain.experiments_deletion import Plan, plan
from clary.domain.near_names import said
from clary.domain.search import Both, Compare, Operator
from clary.services.sagemaker.components import update_job_component
from clary.services.sagemaker.experiments import Experiment
from clary.storage.ports import Discarded, Exists, Query, Resource, Store, Transaction

DAY = 86400.0
T = TypeVar("T")


@extension("POST", "/_clary/experiments/delete")
def delete_experiment(ctx: Context, asked: Asked) -> Answer:
    dry, days = bool(_member(asked, "DryRun", bool, False)), ctx.settings.undo_days
    name = _member(asked, "ExperimentName", str)
    with ctx.read() if dry else ctx.begin() as tx:
        experiment = Experiment.load(ctx, tx, name)
        found = _plan(tx, experiment)
        answer: Document = {**_shown(tx, experiment, found), "DryRun": dry}
        if not dry and days > 0:
            id, document = (
                uuid.uuid4().hex,
                {"Trials": len(found.trials), "TrialComponents": len(found.components)},
            )
            tx.trash.put(
                Discarded(
                    id, ctx.account, ctx.region, "Experiment", answer["ExperimentName"], ctx.now, document
                ),
                found.gone,
            )
        elif not dry:
            for arn in found.gone:
                tx.resources.delete(arn)
    if not dry:
        purge(ctx.store, ctx.now, days)
    return {**answer, "RestorableUntil": ctx.now + days * DAY} if days > 0 else answer


@extension("POST", "/_clary/experiments/restore")
def restore_experiment(ctx: Context, asked: Asked) -> Answer:
    name, id = _member(asked, "ExperimentName", str), _member(asked, "Id", str, "", empty=True)
    try:
        with ctx.begin() as tx:
            held = _held(ctx, tx, name, id)
            tx.trash.restore(held.id)
            _catch_up(ctx, tx, Experiment.load(ctx, tx, name))
            return _restorable(held, ctx.settings.undo_days)
    except Exists as error:
        raise ServiceError(
            "ValidationException", f"Experiment '{name}' cannot be restored: '{error}' is there again."
        ) from None


def _held(ctx: Context, tx: Transaction, name: str, id: str) -> Discarded:
    """The newest of the name whose id begins so. Raises ServiceError."""
    held = tx.trash.list(ctx.account, ctx.region)
    named = [one for one in held if one.name.lower() == name.lower()]
    for one in named:
        if one.id.startswith(id):
            return one
    told = said(id, [one.id for one in named]) if named else said(name, [one.name for one in held])
    of = f"with the id {id!r}" if named else f"'{name}'"
    raise ServiceError("ResourceNotFound", f"No deleted experiment {of} can be restored. {told}")


@extension("GET", "/_clary/experiments/deleted")
def list_deleted(ctx: Context, asked: Asked) -> Answer:
    with ctx.read() as tx:
        held = tx.trash.list(ctx.account, ctx.region)
    return {"Experiments": [_restorable(one, ctx.settings.undo_days) for one in held]}


def purge(store: Store, now: float, days: float) -> None:
    """Forget for good what was deleted more than `days` ago."""
    with store.begin() as tx:
        tx.trash.purge(now - days * DAY)


def _catch_up(ctx: Context, tx: Transaction, experiment: Resource) -> None:
    """Jobs went on while their components were out of sight."""
    of_jobs = Both(
        (
            Compare("Parents.ExperimentName", Operator.EQUALS, experiment.name),
            Compare("Source.SourceArn", Operator.EXISTS),
        )
    )
    for page in pages(tx, Query(ctx.account, ctx.region, ("TrialComponent",), of_jobs)):
        jobs = tx.resources.find_many([component.spec["Source"]["SourceArn"] for component in page])
        for job in jobs.values():
            update_job_component(tx, job, ctx.now)


def _plan(tx: Transaction, experiment: Resource) -> Plan:
    query = Query(
        experiment.account, experiment.region, ("Trial",),
        where=Compare("ParentArn", Operator.EQUALS, experiment.arn), descending=False,
    )  # fmt: skip
    members = {
        trial.arn: [edge.source for edge in tx.edges.list(destination=trial.arn, kinds=(PART_OF,))]
        for page in pages(tx, query)
        for trial in page
    }

    def trials_of(component: str) -> Iterable[str]:
        return [edge.destination for edge in tx.edges.list(source=component, kinds=(PART_OF,))]

    return plan(experiment.arn, members, trials_of)


def _shown(tx: Transaction, experiment: Resource, found: Plan) -> Document:
    def name(arn: str) -> str:
        resource = tx.resources.get(arn)
        return str(resource.spec[f"{resource.kind}Name"])

    return {
        "ExperimentName": name(experiment.arn),
        "Trials": [name(arn) for arn in found.trials],
        "TrialComponents": [name(arn) for arn in found.components],
        "Kept": [
            {"TrialComponentName": name(arn), "Trials": [name(trial) for trial in trials]}
            for arn, trials in found.kept.items()
        ],
    }


def _restorable(held: Discarded, days: float) -> Document:
    return {
        "ExperimentName": held.name, "Id": held.id, "DeletionTime": held.time,
        "RestorableUntil": held.time + days * DAY, **held.document,
    }  # fmt: skip


def _member(asked: Asked, name: str, kind: type[T], default: T | None = None, *, empty: bool = False) -> T:
    """Of the body. Raises ServiceError."""
    value = asked.document.get(name, default)
    if not isinstance(value, kind) or (value == "" and not empty):
        raise ServiceError("ValidationException", f"{name} must be given, as a {kind.__name__}.")
    return value
