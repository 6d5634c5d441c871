"""Training jobs. Creating one writes its row and its trial component; `orchestrator.training` runs it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import replace

import regex

from clary.api import Context, Document, Kind, ServiceError, operation
from clary.api.kind import WAKE
from clary.domain.training import TERMINAL
from clary.services.iam import role_exists
from clary.services.sagemaker.components import create_job_component
from clary.storage.objects import NoSuchBucket
from clary.storage.ports import Effect, Resource, Transaction

TrainingJob = Kind(
    "sagemaker",
    "TrainingJob",
    status="TrainingJobStatus",
    initial="InProgress",
    exists=("ResourceInUse", "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"),
    missing=("ValidationException", "Requested resource not found."),
)
TrainingJob.serves("Create", "List", "Stop")


@TrainingJob.on_create
def start(ctx: Context, tx: Transaction, job: Resource) -> Resource:
    check_role(tx, job)
    check_metrics(job)
    check_objects(ctx, job)
    component = create_job_component(
        tx, account=ctx.account, region=ctx.region, now=ctx.now, job=job,
        experiment_config=job.spec.get("ExperimentConfig"),
    )  # fmt: skip
    tx.outbox.put(Effect(job.arn, job.generation, WAKE, due=ctx.now))
    first = {"Status": "Starting", "StartTime": ctx.now, "StatusMessage": "Starting the training job"}
    state = {
        **job.state,
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [first],
        "Clary": {"component": component.arn},
    }
    return replace(job, state=state)


@TrainingJob.on_stop
def refuse_to_stop_ended(ctx: Context, tx: Transaction, job: Resource) -> None:
    if job.status in TERMINAL:
        raise ServiceError(
            "ValidationException",
            f"The request was rejected because the training job is in status {job.status}.",
        )


@TrainingJob.on_describe
def show_metrics(ctx: Context, tx: Transaction, job: Resource, document: Document) -> Document:
    """A running job's metrics as they are now; an ended one's were kept with it."""
    if job.status in TERMINAL:
        return document
    component = job.state["Clary"]["component"]
    found = [
        {"MetricName": summary.name, "Value": summary.last, "Timestamp": summary.time}
        for summary in tx.metrics.summaries([component]).get(component, ())
    ]
    return {**document, "FinalMetricDataList": found} if found else document


@operation("sagemaker", "DescribeTrainingJob")
async def describe_training_job(ctx: Context, request: Document) -> Document:
    """The SDK's first look at a job waits a while for the job's end, or its `fit(wait=True)` would sleep
    for 30 s before it looks again; see `describe_wait` in the settings."""
    describe = asyncio.to_thread
    arn = TrainingJob.arn(ctx, request["TrainingJobName"])
    if not _may_wait(ctx, arn):
        return await describe(TrainingJob.describe, ctx, request)
    until = time.monotonic() + ctx.settings.describe_wait
    with ctx.ports.changes.watch(arn) as watch:
        while True:
            answer = await describe(TrainingJob.describe, ctx, request)
            left = until - time.monotonic()
            if answer["TrainingJobStatus"] in TERMINAL or left <= 0:
                return answer
            await watch.wait(left)


_WAITED: OrderedDict[str, None] = OrderedDict()
"""Jobs whose first look has waited. A server that restarts forgets them, and one look waits again."""


def _may_wait(ctx: Context, arn: str) -> bool:
    if ctx.settings.describe_wait <= 0 or "sagemaker-python-sdk" not in ctx.user_agent.lower():
        return False
    if arn in _WAITED:
        return False
    _WAITED[arn] = None
    if len(_WAITED) > 10_000:
        _WAITED.popitem(last=False)
    return True


def check_role(tx: Transaction, job: Resource) -> None:
    role = job.spec["RoleArn"]
    if not role_exists(tx, role):
        raise ServiceError(
            "ValidationException",
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role.",
        )


def check_metrics(job: Resource) -> None:
    for definition in job.spec["AlgorithmSpecification"].get("MetricDefinitions", ()):
        try:
            compiled = regex.compile(definition["Regex"])
        except regex.error as error:
            raise ServiceError(
                "ValidationException",
                f"Invalid regular expression {definition['Regex']!r} of metric {definition['Name']!r}: {error}.",
            ) from None
        if compiled.groups < 1:
            raise ServiceError(
                "ValidationException",
                f"The regular expression {definition['Regex']!r} of metric {definition['Name']!r} has no group: "
                "put the number into parentheses, as in 'loss: ([0-9.]+)'.",
            )


def check_objects(ctx: Context, job: Resource) -> None:
    output = job.spec["OutputDataConfig"]["S3OutputPath"]
    bucket = output.removeprefix("s3://").split("/")[0]
    try:
        ctx.objects.find(bucket, "/")
    except NoSuchBucket:
        raise ServiceError(
            "ValidationException", f"The specified bucket {bucket!r} of S3OutputPath {output} does not exist."
        ) from None
    for channel in job.spec.get("InputDataConfig", ()):
        source = channel.get("DataSource", {}).get("S3DataSource")
        if source is None or source["S3DataType"] != "S3Prefix":
            continue
        uri = source["S3Uri"]
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        try:
            found = next(iter(ctx.objects.list(bucket, prefix)), None)
        except NoSuchBucket:
            found = None
        if found is None:
            raise ServiceError(
                "ValidationException",
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
                f"exists in the selected region ({job.region}), that objects exist under that S3 prefix, and that the "
                f'role "{job.spec["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{bucket}".',
            )
