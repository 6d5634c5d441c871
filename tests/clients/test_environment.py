"""The variables themselves; what clients make of them is in test_hook.py and test_real_clients.py."""

from __future__ import annotations

import os

import pytest

from clary.clients import HOOK, environment
from clary.clients.environment import AWS_DOMAINS

URL = "http://127.0.0.1:4747"
AWS = ",".join(AWS_DOMAINS)


def variables(base: dict[str, str], token: str = "") -> dict[str, str]:
    return environment(URL, "KEY", "SECRET", "us-east-1", base, token=token)


def test_an_empty_shell() -> None:
    assert variables({}) == {
        "AWS_ENDPOINT_URL": URL,
        "AWS_ACCESS_KEY_ID": "KEY",
        "AWS_SECRET_ACCESS_KEY": "SECRET",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "PYTHONPATH": str(HOOK),
    }


def test_a_jobs_token() -> None:
    assert variables({"AWS_SESSION_TOKEN": "stale"}, token="fresh")["AWS_SESSION_TOKEN"] == "fresh"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"AWS_SESSION_TOKEN": "t"}, {"AWS_SESSION_TOKEN": ""}),
        ({"AWS_CREDENTIAL_EXPIRATION": "2020"}, {"AWS_CREDENTIAL_EXPIRATION": ""}),
        ({"AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com"}, {"AWS_ENDPOINT_URL_S3": URL}),
        ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}),
        ({"PYTHONPATH": "/a::/b"}, {"PYTHONPATH": os.pathsep.join([str(HOOK), "/a", "", "/b"])}),
        ({"HTTP_PROXY": "http://p"}, {"NO_PROXY": f"127.0.0.1,{AWS}", "no_proxy": f"127.0.0.1,{AWS}"}),
        ({"https_proxy": "http://p", "no_proxy": "x,y"}, {"no_proxy": f"x,y,127.0.0.1,{AWS}"}),
        ({"HTTP_PROXY": "http://p", "NO_PROXY": "x", "CLARY_ALLOW_AWS": "1"}, {"NO_PROXY": "x,127.0.0.1"}),
        ({"HTTP_PROXY": "", "MLFLOW_TRACKING_URI": "http://m"}, {}),
    ],
)
def test_what_a_users_shell_adds(base: dict[str, str], expected: dict[str, str]) -> None:
    assert variables(base) == {**variables({}), **expected}


def test_a_second_time_changes_nothing() -> None:
    shell = {"PYTHONPATH": "/mine", "HTTPS_PROXY": "http://p", "NO_PROXY": "x"}
    once = {**shell, **variables(shell)}
    assert {**once, **variables(once)} == once
