"""QueryLineage: questions about the graph that the associations make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clary.api import Context, Document, ServiceError, operation
from clary.domain.experiments_lineage import ASSOCIATIONS, MAX_DEPTH, walk
from clary.services.sagemaker.lineage import entity, entity_type, is_type, page_of
from clary.storage.ports import Resource


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
    items, token = page_of(vertices, request)
    edges = [
        {"SourceArn": link.source, "DestinationArn": link.destination, "AssociationType": link.kind}
        for link in links
    ]
    return {"Vertices": items, "Edges": edges, "NextToken": token}


def _matches(resource: Resource, filters: Document) -> bool:
    held = resource.spec.get("Properties", {})
    return (
        ("Types" not in filters or any(is_type(resource, wanted) for wanted in filters["Types"]))
        and ("LineageTypes" not in filters or resource.kind in filters["LineageTypes"])
        and resource.created < filters.get("CreatedBefore", float("inf"))
        and resource.created > filters.get("CreatedAfter", float("-inf"))
        and resource.modified < filters.get("ModifiedBefore", float("inf"))
        and resource.modified > filters.get("ModifiedAfter", float("-inf"))
        and all(held.get(key) == value for key, value in filters.get("Properties", {}).items())
    )
