"""The first start of a home: an account, its root's access key, a role, a notebook's key, and where keys are written.

Programs act as a SageMaker notebook does: as a session of the role, so that `get_execution_role()` finds it. The
notebook's key stands for that session and, unlike one of STS, needs no token and does not expire.

Account, keys and role are one transaction; the file follows it, and a start that finds the keys but not the file
writes the file. So a server killed anywhere in between is put right by its next start.
"""

from __future__ import annotations

import configparser
import io
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from clary.api import Ports
from clary.domain.identity import REGION, root_arn, session_arn
from clary.services.iam import managed
from clary.services.iam.entities import ROLE_KIND, find
from clary.services.iam.keys import new_key
from clary.services.iam.policies import attach
from clary.services.iam.roles import new_role
from clary.storage.ports import Key, Resource, Transaction

CREDENTIALS = "credentials"
"""The file in the home, in the form of ~/.aws/credentials, readable by its owner only: profile `default` is the
account's root, `notebook` the session that programs act as."""
ROLE = "SageMakerRole"
SESSION = "notebook"
ATTACHED = ("AmazonSageMakerFullAccess", "AmazonS3FullAccess")


def bootstrap(ports: Ports) -> Key:
    """The root's key of `settings.account`, which is made on the first start. Changes nothing on a later one."""
    account, now = ports.settings.account, time.time()
    with ports.store.begin() as tx:
        key = _active(tx, root_arn(account)) or _make(tx, account, now)
        notebook = _notebook_key(tx, account, now)
    write_credentials(ports.settings.home / CREDENTIALS, {"default": key, "notebook": notebook})
    return key


def _notebook_key(tx: Transaction, account: str, now: float) -> Key:
    session = session_arn(account, ROLE, SESSION)
    key = _active(tx, session)
    if key is None:
        key = new_key(account, session, now)
        tx.keys.put(key)
    return key


def _active(tx: Transaction, principal: str) -> Key | None:
    keys = [key for key in tx.keys.list(principal) if key.active and key.token is None]
    return min(keys, key=lambda key: (key.created, key.id)) if keys else None


def _make(tx: Transaction, account: str, now: float) -> Key:
    """Also for an account whose root was left without an active key: it has to have one to be of use."""
    key = new_key(account, root_arn(account), now)
    tx.keys.put(key)
    if tx.resources.find(root_arn(account)) is None:
        tx.resources.insert(Resource(root_arn(account), account, REGION, "Account", account, now, now))
        if find(tx, account, ROLE_KIND, ROLE) is None:
            tx.resources.insert(_role(account, now))
    return key


def _role(account: str, now: float) -> Resource:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"Service": "sagemaker.amazonaws.com", "AWS": root_arn(account)}},
        ],
    }  # fmt: skip
    role = new_role(
        account,
        {
            "RoleName": ROLE, "AssumeRolePolicyDocument": json.dumps(trust), "MaxSessionDuration": 43200,
            "Description": "For training jobs, endpoints and notebooks; made on Clary's first start.",
        },
        now,
    )  # fmt: skip
    for name in ATTACHED:
        role = attach(role, managed.PREFIX + name)
    return role


def write_credentials(path: Path, keys: Mapping[str, Key]) -> None:
    """Durably, whole or not at all; other profiles in the file stay."""
    profiles = configparser.RawConfigParser()
    try:
        profiles.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (configparser.Error, UnicodeDecodeError):
        profiles = configparser.RawConfigParser()
    wanted = {
        name: {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret} for name, key in keys.items()
    }
    if all(name in profiles and dict(profiles[name]) == key for name, key in wanted.items()) and _private(
        path
    ):
        return
    profiles.read_dict(wanted)
    text = io.StringIO()
    profiles.write(text)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _private(path: Path) -> bool:
    return path.stat().st_mode & 0o077 == 0
