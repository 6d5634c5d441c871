"""Endpoints that nobody calls cost nothing: their model servers end, and the first request starts them again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.e2e.test_endpoints_under_load import workers
from tests.support.endpoints import Endpoints, Load
from tests.support.process import IMAGE, ROLE, Clary

SLOW = """
import time
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    time.sleep(float(body))
    return body
"""


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    home = tmp_path_factory.mktemp("idle") / "home"
    with Clary(home, serverless_idle="1", endpoint_idle="1") as clary:
        yield Endpoints(clary)


def serverless(endpoints: Endpoints, model: str, most: int) -> str:
    name = endpoints.name("config")
    config = {"MemorySizeInMB": 4096, "MaxConcurrency": most}
    variant: dict[str, Any] = {"VariantName": "v0", "ModelName": model, "ServerlessConfig": config}
    endpoints.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    endpoint = endpoints.create(name)
    endpoints.wait(endpoint)
    return endpoint


def asleep(endpoints: Endpoints) -> None:
    end = time.monotonic() + 60
    while workers(endpoints.clary.home):
        assert time.monotonic() < end
        time.sleep(0.05)


def pipeline(endpoints: Endpoints, label: str) -> str:
    """A model of two containers, of which the second answers what the first did."""
    same = "def model_fn(d): return None\ndef transform_fn(m, body, kind, accept): return body, kind"
    given = [endpoints.data(label=label), endpoints.data(same)]
    name = endpoints.name("pipeline")
    endpoints.sagemaker.create_model(
        ModelName=name, Containers=[{"Image": IMAGE, "ModelDataUrl": each} for each in given], ExecutionRoleArn=ROLE
    )  # fmt: skip
    return name


@pytest.mark.parametrize("kind", ["serverless", "instances", "pipeline"])
def test_who_is_not_called_ends_and_is_woken_by_a_request(endpoints: Endpoints, kind: str) -> None:
    model = pipeline(endpoints, "woken") if kind == "pipeline" else endpoints.model(label="woken")
    name = serverless(endpoints, model, 20) if kind == "serverless" else endpoints.up(model)
    for _ in range(2):
        asleep(endpoints)
        assert endpoints.describe(name)["EndpointStatus"] == "InService"
        with Load(endpoints, name, callers=6) as load:
            load.some(12)
        assert load.errors == []
        assert all('"woken"' in answer for answer in load.answers)
        assert workers(endpoints.clary.home)
    endpoints.delete(name)


def test_calls_without_pause_lose_nothing_to_sleep(endpoints: Endpoints) -> None:
    """Each second of silence is about as long as it takes to fall asleep."""
    name = endpoints.up(endpoints.model(label="a"))
    for seconds in (0.9, 1.0, 1.1):
        time.sleep(seconds)
        assert b'"a"' in endpoints.invoke(name)["Body"]
    endpoints.delete(name)


def test_more_than_max_concurrency_is_refused_at_once(endpoints: Endpoints) -> None:
    name = serverless(endpoints, endpoints.model(SLOW), 3)
    answered: list[bytes] = []
    refused: list[dict[str, Any]] = []

    def call() -> None:
        try:
            answered.append(endpoints.invoke(name, "2")["Body"])
        except ClientError as error:
            refused.append(error.response)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answered == [b"2"] * 3
    assert {each["Error"]["Code"] for each in refused} == {"ServiceUnavailable"}
    assert {each["ResponseMetadata"]["HTTPStatusCode"] for each in refused} == {503}
    assert endpoints.invoke(name, "0")["Body"] == b"0"
    endpoints.delete(name)
