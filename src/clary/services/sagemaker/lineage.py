"""Associations between lineage entities.

An association is an edge of its type between two entities: experiments' own (trial components among them)
and lineage's, but not between two of experiments' own. Deleting an entity takes its associations along.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from clary.api import Context, Document, ServiceError, operation
from clary.api.kind import user_context
from clary.domain.experiments_lineage import ASSOCIATIONS
from clary.services.sagemaker.lineage_entities import NOUNS
from clary.storage.ports import Edge, Resource, Transaction

EXPERIMENT_NOUNS = ("Experiment", "Trial", "TrialComponent")
PAGE = 10


def entity(ctx: Context, tx: Transaction, arn: str) -> Resource:
    """Raises ServiceError for what is not there or cannot be associated."""
    head, slash, tail = arn.partition("/")
    found = tx.resources.find(f"{head}{slash}{tail.lower()}")
    if found is None or found.account != ctx.account or found.kind not in (*NOUNS, *EXPERIMENT_NOUNS):
        raise ServiceError("ResourceNotFound", f"Lineage entity '{arn}' does not exist.")
    return found


def entity_type(resource: Resource) -> str:
    """An artifact's, action's or context's own type; what a job's trial component comes from."""
    if resource.kind in NOUNS:
        return str(resource.spec[f"{resource.kind}Type"])
    source: Document = resource.spec.get("Source", {})
    return str(source.get("SourceType", resource.kind))


@operation("sagemaker", "AddAssociation")
def add_association(ctx: Context, request: Document) -> Document:
    kind = request.get("AssociationType", "AssociatedWith")
    with ctx.begin() as tx:
        source = entity(ctx, tx, request["SourceArn"])
        destination = entity(ctx, tx, request["DestinationArn"])
        if source.kind in EXPERIMENT_NOUNS and destination.kind in EXPERIMENT_NOUNS:
            raise ServiceError(
                "ValidationException", "Associations cannot be created between two experiment entities."
            )
        if source.arn == destination.arn:
            raise ServiceError("ValidationException", "An entity cannot be associated with itself.")
        if tx.edges.list(source=source.arn, destination=destination.arn, kinds=ASSOCIATIONS, limit=1):
            raise ServiceError(
                "ValidationException",
                f"Association between '{source.arn}' and '{destination.arn}' already exists.",
            )
        tx.edges.put(Edge(kind, source.arn, destination.arn, ctx.now, {"CreatedBy": user_context(ctx)}))
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("sagemaker", "DeleteAssociation")
def delete_association(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        source = entity(ctx, tx, request["SourceArn"])
        destination = entity(ctx, tx, request["DestinationArn"])
        edges = tx.edges.list(source=source.arn, destination=destination.arn, kinds=ASSOCIATIONS)
        if not edges:
            raise ServiceError(
                "ResourceNotFound",
                f"Association between '{source.arn}' and '{destination.arn}' does not exist.",
            )
        for edge in edges:
            tx.edges.delete(edge.kind, edge.source, edge.destination)
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("sagemaker", "ListAssociations")
def list_associations(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        if request.get("SortBy", "CreationTime") == "CreationTime":
            shown, token = _by_time(ctx, tx, request)
        else:
            shown, token = page_of(_sorted(ctx, tx, request), request)
    return {"AssociationSummaries": shown, "NextToken": token}


SCAN = 500
"""Edges read at a time, of which those that the request asks for are kept."""


def _by_time(ctx: Context, tx: Transaction, request: Document) -> tuple[list[Document], str | None]:
    """As the store orders them: no more is read than the page needs."""
    wanted = int(request.get("MaxResults", PAGE))
    after = _place(request)
    found: list[tuple[Edge, Document]] = []
    while True:
        edges = _edges(tx, request, limit=SCAN, after=after)
        found += _associations(ctx, tx, request, edges)
        if len(found) > wanted:
            last = found[wanted - 1][0]
            token = _token([last.created, last.source, last.destination])
            return [shown for _, shown in found[:wanted]], token
        if len(edges) < SCAN:
            return [shown for _, shown in found], None
        after = edges[-1].created, edges[-1].source, edges[-1].destination


def _sorted(ctx: Context, tx: Transaction, request: Document) -> list[Document]:
    """By an end's ARN or type, which the store has no order for: all that match are read."""
    by = request["SortBy"]
    shown = [one for _, one in _associations(ctx, tx, request, _edges(tx, request))]
    shown.sort(
        key=lambda item: (item[by], item["SourceArn"], item["DestinationArn"]),
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    return shown


def _edges(
    tx: Transaction, request: Document, limit: int | None = None, after: tuple[float, str, str] | None = None
) -> Sequence[Edge]:
    source, destination = request.get("SourceArn"), request.get("DestinationArn")
    return tx.edges.list(
        source=None if source is None else entity_arn(source),
        destination=None if destination is None else entity_arn(destination),
        kinds=(request["AssociationType"],) if "AssociationType" in request else ASSOCIATIONS,
        limit=limit, after=after, descending=request.get("SortOrder", "Descending") == "Descending",
    )  # fmt: skip


def _associations(
    ctx: Context, tx: Transaction, request: Document, edges: Iterable[Edge]
) -> list[tuple[Edge, Document]]:
    """Those of the edges that the request asks for, in their order."""
    own = f"arn:aws:sagemaker:{ctx.region}:{ctx.account}:"
    edges = [
        edge
        for edge in edges
        if edge.source.startswith(own)
        and edge.created > request.get("CreatedAfter", float("-inf"))
        and edge.created < request.get("CreatedBefore", float("inf"))
    ]
    ends = tx.resources.find_many(arn for edge in edges for arn in (edge.source, edge.destination))
    found: list[tuple[Edge, Document]] = []
    for edge in edges:
        source, destination = ends.get(edge.source), ends.get(edge.destination)
        if (
            source is not None
            and destination is not None
            and is_type(source, request.get("SourceType"))
            and is_type(destination, request.get("DestinationType"))
        ):
            found.append((edge, _shown(edge, source, destination)))
    return found


def is_type(resource: Resource, wanted: str | None) -> bool:
    """Whether a type that is asked for is this entity's: clients also ask for the kind of entity (`Action`),
    and for a job by its own name (`TrainingJob`, which is shown as `SageMakerTrainingJob`)."""
    own = entity_type(resource)
    return wanted is None or wanted in (own, own.removeprefix("SageMaker"), resource.kind)


def entity_arn(arn: str) -> str:
    head, slash, tail = arn.partition("/")
    return f"{head}{slash}{tail.lower()}"


def _shown(edge: Edge, source: Resource, destination: Resource) -> Document:
    return {
        "SourceArn": edge.source,
        "DestinationArn": edge.destination,
        "SourceType": entity_type(source),
        "DestinationType": entity_type(destination),
        "AssociationType": edge.kind,
        "SourceName": source.document.get(f"{source.kind}Name", source.name),
        "DestinationName": destination.document.get(f"{destination.kind}Name", destination.name),
        "CreationTime": edge.created,
        **edge.document,
    }


def page_of(items: list[Document], request: Document) -> tuple[list[Document], str | None]:
    """A part of a list that is whole in memory; the token is the place of the next item in it."""
    start = 0
    if "NextToken" in request:
        start = _untoken(request["NextToken"])
        if not isinstance(start, int) or start < 0:
            raise _bad_token()
    end = start + request.get("MaxResults", PAGE)
    return items[start:end], _token(end) if end < len(items) else None


def _place(request: Document) -> tuple[float, str, str] | None:
    """The last association of the page before."""
    if "NextToken" not in request:
        return None
    match _untoken(request["NextToken"]):
        case [int() | float() as created, str() as source, str() as destination]:
            return created, source, destination
    raise _bad_token()


def _token(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _untoken(token: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise _bad_token() from None


def _bad_token() -> ServiceError:
    return ServiceError("ValidationException", "Invalid pagination token: NextToken.")
