"""PutMetricData: the user's own metrics, and what programs measure of themselves.

A datum with Counts or a StatisticSet becomes as many points as it has samples, so that every statistic but a
percentile of a StatisticSet is what CloudWatch would say.
"""

from __future__ import annotations

import math
import time

from clary.api import Context, Document, operation
from clary.services.cloudwatch.find import dimensions, invalid
from clary.storage import metric_streams
from clary.storage.ports import Point

MAX_SAMPLES = 10_000


@operation("cloudwatch", "PutMetricData")
def put_metric_data(ctx: Context, request: Document) -> None:
    if request["Namespace"].startswith("AWS/"):
        raise invalid("The value AWS/ for parameter Namespace is invalid: it is AWS's own.")
    data = list(request.get("MetricData", ()))
    for entity in request.get("EntityMetricData", ()):
        data += entity.get("MetricData", ())
    prepared = [(dimensions(datum.get("Dimensions", ())), points(datum, ctx.now)) for datum in data]
    with ctx.begin() as tx:
        for given, found in prepared:
            metric_streams.put(tx, ctx, request["Namespace"], given, found, ctx.now)


def points(datum: Document, now: float) -> list[Point]:
    name, when = datum["MetricName"], datum.get("Timestamp", now)
    values = samples(datum)
    if not all(map(math.isfinite, values)):
        raise invalid(f"The value of {name} must be a finite number.")
    # Samples of one time and value are several here; the store would take them for a repetition of one.
    first = time.time_ns()
    return [Point(name, value, when, first + number) for number, value in enumerate(values)]


def samples(datum: Document) -> list[float]:
    name = datum["MetricName"]
    if "Value" in datum:
        return [datum["Value"]]
    if "Values" in datum:
        counts = datum.get("Counts", [1.0] * len(datum["Values"]))
        if len(counts) != len(datum["Values"]):
            raise invalid(f"The parameters Values and Counts of {name} must have the same length.")
        check_count(name, sum(counts))
        pairs = zip(datum["Values"], counts, strict=True)
        return [value for value, count in pairs for _ in range(round(count))]
    if "StatisticValues" in datum:
        given = datum["StatisticValues"]
        count = round(given["SampleCount"])
        check_count(name, count)
        if count <= 1:
            return [given["Sum"]] * count
        rest = given["Sum"] - given["Minimum"] - given["Maximum"]
        return [given["Minimum"], given["Maximum"], *[rest / max(1, count - 2)] * (count - 2)]
    raise invalid(f"{name} needs a Value, Values or StatisticValues.")


def check_count(name: str, count: float) -> None:
    if not 0 <= count <= MAX_SAMPLES:
        raise invalid(f"{name} has {count:g} samples; at most {MAX_SAMPLES} can be put at once.")
