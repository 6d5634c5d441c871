"""Names of those who act: ARNs, IDs and secrets of roots, users, roles and their sessions."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

REGION = "aws-global"
"""IAM is one for all regions; its rows carry this one."""

_ID = string.ascii_uppercase + "234567"
_SECRET = string.ascii_letters + string.digits + "+/"


def unique_id(prefix: str, length: int = 21) -> str:
    """`AKIA` access keys and `ASIA` session keys have 20 characters; `AROA` roles and `AIDA` users 21."""
    return prefix + "".join(secrets.choice(_ID) for _ in range(length - len(prefix)))


def new_secret() -> str:
    """A secret access key: 40 characters, 240 bits."""
    return "".join(secrets.choice(_SECRET) for _ in range(40))


def new_token() -> str:
    """A session token: opaque to its holder, 384 bits."""
    return secrets.token_urlsafe(48)


def root_arn(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def role_arn(account: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role{path}{name}"


def user_arn(account: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:user{path}{name}"


def session_arn(account: str, role: str, session: str) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal's ARN, taken apart."""

    account: str
    kind: str
    """`root`, `user`, `role` or `assumed-role`."""
    path: str
    name: str
    session: str = ""


def parse_arn(arn: str) -> Actor | None:
    """None for what is not the ARN of a principal."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] not in ("iam", "sts") or not parts[4]:
        return None
    account, resource = parts[4], parts[5]
    if resource == "root":
        return Actor(account, "root", "/", "root")
    kind, slash, rest = resource.partition("/")
    if not slash or not rest:
        return None
    if kind == "assumed-role":
        name, _, session = rest.partition("/")
        return Actor(account, kind, "/", name, session) if name and session else None
    if kind not in ("user", "role"):
        return None
    path, _, name = rest.rpartition("/")
    return Actor(account, kind, f"/{path}/" if path else "/", name) if name else None
