"""Associations between lineage entities, and questions about the graph that they make.

An association is an edge of its type between two entities: experiments' own (trial components among them)
and lineage's, but not between two of experiments' own. Deleting an entity takes its associations along.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from clary.api import Context, Document, ServiceError, operation
from clary.api.kind import user_context
from clary.domain.experiments_lineage import ASSOCIATIONS, MAX_DEPTH, walk
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
    kinds = (request["AssociationType"],) if "AssociationType" in request else ASSOCIATIONS
    own = f"arn:aws:sagemaker:{ctx.region}:{ctx.account}:"
    ends = {
        end: entity_arn(request[member])
        for end, member in (("source", "SourceArn"), ("destination", "DestinationArn"))
        if member in request
    }
    with ctx.read() as tx:
        edges = [
            edge
            for edge in tx.edges.list(
                source=ends.get("source"), destination=ends.get("destination"), kinds=kinds
            )
            if edge.source.startswith(own)
            and edge.created > request.get("CreatedAfter", float("-inf"))
            and edge.created < request.get("CreatedBefore", float("inf"))
        ]
        ends_of = tx.resources.find_many(arn for edge in edges for arn in (edge.source, edge.destination))
    shown = [
        association
        for edge in edges
        if (association := _shown(edge, ends_of.get(edge.source), ends_of.get(edge.destination))) is not None
        and request.get("SourceType", association["SourceType"]) == association["SourceType"]
        and request.get("DestinationType", association["DestinationType"]) == association["DestinationType"]
    ]
    by = request.get("SortBy", "CreationTime")
    shown.sort(
        key=lambda item: (item[by], item["SourceArn"], item["DestinationArn"]),
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    items, token = _page(shown, request)
    return {"AssociationSummaries": items, "NextToken": token}


def entity_arn(arn: str) -> str:
    head, slash, tail = arn.partition("/")
    return f"{head}{slash}{tail.lower()}"


def _shown(edge: Edge, source: Resource | None, destination: Resource | None) -> Document | None:
    if source is None or destination is None:
        return None
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


@operation("sagemaker", "QueryLineage")
def query_lineage(ctx: Context, request: Document) -> Document:
    filters = request.get("Filters", {})
    depth = request.get("MaxDepth", MAX_DEPTH)
    with ctx.read() as tx:
        starts = [entity(ctx, tx, arn).arn for arn in request.get("StartArns", ())]
        if not starts:
            raise ServiceError("ValidationException", "StartArns must name an entity to start from.")
        found = walk(
            starts[0],
            request.get("Direction", "Both"),
            depth,
            lambda arn: tx.edges.list(destination=arn, kinds=ASSOCIATIONS),
            lambda arn: tx.edges.list(source=arn, kinds=ASSOCIATIONS),
        )
        entities = tx.resources.find_many((starts[0], *found.reached))
    wanted = [
        arn for arn in found.reached if (held := entities.get(arn)) is not None and _matches(held, filters)
    ]
    links: Sequence[Any] = ()
    if request.get("IncludeEdges", True):
        wanted, links = found.paths(wanted)
    vertices = [
        {"Arn": arn, "Type": entity_type(held)[:40], "LineageType": held.kind}
        for arn in wanted
        if (held := entities.get(arn)) is not None
    ]
    items, token = _page(vertices, request)
    edges = [
        {"SourceArn": link.source, "DestinationArn": link.destination, "AssociationType": link.kind}
        for link in links
    ]
    return {"Vertices": items, "Edges": edges, "NextToken": token}


def _matches(resource: Resource, filters: Document) -> bool:
    held = resource.spec.get("Properties", {})
    return (
        ("Types" not in filters or entity_type(resource) in filters["Types"])
        and ("LineageTypes" not in filters or resource.kind in filters["LineageTypes"])
        and resource.created < filters.get("CreatedBefore", float("inf"))
        and resource.created > filters.get("CreatedAfter", float("-inf"))
        and resource.modified < filters.get("ModifiedBefore", float("inf"))
        and resource.modified > filters.get("ModifiedAfter", float("-inf"))
        and all(held.get(key) == value for key, value in filters.get("Properties", {}).items())
    )


def _page(items: list[Document], request: Document) -> tuple[list[Document], str | None]:
    """A part of a list that is whole in memory; the token is the place of the next item in it."""
    start = 0
    if "NextToken" in request:
        try:
            start = int(base64.urlsafe_b64decode(request["NextToken"]))
        except (ValueError, binascii.Error):
            raise ServiceError("ValidationException", "Invalid pagination token: NextToken.") from None
    end = start + request.get("MaxResults", PAGE)
    token = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return items[start:end], token
