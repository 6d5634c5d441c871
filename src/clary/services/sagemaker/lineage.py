"""Associations between lineage entities.

An association is an edge of its type between two entities: experiments' own (trial components among them)
and lineage's, but not between two of experiments' own. Deleting an entity takes its associations along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice

from clary.api import Context, Document, ServiceError, operation
from clary.api.kind import user_context
from clary.domain.experiments_lineage import ASSOCIATIONS
from clary.services.sagemaker import lineage_pages as pages
from clary.services.sagemaker.lineage_entities import NOUNS, association, entity_type
from clary.storage.ports import Edge, EdgeOrder, EdgePlace, Resource, Transaction

EXPERIMENT_NOUNS = ("Experiment", "Trial", "TrialComponent")
PAGE = 10


def entity(ctx: Context, tx: Transaction, arn: str) -> Resource:
    """Raises ServiceError for what is not there or cannot be associated."""
    head, slash, tail = arn.partition("/")
    found = tx.resources.find(f"{head}{slash}{tail.lower()}")
    if found is None or found.account != ctx.account or found.kind not in (*NOUNS, *EXPERIMENT_NOUNS):
        raise ServiceError("ResourceNotFound", f"Lineage entity '{arn}' does not exist.")
    return found


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
        tx.edges.put(association(kind, source, destination, ctx.now, {"CreatedBy": user_context(ctx)}))
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
"""Edges read at a time where a first reading left too few that the request asks for."""
ORDERS: dict[str, EdgeOrder] = {
    "CreationTime": "created",
    "SourceArn": "source",
    "DestinationArn": "destination",
    "SourceType": "source_type",
    "DestinationType": "destination_type",
}
KINDS = frozenset((*NOUNS, *EXPERIMENT_NOUNS))


@operation("sagemaker", "ListAssociations")
def list_associations(ctx: Context, request: Document) -> Document:
    """A page ends at an association, and the next begins behind it, whatever comes and goes meanwhile."""
    wanted, size = int(request.get("MaxResults", PAGE)), int(request.get("MaxResults", PAGE)) + 1
    by = ORDERS[request.get("SortBy", "CreationTime")]
    after = pages.edge(request, typed=by.endswith("_type"))
    found: list[tuple[Document, EdgePlace]] = []
    with ctx.read() as tx:
        while True:
            edges = _edges(tx, request, by, after, size)
            found += _associations(ctx, tx, request, by, edges)
            if len(found) > wanted or len(edges) < size:
                break
            after, size = _place(edges[-1], by), SCAN
    answer: Document = {"AssociationSummaries": [shown for shown, _ in found[:wanted]]}
    if len(found) > wanted:
        answer["NextToken"] = pages.token(found[wanted - 1][1])
    return answer


def _edges(
    tx: Transaction, request: Document, by: EdgeOrder, after: EdgePlace | None, size: int
) -> Sequence[Edge]:
    """The next of those that the store can tell from others, in order; where fewer than `size`, the last."""
    descending = request.get("SortOrder", "Descending") == "Descending"
    kinds = (request["AssociationType"],) if "AssociationType" in request else ASSOCIATIONS
    ways = [
        tx.edges.list(**way, kinds=kinds, limit=size, after=after, descending=descending, by=by)
        for way in _ways(request)
    ]
    return list(
        islice(
            merge(
                *ways, key=lambda edge: (_place(edge, by), edge.source, edge.destination), reverse=descending
            ),
            size,
        )
    )


def _ways(request: Document) -> list[dict[str, str]]:
    """Each by an index: an end, or an end's type. One who asks for a job by its own name may mean either type (see
    `is_type`), and one who asks for a kind of entity many: then all edges are looked at."""
    ends = {"source": request.get("SourceArn"), "destination": request.get("DestinationArn")}
    given = {end: entity_arn(arn) for end, arn in ends.items() if arn is not None}
    types = {"source_type": request.get("SourceType"), "destination_type": request.get("DestinationType")}
    for end, wanted in types.items():
        if not given and wanted is not None and wanted not in KINDS:
            return [{end: wanted}, {end: f"{OF_JOB}{wanted}"}]
    return [given]


def _place(edge: Edge, by: EdgeOrder) -> EdgePlace:
    place = edge.created, edge.source, edge.destination
    return (str(getattr(edge, by)), *place) if by.endswith("_type") else place


def _associations(
    ctx: Context, tx: Transaction, request: Document, by: EdgeOrder, edges: Iterable[Edge]
) -> Iterable[tuple[Document, EdgePlace]]:
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
    for edge in edges:
        source, destination = ends.get(edge.source), ends.get(edge.destination)
        if (
            source is not None
            and destination is not None
            and is_type(source, request.get("SourceType"))
            and is_type(destination, request.get("DestinationType"))
        ):
            yield _shown(edge, source, destination), _place(edge, by)


OF_JOB = "SageMaker"
"""Before a job's name, in the type of a trial component that is the job's."""


def is_type(resource: Resource, wanted: str | None) -> bool:
    """Whether a type that is asked for is this entity's: clients also ask for the kind of entity (`Action`),
    and for a job by its own name (`TrainingJob`, which is shown as `SageMakerTrainingJob`)."""
    own = entity_type(resource)
    return wanted is None or wanted in (own, own.removeprefix(OF_JOB), resource.kind)


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
