"""Policy documents: are they well formed, whom does a role trust, what does a set of them allow. Pure.

    evaluate(documents, action, resource, context)   Decision: `allowed`, `explicitDeny` or `implicitDeny`
    trusts(document, caller, account, context)       may the caller assume the role with this trust policy

An explicit deny wins over any allow; nothing said is a deny. Conditions with the string, ARN, Bool and Null
operators are evaluated; a statement with any other operator never allows, and always denies where it denies.
Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from clary.domain.identity import parse_arn, role_arn, root_arn

Policy = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]
"""Condition keys, lower case, and their values."""


class MalformedPolicy(ValueError):
    """A document that is not a policy; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class Decision:
    outcome: str
    """`allowed`, `explicitDeny` or `implicitDeny`."""
    matched: tuple[str, ...] = ()
    """Names of the policies whose statements decided."""


def parse_policy(text: str, *, trust: bool = False) -> Policy:
    """A policy document. Raises `MalformedPolicy`. `trust`: it says who, not what."""
    try:
        document = json.loads(text)
    except ValueError:
        raise MalformedPolicy("This policy contains invalid Json") from None
    if not isinstance(document, dict) or not isinstance(document.get("Statement"), (dict, list)):
        raise MalformedPolicy("Syntax errors in policy.")
    if document.get("Version", "2012-10-17") not in ("2012-10-17", "2008-10-17"):
        raise MalformedPolicy("Policy document version must be 2012-10-17 or greater.")
    statements = _statements(document)
    if not statements:
        raise MalformedPolicy("Syntax errors in policy.")
    for statement in statements:
        _check_statement(statement, trust)
    return document


def _check_statement(statement: Any, trust: bool) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy("Syntax errors in policy.")
    if ("Action" in statement) == ("NotAction" in statement):
        raise MalformedPolicy("Policy statement must contain actions.")
    if trust:
        if "Resource" in statement or "NotResource" in statement:
            raise MalformedPolicy("Has prohibited field Resource")
        if not isinstance(statement.get("Principal", statement.get("NotPrincipal")), (dict, str)):
            raise MalformedPolicy("AssumeRole policy must contain principals.")
        for action in _strings(statement.get("Action", statement.get("NotAction"))):
            if action != "*" and not action.lower().startswith("sts:"):
                raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
        return
    if "Principal" in statement or "NotPrincipal" in statement:
        raise MalformedPolicy("Policy document should not specify a principal.")
    if ("Resource" in statement) == ("NotResource" in statement):
        raise MalformedPolicy("Policy statement must contain resources.")
    for action in _strings(statement.get("Action", statement.get("NotAction"))):
        if action != "*" and ":" not in action:
            raise MalformedPolicy(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            )


def evaluate(
    policies: Iterable[tuple[str, Policy]], action: str, resource: str = "*", context: Context | None = None
) -> Decision:
    """What these named policies say together."""
    allowed: list[str] = []
    denied: list[str] = []
    for name, policy in policies:
        for statement in _statements(policy):
            if not _applies(statement, action, resource):
                continue
            denies = statement["Effect"] == "Deny"
            if _conditions_met(statement, context or {}, otherwise=denies):
                (denied if denies else allowed).append(name)
    if denied:
        return Decision("explicitDeny", tuple(dict.fromkeys(denied)))
    if allowed:
        return Decision("allowed", tuple(dict.fromkeys(allowed)))
    return Decision("implicitDeny")


def trusts(policy: Policy, caller: str, context: Context | None = None) -> bool:
    """Whether a role's trust policy lets `caller` (an ARN) assume it. Trust in an account's root is trust in
    everybody of the account, as its own policies allow."""
    trusted = False
    for statement in _statements(policy):
        denies = statement["Effect"] == "Deny"
        if not _action_matches(statement, "sts:AssumeRole") or not _principal_matches(statement, caller):
            continue
        if _conditions_met(statement, context or {}, otherwise=denies):
            if denies:
                return False
            trusted = True
    return trusted


def trusts_service(policy: Policy, service: str) -> bool:
    """Whether a role's trust policy lets an AWS service (`sagemaker.amazonaws.com`) assume it."""
    return any(
        statement["Effect"] == "Allow"
        and isinstance(principal := statement.get("Principal"), dict)
        and service in _strings(principal.get("Service"))
        for statement in _statements(policy)
    )


def _principal_matches(statement: Policy, caller: str) -> bool:
    negated = "NotPrincipal" in statement
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    listed = (
        ["*"] if principal == "*" else _strings(principal.get("AWS") if isinstance(principal, dict) else None)
    )
    return any(item in _names_of(caller) for item in listed) != negated


def _names_of(caller: str) -> set[str]:
    """All that a policy can call this principal."""
    names = {"*", caller}
    if actor := parse_arn(caller):
        names |= {actor.account, root_arn(actor.account)}
        if actor.kind == "assumed-role":
            # The path of a role is not in its sessions' ARNs, nor need it be here.
            names.add(role_arn(actor.account, "/", actor.name))
    return names


def _applies(statement: Policy, action: str, resource: str) -> bool:
    if not _action_matches(statement, action):
        return False
    negated = "NotResource" in statement
    patterns = _strings(statement.get("Resource", statement.get("NotResource")))
    return any(_like(pattern, resource) for pattern in patterns) != negated


def _action_matches(statement: Policy, action: str) -> bool:
    negated = "NotAction" in statement
    patterns = _strings(statement.get("Action", statement.get("NotAction")))
    return any(_like(pattern.lower(), action.lower()) for pattern in patterns) != negated


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    # Operator: how a value meets one of the policy's, and whether the outcome is turned round.
    "StringEquals": (lambda wanted, given: wanted == given, False),
    "StringNotEquals": (lambda wanted, given: wanted == given, True),
    "StringEqualsIgnoreCase": (lambda wanted, given: wanted.lower() == given.lower(), False),
    "StringNotEqualsIgnoreCase": (lambda wanted, given: wanted.lower() == given.lower(), True),
    "StringLike": (lambda wanted, given: _like(wanted, given), False),
    "StringNotLike": (lambda wanted, given: _like(wanted, given), True),
    "ArnEquals": (lambda wanted, given: _like(wanted, given), False),
    "ArnLike": (lambda wanted, given: _like(wanted, given), False),
    "ArnNotEquals": (lambda wanted, given: _like(wanted, given), True),
    "ArnNotLike": (lambda wanted, given: _like(wanted, given), True),
    "Bool": (lambda wanted, given: wanted.lower() == given.lower(), False),
}


def _conditions_met(statement: Policy, context: Context, otherwise: bool) -> bool:
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            met = _condition_met(operator, context.get(key.lower()), _strings(wanted))
            if not (otherwise if met is None else met):
                return False
    return True


def _condition_met(operator: str, given: tuple[str, ...] | None, wanted: list[str]) -> bool | None:
    """None for an operator that is not known here."""
    if operator == "Null":
        return (given is None) == (wanted == ["true"])
    base = operator.removesuffix("IfExists")
    if base not in _OPERATORS:
        return None
    if given is None:
        return base != operator or _OPERATORS[base][1]
    meets, turned = _OPERATORS[base]
    return any(meets(want, value) for want in wanted for value in given) != turned


def _statements(policy: Policy) -> list[Any]:
    statements = policy["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _strings(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [_string(item) for item in value]
    return [_string(value)]


def _string(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like(pattern: str, text: str) -> bool:
    return pattern == "*" or _pattern(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in re.sub(r"\*+", "*", pattern))
    return re.compile("".join(parts), re.DOTALL)
