"""SageMaker Metrics: points of a trial component's metrics, in and out at full resolution.

- A call may carry more than AWS's 10 points (`clary.wire.relaxed`).
- An item that cannot be kept is answered by its index and loses none of its neighbours.
- What is acknowledged is on disk; calls that arrive together share a commit (`Store.queue_points`).
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterable, Sequence

from clary.api import Context, Document, ServiceError, operation
from clary.api.inbox import inbox
from clary.domain.experiments_curves import curve
from clary.services.sagemaker.components import TrialComponent
from clary.storage.ports import Missing, Point, Store

NAME = re.compile(".{1,255}")
"""Of a metric: the model's own rule, which is kept item by item (see `clary.wire.relaxed`)."""


@operation("sagemaker-metrics", "BatchPutMetrics")
async def batch_put_metrics(ctx: Context, request: Document) -> Document:
    points, errors = _points(request["MetricData"])
    arn = TrialComponent.arn(ctx, request["TrialComponentName"])
    try:
        await _kept(ctx.store, arn, points)
    except Missing:
        raise ServiceError(
            "ResourceNotFoundException", f"TrialComponent '{arn}' does not exist.", status=404
        ) from None
    return {"Errors": errors} if errors else {}


async def _kept(store: Store, arn: str, points: Sequence[Point]) -> None:
    """Returns once the points are durable. No thread waits meanwhile."""
    kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    put = inbox().put
    store.queue_points(arn, points, lambda error: put(_settle, kept, error))
    await kept


def _settle(kept: asyncio.Future[None], error: BaseException | None) -> None:
    if kept.done():  # whoever waited has given up
        return
    if error is None:
        kept.set_result(None)
    else:
        kept.set_exception(error)


def _points(items: Iterable[Document]) -> tuple[list[Point], list[Document]]:
    """Not-a-number and the infinities have no place in a summary, nor in the JSON that would show them."""
    new = tuple.__new__  # what Point._make does, in a third of its time
    points = [new(Point, (i["MetricName"], i["Value"], i["Timestamp"], i.get("Step"))) for i in items]
    odd = []
    if not math.isfinite(sum([point[1] for point in points])):  # then one is not, or all are very large
        odd = [index for index, (_, value, _, _) in enumerate(points) if not math.isfinite(value)]
    unnamed = [name for name in {point[0] for point in points} if not NAME.fullmatch(name)]
    if unnamed:
        odd = sorted({*odd, *(index for index, point in enumerate(points) if point.name in unnamed)})
    if not odd:
        return points, []
    out = set(odd)
    kept = [point for index, point in enumerate(points) if index not in out]
    return kept, [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in odd]


@operation("sagemaker-metrics", "BatchGetMetrics")
def batch_get_metrics(ctx: Context, request: Document) -> Document:
    """One query that cannot be answered says so in its own result."""
    results: list[Document] = []
    with ctx.read() as tx:
        for query in request["MetricQueries"]:
            arn = TrialComponent.arn(ctx, query["ResourceArn"])
            if tx.resources.find(arn) is None:
                results.append(_refused(f"Resource '{query['ResourceArn']}' does not exist."))
                continue
            points = tx.metrics.points(arn, query["MetricName"])
            wanted = query["MetricStat"], query["Period"], query["XAxisType"]
            x, y = curve(points, *wanted, query.get("Start"), query.get("End"))
            results.append({"Status": "Complete", "XAxisValues": x, "MetricValues": y})
    return {"MetricQueryResults": results}


def _refused(message: str) -> Document:
    return {"Status": "ValidationError", "Message": message, "XAxisValues": [], "MetricValues": []}
