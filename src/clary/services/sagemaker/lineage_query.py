"""QueryLineage: questions about the graph that the associations make."""

from __future__ import annotations

from collections.abc import Sequence

from clary.api import Context, Document, ServiceError, operation
from clary.domain.experiments_lineage import ASSOCIATIONS, MAX_DEPTH, walk
from clary.services.sagemaker import lineage_pages as pages
from clary.services.sagemaker.lineage import entity, is_type
from clary.services.sagemaker.lineage_entities import entity_type
from clary.storage.ports import Resource

PAGE = 1000
"""Entities a page when MaxResults is not given. AWS names no default, and the SDK's LineageQuery reads one page only."""


@operation("sagemaker", "QueryLineage")
def query_lineage(ctx: Context, request: Document) -> Document:
    """Without edges: the entities that match. With edges: those on the ways to them too, the start among them, and on
    each page the links by which its entities are reached."""
    filters = request.get("Filters", {})
    with ctx.read() as tx:
        starts = [entity(ctx, tx, arn) for arn in request.get("StartArns", ())]
        if not starts:
            raise ServiceError("ValidationException", "StartArns must name an entity to start from.")
        (start,) = starts
        found = walk(
            start.arn,
            request.get("Direction", "Both"),
            request.get("MaxDepth", MAX_DEPTH),
            lambda arns: tx.edges.of_many(destinations=arns, kinds=ASSOCIATIONS),
            lambda arns: tx.edges.of_many(sources=arns, kinds=ASSOCIATIONS),
        )
        arns: Sequence[str] = found.reached
        if filters:
            held = tx.resources.find_many(arns)
            arns = [arn for arn in arns if arn in held and _matches(held[arn], filters)]
        with_edges = request.get("IncludeEdges", True)
        if with_edges and arns:
            arns = [start.arn, *found.paths(arns)]
        first = pages.start(request)
        page = arns[first : first + request.get("MaxResults", PAGE)]
        entities = tx.resources.find_many(page)
    shown = [arn for arn in page if arn in entities]
    answer: Document = {
        "Vertices": [
            {"Arn": arn, "Type": entity_type(entities[arn])[:40], "LineageType": entities[arn].kind}
            for arn in shown
        ],
        "Edges": [
            {"SourceArn": link.source, "DestinationArn": link.destination, "AssociationType": link.kind}
            for link in (found.links(shown) if with_edges else ())
        ],
    }
    if first + len(page) < len(arns):
        answer["NextToken"] = pages.token(first + len(page))
    return answer


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
