"""A training job's profiler: checked when the job is created, shown by DescribeTrainingJob, and turned on, off and
changed while it runs by UpdateTrainingJob, which may add profiler rules too. Recording is `orchestrator.profiling`.
"""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document
from clary.domain.jobs import phase
from clary.domain.profiling import BadProfiler, check, interval, profiled, updated
from clary.services.sagemaker.job_checks import check_bucket, refused
from clary.services.sagemaker.rule_evaluations import check_names, check_profiled, queue, stop, with_rules
from clary.services.sagemaker.training import TrainingJob
from clary.storage.ports import Resource, Transaction

RULES = "ProfilerRuleConfigurations"


@TrainingJob.on_create
def check_config(ctx: Context, tx: Transaction, job: Resource) -> None:
    try:
        check(job.spec.get("ProfilerConfig", {}))
    except BadProfiler as error:
        raise refused(str(error)) from None


@TrainingJob.on_describe
def show_status(ctx: Context, tx: Transaction, job: Resource, document: Document) -> Document:
    if "ProfilerConfig" not in job.spec:
        return document
    return {**document, "ProfilingStatus": "Disabled" if interval(job.spec) is None else "Enabled"}


@TrainingJob.on_update
def update_config(ctx: Context, tx: Transaction, job: Resource, request: Document) -> Document:
    """A profiler that is turned off takes its rules with it."""
    if "ProfilerConfig" not in request:
        return request
    try:
        config = updated(job.spec.get("ProfilerConfig", {}), request["ProfilerConfig"])
    except BadProfiler as error:
        raise refused(str(error)) from None
    spec = {**job.spec, "ProfilerConfig": config}
    if profiled(spec):
        check_bucket(ctx, config["S3OutputPath"], "ProfilerConfig")
    else:
        for evaluation in filter(None, map(tx.resources.find, queued(job))):
            if phase(evaluation) != "end":
                stop(ctx, tx, evaluation)
    return {**request, "ProfilerConfig": config}


@TrainingJob.on_update
def add_rules(ctx: Context, tx: Transaction, job: Resource, request: Document) -> Document:
    """The request's are added to those that the job has."""
    added = request.get(RULES)
    if not added:
        return {name: value for name, value in request.items() if name != RULES}
    spec = {**job.spec, **request, RULES: [*job.spec.get(RULES, ()), *added]}
    check_profiled(spec)
    check_names(spec)
    job = replace(job, spec=spec)
    tx.resources.update(with_rules(job, [(RULES, queue(ctx, tx, job, RULES, rule)) for rule in added]))
    return {**request, RULES: spec[RULES]}


def queued(job: Resource) -> list[str]:
    """ARNs of its profiler rules' evaluations."""
    return list(job.state.get("Clary", {}).get("rules", {}).get(RULES, ()))
