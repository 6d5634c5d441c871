"""Tags of scalable targets."""

from __future__ import annotations

from clary.api import Context, Document, ServiceError, operation
from clary.services.autoscaling.names import TARGET
from clary.storage.ports import Transaction

LIMIT = 50


@operation("application-autoscaling", "TagResource")
def tag_resource(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        arn = _target(ctx, tx, request["ResourceARN"])
        if len({**tx.tags.get(arn), **request["Tags"]}) > LIMIT:
            raise ServiceError(
                "TooManyTagsException", f"A scalable target can have at most {LIMIT} tags.", ResourceName=arn
            )
        tx.tags.put(arn, request["Tags"])


@operation("application-autoscaling", "UntagResource")
def untag_resource(ctx: Context, request: Document) -> None:
    with ctx.begin() as tx:
        tx.tags.remove(_target(ctx, tx, request["ResourceARN"]), request["TagKeys"])


@operation("application-autoscaling", "ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        return {"Tags": tx.tags.get(_target(ctx, tx, request["ResourceARN"]))}


def _target(ctx: Context, tx: Transaction, arn: str) -> str:
    found = tx.resources.find(arn)
    if found is None or found.kind != TARGET or found.account != ctx.account:
        raise ServiceError(
            "ResourceNotFoundException", f"The specified resource doesn't exist: {arn}", ResourceName=arn
        )
    return arn
