"""Processing jobs. Creating one writes its row and its trial component; `orchestrator.processing` runs it."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document, Kind
from clary.api.kind import WAKE
from clary.services.sagemaker.components import create_job_component
from clary.services.sagemaker.job_checks import (
    check_bucket,
    check_found,
    check_hosts,
    check_role,
    refuse_ended,
    refuse_running,
    refused,
)
from clary.services.sagemaker.waiting_describe import serve_waiting_describe
from clary.storage.ports import Effect, Resource, Transaction

ProcessingJob = Kind(
    "sagemaker",
    "ProcessingJob",
    status="ProcessingJobStatus",
    initial="InProgress",
    exists=(
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    ),
    missing=("ValidationException", "Could not find requested job with name: {name}"),
)
ProcessingJob.serves("Create", "List", "Stop", "Delete")
serve_waiting_describe(ProcessingJob)
PROCESSING = "/opt/ml/processing/"


@ProcessingJob.on_create
def start(ctx: Context, tx: Transaction, job: Resource) -> Resource:
    check_role(tx, job)
    check_hosts(job)
    check_program(job)
    for given in job.spec.get("ProcessingInputs", ()):
        check_input(ctx, job, given)
    for output in job.spec.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        check_output(ctx, output)
    check_paths(job)
    component = create_job_component(
        tx, account=ctx.account, region=ctx.region, now=ctx.now, job=job,
        experiment_config=job.spec.get("ExperimentConfig"),
    )  # fmt: skip
    tx.outbox.put(Effect(job.arn, job.generation, WAKE, due=ctx.now))
    spec = {"StoppingCondition": {"MaxRuntimeInSeconds": 86400}, **job.spec}
    return replace(job, spec=spec, state={**job.state, "Clary": {"component": component.arn}})


@ProcessingJob.on_stop
def refuse_to_stop_ended(ctx: Context, tx: Transaction, job: Resource) -> None:
    refuse_ended(job, "processing")


@ProcessingJob.on_delete
def refuse_to_delete_running(ctx: Context, tx: Transaction, job: Resource) -> None:
    refuse_running(job, "processing")


def check_program(job: Resource) -> None:
    app = job.spec["AppSpecification"]
    if not app.get("ContainerEntrypoint") and not app.get("ContainerArguments"):
        raise refused(
            "AppSpecification needs a ContainerEntrypoint: the environments that stand for images here have no "
            "entrypoint of their own."
        )


def check_input(ctx: Context, job: Resource, given: Document) -> None:
    name, source = given["InputName"], given.get("S3Input")
    if source is None:
        raise refused(f"Input {name}: Clary reads S3Input; Athena and Redshift dataset definitions need AWS.")
    if source.get("S3InputMode", "File") == "Pipe":
        raise refused(
            f"Input {name}: Clary gives processing jobs their inputs as files; S3InputMode Pipe is not done."
        )
    check_path(name, source)
    if source["S3DataType"] == "S3Prefix":
        check_found(ctx, job, source["S3Uri"])


def check_output(ctx: Context, output: Document) -> None:
    name, target = output["OutputName"], output.get("S3Output")
    if target is None or "FeatureStoreOutput" in output:
        raise refused(f"Output {name}: Clary sends outputs to S3; FeatureStoreOutput is not done.")
    check_path(name, target)
    check_bucket(ctx, target["S3Uri"], "ProcessingS3Output")


def check_path(name: str, place: Document) -> None:
    path = place.get("LocalPath", "")
    if not path.startswith(PROCESSING) or ".." in path.split("/"):
        raise refused(f"LocalPath {path!r} of {name} must be an absolute path that starts with {PROCESSING}.")


def check_paths(job: Resource) -> None:
    """No two inputs share a folder."""
    seen: dict[str, str] = {}
    for given in job.spec.get("ProcessingInputs", ()):
        path = given["S3Input"]["LocalPath"].rstrip("/")
        if path in seen:
            raise refused(f"Inputs {seen[path]} and {given['InputName']} have the same LocalPath {path}.")
        seen[path] = given["InputName"]
