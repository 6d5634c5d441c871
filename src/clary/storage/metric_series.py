"""Which series a CloudWatch metric is, and its newest values.

The metrics in a training job's log are those of its trial component; CloudWatch shows them in namespace
`/aws/sagemaker/TrainingJobs` with the dimension TrainingJobName, as AWS does. All else is a stream.
"""

from __future__ import annotations

from collections.abc import Mapping

from clary.storage import metric_streams
from clary.storage.metric_streams import Placed
from clary.storage.ports import Resource, Transaction

TRAINING = "/aws/sagemaker/TrainingJobs"
JOB_DIMENSION = "TrainingJobName"


def series(where: Placed, tx: Transaction, namespace: str, given: Mapping[str, str]) -> str | None:
    """ARN of the resource that has the metrics of these dimensions; None when there is none."""
    if namespace == TRAINING and set(given) == {JOB_DIMENSION}:
        name = given[JOB_DIMENSION].lower()
        job = tx.resources.find(f"arn:aws:sagemaker:{where.region}:{where.account}:training-job/{name}")
        return None if job is None else component(job)
    arn = metric_streams.arn(where, namespace, given)
    return arn if tx.resources.find(arn) is not None else None


def component(job: Resource) -> str | None:
    kept = job.state.get("Clary", {}).get("component")
    return None if kept is None else str(kept)


def newest(
    where: Placed, tx: Transaction, namespace: str, name: str, dimensions: Mapping[str, str], period: float,
    count: int, now: float,
) -> list[list[float]]:  # fmt: skip
    """The values of the last `count` periods of `period` seconds, the last of which ends now; oldest first. A
    period without points is empty."""
    found: list[list[float]] = [[] for _ in range(count)]
    arn = series(where, tx, namespace, dimensions)
    if arn is None:
        return found
    start = now - count * period
    points = tx.metrics.points(arn, name, start=start)
    for time, value in zip(points.times, points.values, strict=True):
        if time <= now:  # points of the same moment count; those that a user dated later do not
            found[min(count - 1, int((time - start) // period))].append(value)
    return found
