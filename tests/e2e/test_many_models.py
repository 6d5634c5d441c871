"""Endpoints of many models: what is loaded where, and what callers are told while it is not."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints, archive
from tests.support.process import Clary

SCRIPT = """
import os, time
def model_fn(model_dir):
    time.sleep(SLEEP)
    return os.urandom(8).hex(), b"x" * (SIZE << 20)
def transform_fn(model, body, content_type, accept): return "NAME " + model[0]
"""
"""Answers its name and which loading of it answers."""


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


def put(endpoints: Endpoints, prefix: str, *names: str, sleep: float = 0, size: int = 0) -> None:
    for name in names:
        script = SCRIPT.replace("NAME", name).replace("SLEEP", str(sleep)).replace("SIZE", str(size))
        body = archive({"code/inference.py": script})
        endpoints.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}.tar.gz", Body=body)


def ask(endpoints: Endpoints, name: str, model: str) -> str:
    """Which loading of the model answers."""
    label, loading = endpoints.invoke(name, TargetModel=f"{model}.tar.gz")["Body"].decode().split()
    assert label == model
    return str(loading)


def test_a_model_that_loads_for_too_long_is_not_ready_and_then_is(endpoints: Endpoints) -> None:
    prefix = endpoints.name("slow")
    put(endpoints, prefix, "slow", sleep=3)
    put(endpoints, prefix, "quick")
    environment = {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "1", "SAGEMAKER_MODEL_SERVER_WORKERS": "2"}
    url = f"s3://{BUCKET}/{prefix}/"
    name = endpoints.up(endpoints.model(Mode="MultiModel", ModelDataUrl=url, environment=environment))
    for _ in range(2):  # the second is told at once
        with pytest.raises(ClientError, match="still being loaded") as raised:
            endpoints.invoke(name, TargetModel="slow.tar.gz")
        response = raised.value.response
        assert response["Error"]["Code"] == "ModelNotReadyException"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    ask(endpoints, name, "quick")  # by the other worker
    until = time.monotonic() + 60
    while True:
        try:
            loading = ask(endpoints, name, "slow")
            break
        except endpoints.runtime.exceptions.ModelNotReadyException:
            assert time.monotonic() < until
            time.sleep(0.1)
    assert ask(endpoints, name, "slow") == loading  # by the worker that has it
    assert not [line for line in endpoints.lines(name) if "killed" in line]
    endpoints.delete(name)


def test_models_stay_loaded_as_long_as_there_is_room(endpoints: Endpoints) -> None:
    prefix = endpoints.name("sized")
    put(endpoints, prefix, "a", "b", "c", size=64)
    environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    model = endpoints.model(
        Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/{prefix}/", environment=environment
    )
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    config = endpoints.name("config")
    variant = {"VariantName": "v0", "ModelName": model, **serverless}
    endpoints.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    name = endpoints.create(config)
    endpoints.wait(name)
    first = [ask(endpoints, name, label) for label in "abc"]
    assert [ask(endpoints, name, label) for label in "abc"] == first
    put(endpoints, prefix, "d", size=640)
    ask(endpoints, name, "d")
    again = [ask(endpoints, name, label) for label in "cba"]
    assert again[0] == first[2]
    assert again[2] != first[0]  # it had to make room for the large one
    endpoints.delete(name)


def test_models_are_not_kept_where_that_is_switched_off(endpoints: Endpoints) -> None:
    prefix = endpoints.name("uncached")
    put(endpoints, prefix, "a")
    model = endpoints.model(
        Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/{prefix}/",
        MultiModelConfig={"ModelCacheSetting": "Disabled"},
    )  # fmt: skip
    name = endpoints.up(model)
    assert len({ask(endpoints, name, "a") for _ in range(3)}) == 3
    endpoints.delete(name)


def test_a_model_that_does_not_load_is_the_model_s_error(endpoints: Endpoints) -> None:
    prefix = endpoints.name("broken")
    body = archive({"code/inference.py": "def model_fn(d): raise ValueError('no such tree')"})
    endpoints.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/broken.tar.gz", Body=body)
    name = endpoints.up(endpoints.model(Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/{prefix}/"))
    with pytest.raises(ClientError, match="ValueError: no such tree") as raised:
        endpoints.invoke(name, TargetModel="broken.tar.gz")
    assert raised.value.response["Error"]["Code"] == "ModelError"
    endpoints.delete(name)


def test_a_model_whose_bytes_cannot_be_read_is_an_internal_dependency(own_clary: Clary) -> None:
    endpoints = Endpoints(own_clary)
    put(endpoints, "lost", "a")
    name = endpoints.up(endpoints.model(Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/lost/"))
    objects: Path = own_clary.home / "objects"
    shutil.move(objects, own_clary.home / "elsewhere")  # a disk that is not there
    with pytest.raises(ClientError, match="cannot be read") as raised:
        endpoints.invoke(name, TargetModel="a.tar.gz")
    assert raised.value.response["Error"]["Code"] == "InternalDependencyException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 530
    shutil.move(own_clary.home / "elsewhere", objects)
    ask(endpoints, name, "a")
    endpoints.delete(name)
