"""What a job's role is asked before the job is made: may SageMaker assume it, and does a policy of its keep it from the
job's data. Requests are not held to policies here (see the package's page), so what no policy says is allowed; what
one denies is not.
"""

from __future__ import annotations

from collections.abc import Iterable

from clary.domain.identity import parse_arn
from clary.domain.identity_policies import evaluate, parse_policy, trusts_service
from clary.services.iam.entities import find_arn
from clary.services.iam.policies import policies_of
from clary.storage.ports import Transaction

SERVICE = "sagemaker.amazonaws.com"


def may_be_assumed(tx: Transaction, arn: str) -> bool:
    """Whether this is the ARN of a role that trusts SageMaker."""
    actor = parse_arn(arn)
    role = find_arn(tx, arn) if actor is not None and actor.kind == "role" else None
    return role is not None and trusts_service(
        parse_policy(role.state["AssumeRolePolicyDocument"], trust=True), SERVICE
    )


def denied(tx: Transaction, arn: str, wanted: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """The first (action, resource) that a policy of the role denies."""
    role = find_arn(tx, arn)
    policies = policies_of(role) if role is not None else []
    for action, resource in wanted if policies else ():
        if evaluate(policies, action, resource, {}).outcome == "explicitDeny":
            return action, resource
    return None
