"""Batch transform jobs. Creating one writes its row and its trial component; `orchestrator.endpoints.transforms`
does the work."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Kind, ServiceError
from clary.domain import transform as rules
from clary.domain.endpoint import execution_mode, many_models
from clary.domain.jsonpath import BadPath
from clary.domain.transform_records import Joiner
from clary.services.sagemaker.components import create_job_component
from clary.services.sagemaker.job_checks import check_bucket
from clary.services.sagemaker.models import Model
from clary.services.sagemaker.waiting_describe import serve_waiting_describe
from clary.storage.ports import Effect, Resource, Transaction

TransformJob = Kind(
    "sagemaker",
    "TransformJob",
    status="TransformJobStatus",
    initial="InProgress",
    exists=(
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    ),
    missing=("ValidationException", "Could not find requested job with name: {name}"),
)
TransformJob.serves("Create", "List", "Stop")
serve_waiting_describe(TransformJob)

WORK = "work"


@TransformJob.on_create
def start(ctx: Context, tx: Transaction, job: Resource) -> Resource:
    spec = job.spec
    model = Model.load(ctx, tx, spec["ModelName"])
    if "DataCaptureConfig" in spec:
        raise ServiceError(
            "ValidationException",
            "Clary does not capture the data of transform jobs: leave DataCaptureConfig out.",
        )
    if execution_mode(model.spec) == "Direct":
        raise ServiceError(
            "ValidationException",
            "A transform job's requests pass all containers: its model cannot have InferenceExecutionConfig Mode Direct.",
        )
    if many_models(model.spec):
        raise ServiceError(
            "ValidationException",
            "A transform job's requests name no model: its model cannot have a container with Mode MultiModel.",
        )
    source = spec["TransformInput"]["DataSource"]["S3DataSource"]
    check_bucket(ctx, source["S3Uri"], "S3Uri")
    check_bucket(ctx, spec["TransformOutput"]["S3OutputPath"], "S3OutputPath")
    try:
        joiner = Joiner(spec.get("DataProcessing", {}), spec["TransformInput"].get("ContentType", ""),
                        spec["TransformOutput"].get("Accept", ""))  # fmt: skip
    except BadPath as error:
        raise ServiceError("ValidationException", str(error)) from None
    if joiner.after_needed and spec["TransformInput"].get("SplitType", "None") not in ("None", "Line"):
        raise ServiceError("ValidationException", "DataProcessing needs SplitType Line or None.")
    fleet = rules.fleet(spec, model.spec)
    component = create_job_component(
        tx, account=ctx.account, region=ctx.region, now=ctx.now, job=job,
        experiment_config=spec.get("ExperimentConfig"), model=fleet["variants"][0]["containers"][0],
    )  # fmt: skip
    tx.outbox.put(Effect(job.arn, job.generation, WORK, due=ctx.now))
    return replace(job, state={**job.state, "Clary": {"fleet": fleet, "component": component.arn}})


@TransformJob.on_stop
def refuse_to_stop_ended(ctx: Context, tx: Transaction, job: Resource) -> None:
    if job.status in rules.TERMINAL:
        raise ServiceError(
            "ValidationException",
            f"The request was rejected because the transform job is in status {job.status}.",
        )
