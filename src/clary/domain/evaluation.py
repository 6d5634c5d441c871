"""A rule evaluation's life: a Debugger or profiler rule of one training job, over the common course of jobs.

InProgress ──> NoIssuesFound, IssuesFound    the rule's program ended well, and said which (its message)
          └──> Error                         it could not judge: StatusDetails says why
          └──> Stopped
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from clary.domain.job_events import Exited
from clary.domain.jobs import REASON_LIMIT, Life
from clary.domain.machine import Document
from clary.domain.machine import Row as Job

MET = "RuleEvaluationConditionMet"
"""How a program's message begins when it has found an issue."""
RULES = ("DebugRuleConfigurations", "ProfilerRuleConfigurations")
"""A training job's members that ask for evaluations."""
SHOWN = {"DebugRuleConfigurations": "DebugRuleEvaluationStatuses",
         "ProfilerRuleConfigurations": "ProfilerRuleEvaluationStatuses"}  # fmt: skip
DEFAULT_IMAGE = "DEFAULT_RULE_EVALUATOR_IMAGE"
"""What SDKs send as RuleEvaluatorImage of a built-in rule."""


class Evaluation(Life):
    status = "RuleEvaluationStatus"

    def entered(self, job: Job, phase: str, notes: Iterable[str], now: float) -> Document:
        return {}

    def exited(self, job: Job, exit: Exited, seconds: int) -> Document:
        """What was found is shown when reports are in place and actions taken: by `finished`."""
        if not exit.succeeded:
            return {}
        found = "IssuesFound" if exit.message.startswith(MET) else "NoIssuesFound"
        return {"Found": found, "StatusDetails": exit.message[:REASON_LIMIT]}

    def finished(self, job: Job, outcome: str, why: str, model: str | None, now: float) -> Document:
        """`model`: what became of the rule's actions."""
        if outcome == "Completed":
            details = " ".join(filter(None, [job.state.get("StatusDetails", ""), model]))
            return {self.status: job.state.get("Found", "Error"), "StatusDetails": details[:REASON_LIMIT]}
        return {self.status: "Error" if outcome == "Failed" else "Stopped"}


EVALUATION = Evaluation()


def evaluation_name(job: str, rule: str, created: float) -> str:
    """Of a rule's processing job, as AWS names it: both names, cut, and what makes it unique."""
    digest = hashlib.sha256(f"{job}/{rule}/{created}".encode()).hexdigest()[:8]
    parts = (re.sub(r"[^A-Za-z0-9]+", "-", part)[:26].strip("-") for part in (job, rule))
    return "-".join([*parts, digest])


def status_of(evaluation: Document, arn: str, name: str) -> Document:
    """An entry of DebugRuleEvaluationStatuses. `evaluation`: its state."""
    shown = {
        "RuleConfigurationName": name,
        "RuleEvaluationJobArn": arn,
        "RuleEvaluationStatus": evaluation[Evaluation.status],
        "LastModifiedTime": evaluation["LastModifiedTime"],
    }
    details = evaluation.get("StatusDetails") or evaluation.get("FailureReason")
    return {**shown, "StatusDetails": details} if details else shown


class BadActions(ValueError):
    """`action_json` is not what SDKs send; the message says how it should look."""


KNOWN = ("stoptraining", "email", "sms", "webhook")


def actions(parameters: Document, job: str) -> list[Document]:
    """What to do when a rule finds an issue, from its RuleParameters, each with its `name`. Raises `BadActions`."""
    text = parameters.get("action_json", "").strip()
    try:
        # SDKs escape the quotes, for a shell that AWS puts between.
        given: Any = json.loads(text.replace('\\"', '"')) if text else []
    except ValueError as error:
        raise BadActions(f"action_json is not JSON: {error}.") from None
    found = given if isinstance(given, list) else [given]
    for action in found:
        name = action.get("name", "") if isinstance(action, dict) else ""
        if str(name).lower() not in KNOWN:
            raise BadActions(f"action_json: {action!r} is no action with a name of {', '.join(KNOWN)}.")
        if name.lower() != "stoptraining" and not action.get("endpoint"):
            raise BadActions(f"action_json: the action {name} needs an endpoint.")
    if parameters.get("rule_to_invoke") == "StalledTrainingRule" and _true(
        parameters, "stop_training_on_fire"
    ):
        prefix = parameters.get("training_job_name_prefix") or job
        found = [*found, {"name": "stoptraining", "training_job_prefix": prefix}]
    return [{**action, "name": action["name"].lower()} for action in found]


def _true(parameters: Document, name: str) -> bool:
    return str(parameters.get(name, "")).lower() in ("true", "1", "yes")
