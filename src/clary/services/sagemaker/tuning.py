"""Hyperparameter tuning jobs. Creating one writes its row and its experiment; `orchestrator.tuning` runs it, and
makes its training jobs through `make_training_job`, as CreateTrainingJob would."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from msgspec.structs import replace

from clary.api import Context, Document, Kind, Ports, Principal, ServiceError, operation
from clary.api.kind import WAKE
from clary.domain import tuning, tuning_plan
from clary.services.sagemaker import tuning_checks as checks
from clary.services.sagemaker.experiments import Experiment
from clary.services.sagemaker.job_checks import refuse_ended, refuse_running, refused
from clary.services.sagemaker.training import TrainingJob
from clary.services.sagemaker.trials import Trial
from clary.services.sagemaker.waiting_describe import serve_waiting_describe
from clary.storage.ports import Effect, Resource, Transaction

HyperParameterTuningJob = Kind(
    "sagemaker",
    "HyperParameterTuningJob",
    status="HyperParameterTuningJobStatus",
    initial="InProgress",
    missing=("ResourceNotFound", "Could not find the hyperparameter tuning job {name}."),
)
HyperParameterTuningJob.serves("Create", "List", "Stop", "Delete")
serve_waiting_describe(HyperParameterTuningJob)


@HyperParameterTuningJob.on_create
def start(ctx: Context, tx: Transaction, job: Resource) -> Resource:
    checks.check_request(job.spec)
    checks.check_training_jobs(ctx, tx, job)
    parents = [
        trial for parent in _parents(ctx, tx, job) for trial in tuning_plan.inherited(job.spec, parent)
    ]
    job = checks.with_objective(job)
    config = job.spec["HyperParameterTuningJobConfig"]
    seed = config.get("RandomSeed")
    if seed is None:
        seed = int(hashlib.sha256(f"{job.arn}:{ctx.now!r}".encode()).hexdigest()[:8], 16)
    _make_experiment(ctx, tx, job)
    tx.outbox.put(Effect(job.arn, job.generation, WAKE, due=ctx.now))
    limit = tuning_plan.limit(job.spec)
    state = tuning.first(job.spec, job.state, seed, limit, tuple(parents), ctx.now)
    # List shows these of the configuration.
    state |= {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
    return replace(job, state=state)


def _parents(ctx: Context, tx: Transaction, job: Resource) -> list[Resource]:
    warm = job.spec.get("WarmStartConfig")
    if warm is None:
        return []
    names = [each.get("HyperParameterTuningJobName") for each in warm["ParentHyperParameterTuningJobs"]]
    if None in names or len(set(names)) < len(names):
        raise refused("Each of ParentHyperParameterTuningJobs must name another hyperparameter tuning job.")
    parents = [HyperParameterTuningJob.load(ctx, tx, name) for name in names]
    for parent in parents:
        checks.check_parent(job.spec, parent, warm["WarmStartType"])
    return parents


def experiment_name(tuning_job: str) -> str:
    """Of the experiment that holds a tuning job's training jobs, and of its one trial."""
    return f"{tuning_job}-aws-tuning-job"


def _make_experiment(ctx: Context, tx: Transaction, job: Resource) -> None:
    """AWS: a tuning job makes an experiment, and a trial component for each training job."""
    name = experiment_name(job.name)
    source = {"SourceArn": job.arn, "SourceType": "SageMakerHyperParameterTuningJob"}
    if tx.resources.find(Experiment.arn(ctx, name)) is None:
        Experiment.add(ctx, tx, {"ExperimentName": name}, {"Source": source})
    if tx.resources.find(Trial.arn(ctx, name)) is None:
        Trial.add(ctx, tx, {"TrialName": name, "ExperimentName": name}, {"Source": source})


def make_training_job(ports: Ports) -> Callable[[Transaction, Resource, Document, float], Resource]:
    """What makes a tuning job's training job: in the name of who made the tuning job, with its tags."""

    def make(tx: Transaction, job: Resource, request: Document, now: float) -> Resource:
        creator = job.state["CreatedBy"]["IamIdentity"]["Arn"]
        ctx = Context(job.account, job.region, Principal(creator, job.account), "", now, ports)
        tags = [{"Key": key, "Value": value} for key, value in tx.tags.get(job.arn).items()]
        name = experiment_name(job.name)
        trial = tx.resources.find(Trial.arn(job, name))
        # Who deleted the experiment meanwhile wants none.
        if trial is not None and trial.parent == Experiment.arn(job, name):
            request = {**request, "ExperimentConfig": {"ExperimentName": name, "TrialName": name}}
        return TrainingJob.add(ctx, tx, {**request, "Tags": tags}, {"TuningJobArn": job.arn})

    return make


@HyperParameterTuningJob.on_describe
def show_runtime(ctx: Context, tx: Transaction, job: Resource, document: Document) -> Document:
    end = document.get("HyperParameterTuningEndTime", ctx.now)
    return {**document, "ConsumedResources": {"RuntimeInSeconds": max(0, round(end - job.created))}}


@HyperParameterTuningJob.on_describe
def show_resources(ctx: Context, tx: Transaction, job: Resource, document: Document) -> Document:
    """The SDK's attach() reads ResourceConfig, though what it sends is HyperParameterTuningResourceConfig."""

    def shown(definition: Document) -> Document:
        return {**definition, "ResourceConfig": tuning_plan.resource_config(definition)}

    if "TrainingJobDefinition" in document:
        return {**document, "TrainingJobDefinition": shown(document["TrainingJobDefinition"])}
    return {
        **document,
        "TrainingJobDefinitions": [shown(each) for each in document["TrainingJobDefinitions"]],
    }


@HyperParameterTuningJob.on_stop
def refuse_to_stop_ended(ctx: Context, tx: Transaction, job: Resource) -> None:
    refuse_ended(job, "hyperparameter tuning")


@HyperParameterTuningJob.on_delete
def refuse_to_delete_running(ctx: Context, tx: Transaction, job: Resource) -> None:
    """Its training jobs and its experiment stay."""
    refuse_running(job, "hyperparameter tuning")


def _objective(summary: Document) -> float:
    return float(summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


SORTED: dict[str, Callable[[Document], str | float]] = {
    "Name": lambda summary: str(summary["TrainingJobName"]),
    "CreationTime": lambda summary: float(summary["CreationTime"]),
    "Status": lambda summary: str(summary["TrainingJobStatus"]),
    "FinalObjectiveMetricValue": _objective,
}


@operation("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs(ctx: Context, request: Document) -> Document:
    """Sorted by the objective, those without one are left out, as on AWS."""
    with ctx.read() as tx:
        job = HyperParameterTuningJob.load(ctx, tx, request["HyperParameterTuningJobName"])
    found = [trial["summary"] for trial in tuning.trials(job)]
    if "StatusEquals" in request:
        found = [each for each in found if each["TrainingJobStatus"] == request["StatusEquals"]]
    by = request.get("SortBy", "Name")
    if by == "FinalObjectiveMetricValue":
        found = [each for each in found if "FinalHyperParameterTuningJobObjectiveMetric" in each]
    found.sort(key=SORTED[by], reverse=request.get("SortOrder", "Ascending") == "Descending")
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ServiceError("ValidationException", "Invalid pagination token: NextToken.")
    start, size = int(token), request.get("MaxResults", 10)
    page = found[start : start + size]
    more = str(start + size) if start + size < len(found) else None
    return {"TrainingJobSummaries": page, "NextToken": more}
