"""SimulatePrincipalPolicy: what a role, a user or the root may do, by its policies.

The SageMaker SDK's ModelTrainer asks it whether a role can do its work before it creates a job. Beside the
principal's own policies those of the request (PolicyInputList) count.
"""

from __future__ import annotations

from collections.abc import Sequence

from clary.api import Context, Document, ServiceError, operation
from clary.domain.identity import parse_arn
from clary.domain.identity_policies import MalformedPolicy, Policy, evaluate, parse_policy
from clary.services.iam import managed
from clary.services.iam.entities import find_arn, no_such
from clary.services.iam.policies import policies_of
from clary.storage.ports import Transaction


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(ctx: Context, request: Document) -> Document:
    with ctx.read() as tx:
        policies = _policies(tx, ctx.account, request["PolicySourceArn"])
    try:
        given = [
            (f"PolicyInputList.{n}", parse_policy(text))
            for n, text in enumerate(request.get("PolicyInputList", ()), 1)
        ]
    except MalformedPolicy as error:
        raise ServiceError("InvalidInput", str(error)) from None
    context = {
        entry["ContextKeyName"].lower(): tuple(entry.get("ContextKeyValues", ()))
        for entry in request.get("ContextEntries", ())
    }
    results = []
    for action in request["ActionNames"]:
        if ":" not in action and action != "*":
            raise ServiceError("InvalidInput", f"Invalid action: {action}")
        for resource in request.get("ResourceArns") or ["*"]:
            decision = evaluate([*policies, *given], action, resource, context)
            matched = [
                {"SourcePolicyId": name, "SourcePolicyType": "IAM Policy"} for name in decision.matched
            ]
            results.append({
                "EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision.outcome,
                "MatchedStatements": matched, "MissingContextValues": [],
            })  # fmt: skip
    return {"EvaluationResults": results, "IsTruncated": False}


def _policies(tx: Transaction, account: str, arn: str) -> Sequence[tuple[str, Policy]]:
    actor = parse_arn(arn)
    if actor is None or actor.account != account:
        raise ServiceError(
            "InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    if actor.kind == "root":
        policy = managed.find(f"{managed.PREFIX}AdministratorAccess")
        return [("AdministratorAccess", policy)] if policy else []
    entity = find_arn(tx, arn)
    if entity is None:
        raise no_such(
            f"The {'user' if actor.kind == 'user' else 'role'} with name {actor.name} cannot be found."
        )
    return policies_of(entity)
