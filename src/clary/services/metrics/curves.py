"""Curves at full resolution, which no operation of AWS's shows: `GET /_clary/metrics`.

    component   a trial component's name or ARN; several, separated by commas
    metric      only this metric; by default all of each component's
    start, end  only points in [start, end): epoch seconds, or an ISO 8601 time (UTC where it names no zone)
    format      json (by default) or arrow

JSON: {"Curves": [{"Component", "Metric", "Times", "Steps", "Values"}]}. Arrow: the columns Time, Step and Value,
behind Component and Metric unless one of each was asked for. Times are epoch seconds; points are in the order of
(time, step, arrival), and a point that was put without a step has none. No metric of the name: no points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from clary.api import Answer, Asked, Context, ServiceError, extension
from clary.services.sagemaker.components import TrialComponent
from clary.storage.ports import Curve, Transaction
from clary.wire import arrow
from clary.wire.messages import HttpResponse


class Shown(NamedTuple):
    component: str
    """Its name."""
    curve: Curve


@extension("GET", "/_clary/metrics")
def metrics(ctx: Context, asked: Asked) -> Answer:
    components = [name for name in asked.text("component").split(",") if name]
    metric = asked.query.get("metric") or None
    start, end = _time(asked, "start"), _time(asked, "end")
    wanted = asked.choice("format", "json", "arrow")
    with ctx.read() as tx:
        found = [
            Shown(
                resource.spec["TrialComponentName"],
                tx.metrics.points(resource.arn, name, start=start, end=end),
            )
            for resource in [TrialComponent.load(ctx, tx, component) for component in components]
            for name in ([metric] if metric else _names(tx, resource.arn))
        ]
    if wanted == "json":
        return {
            "Curves": [
                {
                    "Component": component, "Metric": curve.name, "Times": list(curve.times),
                    "Steps": list(curve.steps), "Values": list(curve.values),
                }
                for component, curve in found
            ]
        }  # fmt: skip
    single = metric is not None and len(components) == 1
    return HttpResponse(200, [("content-type", arrow.MEDIA_TYPE)], as_arrow(found, named=not single))


def as_arrow(found: Sequence[Shown], *, named: bool) -> bytes:
    curves = [curve for _, curve in found]
    columns: dict[str, tuple[arrow.Type, Sequence[object]]] = {}
    if named:
        columns["Component"] = "text", _repeated((shown.component, len(shown.curve)) for shown in found)
        columns["Metric"] = "text", _repeated((curve.name, len(curve)) for curve in curves)
    columns["Time"] = "float", _joined([curve.times for curve in curves])
    columns["Step"] = "integer", _joined([curve.steps for curve in curves])
    columns["Value"] = "float", _joined([curve.values for curve in curves])
    return arrow.encode(columns)


def _names(tx: Transaction, arn: str) -> list[str]:
    return [summary.name for summary in tx.metrics.summaries([arn]).get(arn, ())]


def _repeated(names: Iterable[tuple[str, int]]) -> list[str]:
    return list(chain.from_iterable([name] * times for name, times in names))


def _joined(parts: Sequence[Sequence[object]]) -> Sequence[object]:
    return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))


def _time(asked: Asked, name: str) -> float | None:
    text = asked.query.get(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ServiceError(
            "ValidationException", f"{name} must be epoch seconds or an ISO 8601 time, not {text!r}."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
