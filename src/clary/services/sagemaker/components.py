"""Trial components: in no trial, in one or in several, never directly in an experiment.

A component's membership is a `PartOf` edge to each of its trials. Users make components by hand;
every job makes one for itself (`create_job_component`), which follows the job's row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from clary.api import Context, Document, Kind, ServiceError, operation
from clary.domain import experiments as rules
from clary.domain.experiments import PART_OF
from clary.domain.search import Compare, Expression, Operator
from clary.services.sagemaker.components_lineage import write_lineage
from clary.services.sagemaker.experiments import Experiment, show_name
from clary.services.sagemaker.lineage_entities import GROUP, LineageGroup
from clary.services.sagemaker.trials import Trial, in_experiment
from clary.storage.ports import Edge, Exists, Resource, Summary, Transaction

TrialComponent = Kind(
    "sagemaker",
    "TrialComponent",
    arn="experiment-trial-component",
    exists="ValidationException",
    missing=("ResourceNotFound", "TrialComponent '{arn}' does not exist."),
    summary={"TrialComponentSource": "Source"},
)
TrialComponent.serves("Create", "Describe", "List", "Update", "Delete")
TrialComponent.on_create(show_name)


@TrialComponent.on_update
def merge_maps(_ctx: Context, _tx: Transaction, component: Resource, request: Document) -> Document:
    try:
        return rules.merged(component.spec, request)
    except rules.TooMany as error:
        raise ServiceError(
            "ValidationException",
            f"TrialComponent '{component.arn}' can have at most {error.limit} {error.member}.",
        ) from None


@TrialComponent.on_describe
def show_metrics(_ctx: Context, tx: Transaction, component: Resource, document: Document) -> Document:
    summaries = tx.metrics.summaries([component.arn]).get(component.arn, ())
    return complete(document, summaries)


def complete(document: Document, summaries: Iterable[Summary]) -> Document:
    """A component's document as clients need it: the maps are there even when empty. A job's component names the job
    as its metrics' source."""
    arn, source = document["TrialComponentArn"], document.get("Source")
    measured = arn if source is None else source["SourceArn"]
    whole: Document = {"Parameters": {}, "InputArtifacts": {}, "OutputArtifacts": {}, **document}
    whole["Metrics"] = [metric_summary(summary, measured) for summary in summaries]
    whole["LineageGroupArn"] = f"{arn.rpartition(':')[0]}:{LineageGroup.path}/{GROUP}"
    if source is not None:
        whole["Sources"] = [source]
    return whole


def metric_summary(summary: Summary, source: str) -> Document:
    """The model's TrialComponentMetricSummary; `source` is an ARN."""
    return {
        "MetricName": summary.name,
        "SourceArn": source,
        "TimeStamp": summary.time,
        "Max": summary.maximum,
        "Min": summary.minimum,
        "Last": summary.last,
        "Count": summary.count,
        "Avg": summary.average,
        "StdDev": summary.deviation,
    }


@TrialComponent.on_list
def of_experiment_trial_or_source(ctx: Context, tx: Transaction, request: Document) -> Expression | None:
    given = [member for member in ("ExperimentName", "TrialName", "SourceArn") if member in request]
    if len(given) > 1:
        raise ServiceError(
            "ValidationException", f"You can filter by only one of {' and '.join(given)}: give one of them."
        )
    if "ExperimentName" in request:
        experiment = Experiment.load(ctx, tx, request["ExperimentName"])
        return Compare("Parents.ExperimentName", Operator.EQUALS, experiment.name)
    if "TrialName" in request:
        trial = Trial.load(ctx, tx, request["TrialName"])
        return Compare("Parents.TrialArn", Operator.EQUALS, trial.arn)
    if "SourceArn" in request:
        return Compare("Source.SourceArn", Operator.EQUALS, request["SourceArn"].lower())
    return None


@Trial.on_list
def of_component(ctx: Context, tx: Transaction, request: Document) -> Expression | None:
    if "TrialComponentName" not in request:
        return None
    component = TrialComponent.load(ctx, tx, request["TrialComponentName"])
    edges = tx.edges.list(source=component.arn, kinds=(PART_OF,))
    return Compare("Arn", Operator.IN, tuple(edge.destination for edge in edges))


@TrialComponent.on_delete
def refuse_in_trials(_ctx: Context, tx: Transaction, component: Resource) -> None:
    if tx.edges.list(source=component.arn, kinds=(PART_OF,), limit=1):
        raise ServiceError(
            "ValidationException",
            f"TrialComponent '{component.arn}' is linked to 1 or more trials and cannot be deleted.",
        )


@operation("sagemaker", "AssociateTrialComponent")
def associate_trial_component(ctx: Context, request: Document) -> Document:
    """Again is no error, and changes nothing."""
    with ctx.begin() as tx:
        component, trial = _pair(ctx, tx, request)
        _associate(tx, component, trial, ctx.now)
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


