"""Trials: each belongs to one experiment and holds any number of trial components.

AWS's quota of trial components in a trial (50, adjustable) is not kept: `Run` puts every run of an
experiment into one trial.
"""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document, Kind, ServiceError
from clary.domain.experiments import PART_OF
from clary.domain.search import Compare, Expression, Operator
from clary.services.sagemaker.experiments import Experiment, show_name
from clary.storage.ports import Resource, Transaction

Trial = Kind(
    "sagemaker",
    "Trial",
    arn="experiment-trial",
    exists="ValidationException",
    missing=("ResourceNotFound", "Trial '{arn}' does not exist."),
    summary={"TrialSource": "Source"},
)
Trial.serves("Create", "Describe", "List", "Update", "Delete")
Trial.on_create(show_name)


@Trial.on_create
def put_into_experiment(ctx: Context, tx: Transaction, trial: Resource) -> Resource:
    return in_experiment(trial, Experiment.load(ctx, tx, trial.spec["ExperimentName"]))


def in_experiment(trial: Resource, experiment: Resource) -> Resource:
    return replace(
        trial, parent=experiment.arn, spec={**trial.spec, "ExperimentName": experiment.spec["ExperimentName"]}
    )


@Trial.on_list
def of_experiment(ctx: Context, tx: Transaction, request: Document) -> Expression | None:
    if "ExperimentName" not in request:
        return None
    experiment = Experiment.load(ctx, tx, request["ExperimentName"])
    return Compare("ParentArn", Operator.EQUALS, experiment.arn)


@Trial.on_delete
def refuse_with_components(_ctx: Context, tx: Transaction, trial: Resource) -> None:
    if tx.edges.list(destination=trial.arn, kinds=(PART_OF,), limit=1):
        raise ServiceError(
            "ValidationException",
            f"Trial '{trial.arn}' is linked to 1 or more trial components and cannot be deleted.",
        )
