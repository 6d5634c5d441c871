"""Which series a CloudWatch metric is.

The metrics in a training job's log are those of its trial component; CloudWatch shows them in namespace
`/aws/sagemaker/TrainingJobs` with the dimension TrainingJobName, as AWS does. All else is a stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clary.api import Context, Document, ServiceError
from clary.storage import metric_streams
from clary.storage.ports import Resource, Transaction

TRAINING = "/aws/sagemaker/TrainingJobs"
JOB_DIMENSION = "TrainingJobName"


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message)


def dimensions(given: Sequence[Document]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in given}


def series(ctx: Context, tx: Transaction, namespace: str, given: Mapping[str, str]) -> str | None:
    """ARN of the resource that has the metrics of these dimensions; None when there is none."""
    if namespace == TRAINING and set(given) == {JOB_DIMENSION}:
        name = given[JOB_DIMENSION].lower()
        job = tx.resources.find(f"arn:aws:sagemaker:{ctx.region}:{ctx.account}:training-job/{name}")
        return None if job is None else component(job)
    arn = metric_streams.arn(ctx, namespace, given)
    return arn if tx.resources.find(arn) is not None else None


def component(job: Resource) -> str | None:
    kept = job.state.get("Clary", {}).get("component")
    return None if kept is None else str(kept)
