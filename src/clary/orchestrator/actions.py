"""What a rule's finding leads to: StopTraining stops the job, webhooks are delivered (Clary's own extension),
and e-mail and SMS, which this machine has no service for, are recorded as that.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlsplit

from msgspec.structs import replace

from clary.api.context import Ports
from clary.api.kind import WAKE
from clary.domain.search import Compare, Operator
from clary.storage.ports import Document, Effect, Query, Resource, Transaction

WEBHOOK_SECONDS = 10


def take(ports: Ports, actions: Iterable[Document], training: Resource, rule: str, details: str) -> list[str]:
    """In sentences, what was done. A job that is stopped already is stopped no second time."""
    done = []
    for action in actions:
        if action["name"] == "stoptraining":
            done.append(stop(ports, training, action.get("training_job_prefix") or training.name))
        elif action["name"] == "webhook":
            done.append(post(action["endpoint"], training, rule, details))
        else:
            kind = {"email": "E-mail", "sms": "SMS"}[action["name"]]
            done.append(f"{kind} to {action['endpoint']}: recorded here; Clary sends none.")
    return done


def stop(ports: Ports, training: Resource, prefix: str) -> str:
    with ports.store.begin() as tx:
        found = running(tx, training, prefix)
        if len(found) != 1:
            return f"StopTraining: {len(found)} jobs in progress have names that start with {prefix}, so none is stopped."
        job = found[0]
        tx.resources.update(replace(job, target="Stopped"))
        tx.outbox.put(Effect(job.arn, job.generation, WAKE, due=time.time()))
    return f"StopTraining: {job.name} is stopped."


def running(tx: Transaction, training: Resource, prefix: str) -> list[Resource]:
    """Training jobs in progress whose names start with the prefix."""
    own = tx.resources.find(training.arn)
    if own is not None and own.name.lower() == prefix.lower():
        return [own] if own.status == "InProgress" else []
    query = Query(
        training.account, training.region, ("TrainingJob",), Compare("Status", Operator.EQUALS, "InProgress"),
        limit=1000,
    )  # fmt: skip
    return [job for job in tx.resources.list(query).items if job.name.lower().startswith(prefix.lower())]


def post(url: str, training: Resource, rule: str, details: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        return f"Webhook {url}: not delivered: it is no http or https address."
    body = {
        "TrainingJobName": training.name,
        "TrainingJobArn": training.arn,
        "RuleConfigurationName": rule,
        "RuleEvaluationStatus": "IssuesFound",
        "StatusDetails": details,
    }
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS) as answer:
            return f"Webhook {url}: delivered, answered {answer.status}."
    except OSError as error:
        return f"Webhook {url}: not delivered: {error}."