@operation("sagemaker", "DisassociateTrialComponent")
def disassociate_trial_component(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        component, trial = _pair(ctx, tx, request)
        if not tx.edges.delete(PART_OF, component.arn, trial.arn):
            raise ServiceError(
                "ResourceNotFound",
                f"TrialComponent '{component.arn}' is not associated with Trial '{trial.arn}'.",
            )
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


def _pair(ctx: Context, tx: Transaction, request: Document) -> tuple[Resource, Resource]:
    component = TrialComponent.load(ctx, tx, request["TrialComponentName"])
    return component, Trial.load(ctx, tx, request["TrialName"])


def _associate(tx: Transaction, component: Resource, trial: Resource, now: float) -> None:
    edges = tx.edges.list(source=component.arn, destination=trial.arn, kinds=(PART_OF,), limit=1)
    if not edges:
        tx.edges.put(Edge(PART_OF, component.arn, trial.arn, now))


@dataclass(frozen=True, slots=True)
class Place:
    account: str
    region: str


def create_job_component(
    tx: Transaction,
    *,
    account: str,
    region: str,
    now: float,
    job: Resource,
    experiment_config: Document | None,
    model: Document | None = None,
) -> Resource:
    """Make a job's trial component, `<job>-aws-training-job` (or `-processing-job`, `-transform-job`), and put it where
    `experiment_config` says: TrialName into that trial; ExperimentName alone into a new trial of the experiment, or for a run
    into the trial of all runs; neither: into none. Raises ServiceError (`ResourceNotFound`,
    `ValidationException`) before anything is written."""
    config, where = experiment_config or {}, Place(account, region)
    trial = _job_trial(tx, where, now, job, config)
    document = job.document
    spec: Document = {
        "TrialComponentName": job_component_name(tx, where, job),
        "DisplayName": config.get("TrialComponentDisplayName", job.name),
        "Source": {"SourceArn": job.arn, "SourceType": f"SageMaker{job.kind}"},
        "Parameters": rules.job_parameters(document, model or {}),
        "InputArtifacts": rules.job_inputs(document),
        **rules.job_state(document),
    }
    if "RunName" in config:
        spec["RunName"] = config["RunName"]
    component = TrialComponent.new(where, spec["TrialComponentName"], spec, now, job.state.get("CreatedBy"))
    component = _insert(tx, TrialComponent, component)
    if trial is not None:
        _associate(tx, component, trial, now)
    write_lineage(tx, component, now)
    return component


def job_component_name(tx: Transaction, where: Place, job: Resource) -> str:
    """A deleted job leaves its component; a later one of its name gets another."""
    name = rules.job_component(job.kind, job.name)
    found = tx.resources.find(TrialComponent.arn(where, name))
    if found is None or "Source" not in found.spec or tx.resources.find(found.spec["Source"]["SourceArn"]):
        return name
    return f"{name}-{int(job.created * 1000)}"


def update_job_component(tx: Transaction, job: Resource, now: float) -> None:
    """Bring a job's trial component up to date with the job's row. A component that its user
    deleted meanwhile stays deleted."""
    kept = job.state.get("Clary", {}).get("component")
    component = tx.resources.find(kept or TrialComponent.arn(job, rules.job_component(job.kind, job.name)))
    if component is None:
        return
    changes = rules.job_state(job.document)
    changes["OutputArtifacts"] = {**component.spec.get("OutputArtifacts", {}), **changes["OutputArtifacts"]}
    spec = {**component.spec, **changes}
    if spec != component.spec:
        state = {**component.state, "LastModifiedTime": now}
        after = tx.resources.update(replace(component, spec=spec, state=state, modified=now))
        if spec["OutputArtifacts"] != component.spec.get("OutputArtifacts"):
            write_lineage(tx, after, now)


def _job_trial(tx: Transaction, where: Place, now: float, job: Resource, config: Document) -> Resource | None:
    experiment = None
    if "ExperimentName" in config:
        experiment = Experiment.load(where, tx, config["ExperimentName"])
    if "TrialName" in config:
        trial = Trial.load(where, tx, config["TrialName"])
        if experiment is not None and trial.parent != experiment.arn:
            raise ServiceError(
                "ValidationException", f"Trial '{trial.arn}' is not in Experiment '{experiment.arn}'."
            )
        return trial
    if experiment is None:
        return None
    name = f"Default-Run-Group-{experiment.name}"[:120] if "RunName" in config else f"{job.name}-aws-trial"
    found = tx.resources.find(Trial.arn(where, name))
    if found is not None and found.parent == experiment.arn:
        return found
    spec = {"TrialName": name, "DisplayName": name}
    trial = Trial.new(where, name, spec, now, job.state.get("CreatedBy"))
    return _insert(tx, Trial, in_experiment(trial, experiment))


def _insert(tx: Transaction, kind: Kind, resource: Resource) -> Resource:
    try:
        return tx.resources.insert(resource)
    except Exists:
        raise kind.taken(resource.name, resource.arn) from None
