"""GetMetricStatistics and GetMetricData, at the full resolution of what was kept."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from clary.api import Context, Document, ServiceError, operation
from clary.domain.datapoints import gather, rounded, statistic, valid_period
from clary.services.cloudwatch.find import dimensions, invalid, series
from clary.storage.ports import Transaction

MAX_DATAPOINTS = 100_800


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(ctx: Context, request: Document) -> Document:
    simple, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if not simple and not extended:
        raise ServiceError(
            "MissingRequiredParameterException",
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        )
    check(request["StartTime"], request["EndTime"], request["Period"], [*simple, *extended])
    with ctx.read() as tx:
        periods = read(ctx, tx, request, request["StartTime"], request["EndTime"], request["Period"])
    unit = request.get("Unit", "None")
    points = []
    for time, values in periods:
        point: Document = {"Timestamp": time, "Unit": unit}
        point |= {name: compute(name, values) for name in simple}
        if extended:
            point["ExtendedStatistics"] = {name: compute(name, values) for name in extended}
        points.append(point)
    return {"Label": request["MetricName"], "Datapoints": points}


@operation("cloudwatch", "GetMetricData")
def get_metric_data(ctx: Context, request: Document) -> Document:
    queries = request["MetricDataQueries"]
    for query in queries:
        check_query(query, request)
    limit = request.get("MaxDatapoints", MAX_DATAPOINTS)
    first = offset(request.get("NextToken"))
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results = []
    with ctx.read() as tx:
        for query in queries:
            stat = query["MetricStat"]
            periods = read(ctx, tx, stat["Metric"], request["StartTime"], request["EndTime"], stat["Period"])
            if newest_first:
                periods.reverse()
            results.append((query, [(time, compute(stat["Stat"], values)) for time, values in periods]))
    shown = [(query, points) for query, points in results if query.get("ReturnData", True)]
    ends = [0, *accumulate(len(points) for _, points in shown)]
    total = ends[-1]
    answers = []
    for (query, points), begin in zip(shown, ends, strict=False):
        part = points[max(0, first - begin) : max(0, first + limit - begin)]
        whole = begin + len(points) <= first + limit
        answers.append({
            "Id": query["Id"],
            "Label": query.get("Label", query["MetricStat"]["Metric"].get("MetricName", query["Id"])),
            "Timestamps": [time for time, _ in part],
            "Values": [value for _, value in part],
            "StatusCode": "Complete" if whole else "PartialData",
        })  # fmt: skip
    following = str(first + limit) if first + limit < total else None
    return {"MetricDataResults": answers, "NextToken": following, "Messages": []}


def read(
    ctx: Context, tx: Transaction, metric: Mapping[str, object], start: float, end: float, period: int
) -> list[tuple[float, list[float]]]:
    """The periods that have points. `metric`: Namespace, MetricName, Dimensions."""
    given = dimensions(metric.get("Dimensions", []))  # type: ignore[arg-type]
    arn = series(ctx, tx, str(metric["Namespace"]), given)
    if arn is None:
        return []
    points = tx.metrics.points(arn, str(metric["MetricName"]), start=rounded(start, period), end=end)
    return gather(points.times, points.values, start, end, period)


def check_query(query: Document, request: Document) -> None:
    stat = query.get("MetricStat")
    if stat is None:
        raise ServiceError(
            "ValidationError",
            f"Query {query['Id']}: Clary answers MetricStat queries, not metric math (Expression).",
        )
    check(request["StartTime"], request["EndTime"], stat["Period"], [stat["Stat"]])
    for member in ("Namespace", "MetricName"):
        if member not in stat["Metric"]:
            raise ServiceError("ValidationError", f"Query {query['Id']}: Metric needs a {member}.")


def check(start: float, end: float, period: int, statistics: list[str]) -> None:
    if start >= end:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    if not valid_period(period):
        raise invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    for name in statistics:
        if statistic(name) is None:
            raise invalid(
                f"Clary does not compute the statistic {name}; it does SampleCount, Average, Sum, Minimum, Maximum "
                "and percentiles (p99)."
            )


def compute(name: str, values: list[float]) -> float:
    found = statistic(name)
    assert found is not None
    return found(values)


def offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise ServiceError("InvalidNextToken", "The NextToken is invalid.")
    return int(token)
