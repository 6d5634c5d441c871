"""Associations between lineage entities.

An association is an edge of its type between two entities: experiments' own (trial components among them)
and lineage's, but not between two of experiments' own. Deleting an entity takes its associations along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from clary.api import Context, Document, ServiceError, operation
from clary.api.kind import user_context
from clary.domain.experiments_lineage import ASSOCIATIONS
from clary.services.sagemaker import lineage_pages as pages
from clary.services.sagemaker.lineage_entities import NOUNS
from clary.storage.ports import Edge, EdgeOrder, Resource, Transaction

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


SCAN = 500
"""Edges read at a time, of which those that the request asks for are kept."""
ORDERS: dict[str, EdgeOrder] = {
    "CreationTime": "created",
    "SourceArn": "source",
    "DestinationArn": "destination",
}
"""What the store has an order for."""


@operation("sagemaker", "ListAssociations")
def list_associations(ctx: Context, request: Document) -> Document:
    """A page ends at an association, and the next begins behind it, whatever comes and goes meanwhile."""
    by, wanted = request.get("SortBy", "CreationTime"), int(request.get("MaxResults", PAGE))
    with ctx.read() as tx:
        page = _in_order(ctx, tx, request, wanted) if by in ORDERS else _by_type(ctx, tx, request, wanted)
    answer: Document = {"AssociationSummaries": [one.shown for one in page[:wanted]]}
    if len(page) > wanted:
        answer["NextToken"] = pages.token(page[wanted - 1].place)
    return answer


class _Association(NamedTuple):
    shown: Document
    place: tuple[Any, ...]
    """What it is sorted by."""


def _in_order(ctx: Context, tx: Transaction, request: Document, wanted: int) -> list[_Association]:
    """As the store orders them: no more is read than the page needs, and one to know whether more follow."""
    after = pages.edge(request)
    found: list[_Association] = []
    while True:
        edges = _edges(tx, request, after, ORDERS[request.get("SortBy", "CreationTime")])
        found += _associations(ctx, tx, request, edges)
        if len(found) > wanted or len(edges) < SCAN:
            return found[: wanted + 1]
        after = edges[-1].created, edges[-1].source, edges[-1].destination


def _by_type(ctx: Context, tx: Transaction, request: Document, wanted: int) -> list[_Association]:
    """By an end's type, which the store has no order for: all that match are looked at, and as many kept as the page needs."""
    by, descending = request["SortBy"], request.get("SortOrder", "Descending") == "Descending"
    last = pages.typed_edge(request)
    kept: list[_Association] = []
    after = None
    while True:
        edges = _edges(tx, request, after, "created")
        for shown, place in _associations(ctx, tx, request, edges):
            typed = (shown[by], *place)
            if last is None or (typed < last if descending else typed > last):
                kept.append(_Association(shown, typed))
        kept.sort(key=lambda one: one.place, reverse=descending)
        del kept[wanted + 1 :]
        if len(edges) < SCAN:
            return kept
        after = edges[-1].created, edges[-1].source, edges[-1].destination


def _edges(
    tx: Transaction, request: Document, after: tuple[float, str, str] | None, by: EdgeOrder
) -> Sequence[Edge]:
    source, destination = request.get("SourceArn"), request.get("DestinationArn")
    return tx.edges.list(
        source=None if source is None else entity_arn(source),
        destination=None if destination is None else entity_arn(destination),
        kinds=(request["AssociationType"],) if "AssociationType" in request else ASSOCIATIONS,
        limit=SCAN, after=after, descending=request.get("SortOrder", "Descending") == "Descending", by=by,
    )  # fmt: skip


def _associations(
    ctx: Context, tx: Transaction, request: Document, edges: Iterable[Edge]
) -> list[_Association]:
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
    found: list[_Association] = []
    for edge in edges:
        source, destination = ends.get(edge.source), ends.get(edge.destination)
        if (
            source is not None
            and destination is not None
            and is_type(source, request.get("SourceType"))
            and is_type(destination, request.get("DestinationType"))
        ):
            place = edge.created, edge.source, edge.destination
            found.append(_Association(_shown(edge, source, destination), place))
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
