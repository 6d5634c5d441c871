"""Training jobs. Creating one writes its row and its trial component; `orchestrator.training` runs it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import replace

from clary.api import Context, Document, Kind, operation
from clary.api.kind import WAKE
from clary.domain.jobs import TERMINAL
from clary.services.sagemaker.components import create_job_component
from clary.services.sagemaker.job_checks import (
    check_bucket,
    check_found,
    check_hosts,
    check_metrics,
    check_role,
    refuse_ended,
)
from clary.storage.ports import Effect, Resource, Transaction

TrainingJob = Kind(
    "sagemaker",
    "TrainingJob",
    status="TrainingJobStatus",
    initial="InProgress",
    exists=(
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    ),
    missing=("ValidationException", "Requested resource not found."),
)
TrainingJob.serves("Create", "List", "Stop")


@TrainingJob.on_create
def start(ctx: Context, tx: Transaction, job: Resource) -> Resource:
    check_role(tx, job)
    check_hosts(job)
    check_metrics(job.spec["AlgorithmSpecification"].get("MetricDefinitions", []))
    check_bucket(ctx, job.spec["OutputDataConfig"]["S3OutputPath"], "S3OutputPath")
    for channel in job.spec.get("InputDataConfig", ()):
        source = channel.get("DataSource", {}).get("S3DataSource")
        if source is not None and source["S3DataType"] == "S3Prefix":
            check_found(ctx, job, source["S3Uri"])
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
    refuse_ended(job, "training")


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
