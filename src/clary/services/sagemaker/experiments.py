"""Experiments: the top of the tree. An experiment holds trials, a trial holds trial components.

The tree is built from the top and taken down from the bottom: what still holds something refuses to go.
"""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Kind, ServiceError
from clary.domain.search import Compare, Operator
from clary.storage.ports import Query, Resource, Transaction

Experiment = Kind(
    "sagemaker",
    "Experiment",
    exists="ValidationException",
    missing=("ResourceNotFound", "Experiment '{arn}' does not exist."),
    summary={"ExperimentSource": "Source"},
)
Experiment.serves("Create", "Describe", "List", "Update", "Delete")


def show_name(_ctx: Context, _tx: Transaction, resource: Resource) -> Resource | None:
    """What is given no DisplayName is displayed by its name."""
    if "DisplayName" in resource.spec:
        return None
    return replace(resource, spec={**resource.spec, "DisplayName": resource.name})


Experiment.on_create(show_name)


@Experiment.on_delete
def refuse_with_trials(ctx: Context, tx: Transaction, experiment: Resource) -> None:
    trials = Query(
        account=ctx.account, region=ctx.region, kinds=("Trial",),
        where=Compare("ParentArn", Operator.EQUALS, experiment.arn), limit=1,
    )  # fmt: skip
    if tx.resources.list(trials).items:
        raise ServiceError(
            "ValidationException",
            f"Experiment '{experiment.arn}' is linked to 1 or more trials and cannot be deleted.",
        )
