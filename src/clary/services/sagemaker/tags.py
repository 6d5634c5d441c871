"""Tags of any resource, by its ARN."""

from __future__ import annotations

from clary.api import Context, Document, ServiceError, operation
from clary.api.tags import given_tags
from clary.storage.ports import Resource, Transaction

LIMIT = 50
"""Tags a resource, as on AWS."""


@operation("sagemaker", "AddTags")
def add_tags(ctx: Context, request: Document) -> Document:
    """Answers with all tags that the resource has now."""
    new = given_tags(request["Tags"])
    with ctx.begin() as tx:
        resource = _tagged(ctx, tx, request["ResourceArn"])
        tags = {**tx.tags.get(resource.arn), **new}
        if len(tags) > LIMIT:
            raise ServiceError("ValidationException", f"A resource can have at most {LIMIT} tags.")
        tx.tags.put(resource.arn, new)
    return {"Tags": _shown(tags)}


@operation("sagemaker", "ListTags")
def list_tags(ctx: Context, request: Document) -> Document:
    """All at once: a resource has no more tags than the smallest page that can be asked for."""
    with ctx.read() as tx:
        return {"Tags": _shown(tx.tags.get(_tagged(ctx, tx, request["ResourceArn"]).arn))}


@operation("sagemaker", "DeleteTags")
def delete_tags(ctx: Context, request: Document) -> Document:
    """Keys that are not there are no error."""
    with ctx.begin() as tx:
        tx.tags.remove(_tagged(ctx, tx, request["ResourceArn"]).arn, request["TagKeys"])
    return {}


def _tagged(ctx: Context, tx: Transaction, arn: str) -> Resource:
    head, slash, tail = arn.partition("/")
    resource = tx.resources.find(f"{head}{slash}{tail.lower()}") or tx.resources.find(arn)
    if resource is None or resource.account != ctx.account:
        raise ServiceError("ValidationException", f"Requested resource not found: {arn}")
    return resource


def _shown(tags: dict[str, str]) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
