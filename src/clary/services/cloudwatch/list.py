"""ListMetrics: streams first, then training jobs, a page of either at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clary.api import Context, Document, ServiceError, operation
from clary.services.cloudwatch.find import JOB_DIMENSION, TRAINING, component
from clary.storage.metric_streams import KIND
from clary.storage.ports import BadCursor, Query, Resource, Transaction

PAGE = 100
SOURCES = (KIND, "TrainingJob")


@operation("cloudwatch", "ListMetrics")
def list_metrics(ctx: Context, request: Document) -> Document:
    wanted = [(item["Name"], item.get("Value")) for item in request.get("Dimensions", ())]
    kind, cursor = _token(request.get("NextToken"))
    found: list[Document] = []
    with ctx.read() as tx:
        while True:
            query = Query(
                ctx.account, ctx.region, (kind,), sort_by="Name", descending=False, limit=PAGE, cursor=cursor
            )
            try:
                page = tx.resources.list(query)
            except BadCursor:
                raise ServiceError("InvalidParameterValueException", "The NextToken is invalid.") from None
            found += _metrics(tx, page.items, request, wanted)
            cursor = page.cursor
            if cursor is None:
                if kind == SOURCES[-1]:
                    return {"Metrics": found}
                kind = SOURCES[-1]
            if len(found) >= PAGE:
                return {"Metrics": found, "NextToken": f"{kind}:{cursor or ''}"}


def _token(token: str | None) -> tuple[str, str | None]:
    if token is None:
        return SOURCES[0], None
    kind, _, cursor = token.partition(":")
    if kind not in SOURCES:
        raise ServiceError("InvalidParameterValueException", "The NextToken is invalid.")
    return kind, cursor or None


def _metrics(
    tx: Transaction, resources: Iterable[Resource], request: Document, wanted: list[tuple[str, str | None]]
) -> Iterator[Document]:
    streams = {}
    for resource in resources:
        if resource.kind == KIND:
            streams[resource.arn] = resource.spec["Namespace"], resource.spec["Dimensions"]
        elif (arn := component(resource)) is not None:
            streams[arn] = TRAINING, {JOB_DIMENSION: resource.name}
    kept = {
        arn: (namespace, dimensions)
        for arn, (namespace, dimensions) in streams.items()
        if request.get("Namespace", namespace) == namespace
        and all(name in dimensions and value in (None, dimensions[name]) for name, value in wanted)
    }
    for arn, summaries in tx.metrics.summaries(kept).items():
        namespace, dimensions = kept[arn]
        for summary in summaries:
            if request.get("MetricName", summary.name) == summary.name:
                shown = [{"Name": name, "Value": value} for name, value in dimensions.items()]
                yield {"Namespace": namespace, "MetricName": summary.name, "Dimensions": shown}
