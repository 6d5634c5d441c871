"""The rules of a training job: checked and queued when it is created, shown by DescribeTrainingJob.

Each is a row of its own (`RuleEvaluation`), which `orchestrator.evaluations` runs; a job without rules has none
and pays nothing.
"""

from __future__ import annotations

import re
from collections import Counter

from msgspec.structs import replace

from clary.api import Answer, Asked, Context, Document, extension
from clary.api.kind import WAKE
from clary.domain.evaluation import (
    DEFAULT_IMAGE,
    RULES,
    SHOWN,
    BadActions,
    Evaluation,
    actions,
    evaluation_name,
    status_of,
)
from clary.domain.jobs import phase
from clary.domain.profiling import profiled
from clary.services.sagemaker.job_checks import check_bucket, refused
from clary.services.sagemaker.training import TrainingJob
from clary.storage.ports import Effect, Resource, Transaction

DEBUG = "DebugRuleConfigurations"
RULE_NAME = re.compile(r"[\w.-]{1,256}")
MOST = 20
"""Rules of each sort, as on AWS."""


@TrainingJob.on_create
def queue_rules(ctx: Context, tx: Transaction, job: Resource) -> Resource | None:
    given = [(member, rule) for member in RULES for rule in job.spec.get(member, ())]
    if not given:
        return None
    check_names(job.spec)
    if job.spec.get("DebugRuleConfigurations"):
        check_hook(job)
    if job.spec.get("ProfilerRuleConfigurations"):
        check_profiled(job.spec)
    return with_rules(job, [(member, queue(ctx, tx, job, member, rule)) for member, rule in given])


@TrainingJob.on_describe
def show_rules(ctx: Context, tx: Transaction, job: Resource, document: Document) -> Document:
    for member, arns in job.state.get("Clary", {}).get("rules", {}).items():
        found = [evaluation for arn in arns if (evaluation := tx.resources.find(arn)) is not None]
        document = {
            **document,
            SHOWN[member]: [
                status_of(each.state, each.arn, each.spec["Rule"]["RuleConfigurationName"]) for each in found
            ],
        }
    return document


@extension("POST", "/_clary/rules")
def judge_afterwards(ctx: Context, asked: Asked) -> Answer:
    """{"TrainingJobName", "DebugRuleConfigurations"}: further rules on what a job has saved, whenever it ran. They show
    with its others; one of a name that is there already takes its place."""
    name, rules = asked.document.get("TrainingJobName"), asked.document.get(DEBUG)
    if not isinstance(name, str) or not isinstance(rules, list) or not all(map(is_rule, rules)):
        raise refused(
            "TrainingJobName and DebugRuleConfigurations, each with a RuleConfigurationName, are expected."
        )
    names = [rule["RuleConfigurationName"] for rule in rules]
    with ctx.begin() as tx:
        job = TrainingJob.load(ctx, tx, name)
        check_hook(job)
        check_names({DEBUG: rules})
        kept = dict(job.state.get("Clary", {}).get("rules", {}))
        kept[DEBUG] = [arn for arn in kept.get(DEBUG, ()) if not _replaced(tx, arn, names)]
        job = replace(job, state={**job.state, "Clary": {**job.state.get("Clary", {}), "rules": kept}})
        given = {"RuleEvaluatorImage": DEFAULT_IMAGE}
        queued = [(DEBUG, queue(ctx, tx, job, DEBUG, {**given, **rule})) for rule in rules]
        tx.resources.update(with_rules(job, queued))
    return {"RuleEvaluationJobArns": [evaluation.arn for _, evaluation in queued]}


def is_rule(value: object) -> bool:
    return isinstance(value, dict) and bool(RULE_NAME.fullmatch(str(value.get("RuleConfigurationName", ""))))


def _replaced(tx: Transaction, arn: str, names: list[str]) -> bool:
    """Raises `ServiceError` for one that is still at work."""
    evaluation = tx.resources.find(arn)
    if evaluation is None:
        return True
    name = evaluation.spec["Rule"]["RuleConfigurationName"]
    if name not in names:
        return False
    if phase(evaluation) != "end":
        raise refused(f"The rule {name} is still being evaluated.")
    tx.resources.delete(arn)
    return True


@TrainingJob.on_delete
def delete_rules(ctx: Context, tx: Transaction, job: Resource) -> None:
    """Evaluations that have ended go with their job; one that has not is stopped, and stays as its log does."""
    for arns in job.state.get("Clary", {}).get("rules", {}).values():
        for evaluation in filter(None, map(tx.resources.find, arns)):
            if phase(evaluation) == "end":
                tx.resources.delete(evaluation.arn)
            else:
                stop(ctx, tx, evaluation)


def stop(ctx: Context, tx: Transaction, evaluation: Resource) -> None:
    tx.resources.update(replace(evaluation, target="Stopped"))
    tx.outbox.put(Effect(evaluation.arn, evaluation.generation, WAKE, due=ctx.now))


def check_hook(job: Resource) -> None:
    if "DebugHookConfig" not in job.spec:
        raise refused("DebugRuleConfigurations need a DebugHookConfig: without it a job saves no tensors.")


def check_profiled(spec: Document) -> None:
    if not profiled(spec):
        raise refused(
            "ProfilerRuleConfigurations need a ProfilerConfig with an S3OutputPath that is not disabled."
        )


def check_names(spec: Document) -> None:
    for member in RULES:
        rules = spec.get(member, ())
        if len(rules) > MOST:
            raise refused(f"{member} can have at most {MOST} rules, not {len(rules)}.")
        for name, count in Counter(rule["RuleConfigurationName"] for rule in rules).items():
            if count > 1:
                raise refused(f"{member}: the name {name!r} is there {count} times; each rule needs its own.")


def queue(ctx: Context, tx: Transaction, job: Resource, member: str, rule: Document) -> Resource:
    """A row that waits for the job to run."""
    name = rule["RuleConfigurationName"]
    try:
        actions(rule.get("RuleParameters", {}), job.name)
    except BadActions as error:
        raise refused(f"Rule {name}: {error}") from None
    if "S3OutputPath" in rule:
        check_bucket(ctx, rule["S3OutputPath"], f"rule {name}")
    process = evaluation_name(job.name, name, ctx.now)
    evaluation = Resource(
        arn=f"arn:aws:sagemaker:{job.region}:{job.account}:processing-job/{process.lower()}",
        account=job.account, region=job.region, kind="RuleEvaluation", name=process, created=ctx.now,
        modified=ctx.now, parent=job.arn, status="InProgress",
        spec={
            "Rule": rule, "Profiler": member == "ProfilerRuleConfigurations", "TrainingJobName": job.name,
            "TrainingJobArn": job.arn, "RoleArn": job.spec["RoleArn"],
        },
        state={Evaluation.status: "InProgress", "LastModifiedTime": ctx.now},
    )  # fmt: skip
    tx.outbox.put(Effect(evaluation.arn, evaluation.generation, WAKE, due=ctx.now))
    return tx.resources.insert(evaluation)


def with_rules(job: Resource, queued: list[tuple[str, Resource]]) -> Resource:
    arns = {member: list(there) for member, there in job.state.get("Clary", {}).get("rules", {}).items()}
    for member, evaluation in queued:
        arns.setdefault(member, []).append(evaluation.arn)
    return replace(job, state={**job.state, "Clary": {**job.state.get("Clary", {}), "rules": arns}})
