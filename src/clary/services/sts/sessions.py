"""Sessions: an access key with a token and an end, kept with all other keys."""

from __future__ import annotations

from clary.domain.identity import new_secret, new_token, parse_arn, session_arn, unique_id
from clary.storage.ports import Key, Transaction


def session(
    tx: Transaction, account: str, role_arn: str, session_name: str, now: float, seconds: float
) -> Key:
    """Credentials of a role for a time, which act as `assumed-role/ROLE/SESSION`. For the house itself: neither
    the role's trust nor the bounds on DurationSeconds are looked at. Raises ValueError for what is no role's ARN."""
    actor = parse_arn(role_arn)
    if actor is None or actor.kind != "role":
        raise ValueError(f"{role_arn} is not the ARN of a role")
    return issue(tx, account, session_arn(actor.account, actor.name, session_name), now, seconds)


def issue(tx: Transaction, account: str, principal: str, now: float, seconds: float) -> Key:
    tx.keys.purge(now)
    key = Key(unique_id("ASIA", 20), new_secret(), account, principal, now, new_token(), now + seconds)
    tx.keys.put(key)
    return key
