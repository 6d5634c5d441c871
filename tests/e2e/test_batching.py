"""Requests that a model takes together (SAGEMAKER_TS_BATCH_SIZE): each caller gets its own answer, or its own error."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest
from botocore.exceptions import ClientError
from tests.e2e.test_endpoints_under_load import workers
from tests.support.endpoints import Endpoints, Load
from tests.support.process import Clary

SCRIPT = """
import time
import numpy

def model_fn(model_dir): return None

def predict_fn(data, model):
    if (data == 13).any(): raise ValueError("thirteen")
    if (data == -1).any(): time.sleep(3600)
    time.sleep(0.02)
    return numpy.stack([data[:, 0], numpy.full(len(data), len(data))], axis=1)
"""
"""Answers each row with its first cell and with how many rows were predicted together."""
TOGETHER = {"SAGEMAKER_TS_BATCH_SIZE": "16", "SAGEMAKER_TS_MAX_BATCH_DELAY": "20"}


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


def test_each_gets_its_own_answer(endpoints: Endpoints) -> None:
    environment = {**TOGETHER, "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    name = endpoints.up(endpoints.model(SCRIPT, environment=environment))
    found: dict[int, list[list[float]]] = {}
    errors: dict[int, str] = {}

    def call(number: int) -> None:
        body = "\n".join(f"{number},{row}" for row in range(1 + number % 3))
        try:
            found[number] = json.loads(endpoints.invoke(name, body)["Body"])
        except ClientError as error:
            errors[number] = str(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(errors) == [13]
    assert "ValueError: thirteen" in errors[13]
    assert len(found) == 39
    for number, rows in found.items():
        assert [row[0] for row in rows] == [number] * (1 + number % 3)
    assert max(row[1] for rows in found.values() for row in rows) > 4, "taken together"
    with pytest.raises(ClientError, match="not a number"):
        endpoints.invoke(name, "a,b")
    endpoints.delete(name)


def test_a_worker_that_is_killed_over_many_requests_costs_none(own_clary: Clary) -> None:
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(SCRIPT, environment=TOGETHER))
    with Load(endpoints, name, callers=12) as load:
        for _ in range(3):
            load.some(60)
            os.kill(min(workers(own_clary.home)), signal.SIGKILL)
        load.some(60)
    assert load.errors == []
    endpoints.delete(name)


def test_one_that_hangs_takes_nobody_with_it(endpoints: Endpoints) -> None:
    environment = {**TOGETHER, "SAGEMAKER_MODEL_SERVER_TIMEOUT": "1", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    name = endpoints.up(endpoints.model(SCRIPT, environment=environment))
    with Load(endpoints, name, callers=6) as load:
        load.some(20)
        with pytest.raises(ClientError, match="timed out"):
            endpoints.invoke(name, "-1,0")
        load.some(40)
    assert load.errors == []
    endpoints.delete(name)
