"""Training jobs. Creating one writes its row and its trial component; `orchestrator.training` runs it."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document, Kind
from clary.api.kind import WAKE
from clary.domain.jobs import TERMINAL
from clary.services.sagemaker.built_in import with_metrics_of_algorithm
from clary.services.sagemaker.components import create_job_component
from clary.services.sagemaker.job_checks import (
    check_access,
    check_bucket,
    check_hosts,
    check_metrics,
    check_role,
    refuse_ended,
    refuse_running,
    refused,
)
from clary.services.sagemaker.training_checks import (
    check_channels,
    check_checkpoints,
    check_resources,
    check_spot,
    inputs,
)
from clary.services.sagemaker.waiting_describe import serve_waiting_describe
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
TrainingJob.serves("Create", "List", "Update", "Stop", "Delete")
serve_waiting_describe(TrainingJob)


@TrainingJob.on_create
def start(ctx: Context, tx: Transaction, job: Resource) -> Resource:
    job = checked(ctx, tx, job)
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


def checked(ctx: Context, tx: Transaction, job: Resource) -> Resource:
    """The job as it is kept. Raises ServiceError for what could not run; nothing is written."""
    job = with_metrics_of_algorithm(job)
    check_role(tx, job)
    check_hosts(job)
    check_metrics(job.spec["AlgorithmSpecification"].get("MetricDefinitions", []))
    check_bucket(ctx, job.spec["OutputDataConfig"]["S3OutputPath"], "S3OutputPath")
    check_resources(job)
    check_channels(ctx, job)
    check_access(tx, job, inputs(job), job.spec["OutputDataConfig"]["S3OutputPath"])
    check_spot(job)
    check_checkpoints(ctx, job)
    return job


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


@TrainingJob.on_describe
def show_no_key(ctx: Context, tx: Transaction, job: Resource, document: Document) -> Document:
    """As AWS shows it: `Estimator.attach()` reads the key whether there is one or not."""
    return {**document, "OutputDataConfig": {"KmsKeyId": "", **document["OutputDataConfig"]}}


@TrainingJob.on_update
def check_update(ctx: Context, tx: Transaction, job: Resource, request: Document) -> Document:
    if request.get("RemoteDebugConfig", {}).get("EnableRemoteDebug"):
        raise refused("Remote debugging through Systems Manager is not done here.")
    if job.status in TERMINAL and set(request) - {"TrainingJobName", "ResourceConfig"}:
        raise refused(f"A training job in status {job.status} cannot be updated.")
    return request


@TrainingJob.on_delete
def refuse_to_delete_running(ctx: Context, tx: Transaction, job: Resource) -> None:
    """Its log, its artifacts and its trial component stay."""
    refuse_running(job, "training")
