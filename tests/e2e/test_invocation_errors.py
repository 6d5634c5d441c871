"""What an invocation is answered where it cannot be answered, by AWS's names, words and limits."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError
from tests.support.endpoints import Endpoints
from tests.support.process import Clary

LENGTH = (
    "def model_fn(d): return 1\ndef transform_fn(m, body, kind, accept): return str(len(body)), 'text/plain'"
)
MOST = 6_291_456
"""Bytes of a body, by the service's model."""
DIES = """
import os, time
def model_fn(d): return 1
def transform_fn(m, body, kind, accept):
    def pieces():
        yield b"one "
        time.sleep(0.2)  # so that they are two
        yield b"two "
        time.sleep(0.2)
        os._exit(1)
    return pieces()
"""
HANGS = """
import time
def model_fn(d): return 1
def transform_fn(m, body, kind, accept):
    def pieces():
        yield b"one "
        if body == "hang": time.sleep(600)
        yield b"two "
    return pieces()
"""
ENDLESS = """
import time
def model_fn(d): return 1
def transform_fn(m, body, kind, accept):
    def pieces():
        while True:
            yield b"more "
            time.sleep(0.1)
    return pieces()
"""


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


@pytest.fixture(scope="module")
def length(endpoints: Endpoints) -> Iterator[str]:
    name = endpoints.up(endpoints.model(LENGTH))
    yield name
    endpoints.delete(name)


@pytest.mark.parametrize("size", [MOST - 1, MOST])
def test_bodies_up_to_the_limit_pass(endpoints: Endpoints, length: str, size: int) -> None:
    assert endpoints.invoke(length, bytes(size), "application/octet-stream")["Body"] == str(size).encode()


@pytest.mark.parametrize("members", [{}, {"CustomAttributes": "the long way"}])
def test_a_body_beyond_the_limit_is_refused_in_aws_s_words(
    endpoints: Endpoints, length: str, members: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as raised:
        endpoints.invoke(length, bytes(MOST + 1), "application/octet-stream", **members)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert raised.value.response["Error"] == {
        "Code": "ValidationError",
        "Message": "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length "
        "less than or equal to 6291456",
    }
    assert endpoints.invoke(length, b"more")["Body"] == b"4"


def test_a_serverless_endpoint_takes_less(endpoints: Endpoints) -> None:
    config = endpoints.name("config")
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    variant = {"VariantName": "v0", "ModelName": endpoints.model(LENGTH), "ServerlessConfig": serverless}
    endpoints.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    name = endpoints.create(config)
    endpoints.wait(name)
    assert endpoints.invoke(name, bytes(4 << 20), "application/octet-stream")["Body"] == b"4194304"
    with pytest.raises(ClientError, match=r"Request [0-9a-f-]+ has oversize body\.") as raised:
        endpoints.invoke(name, bytes((4 << 20) + 1), "application/octet-stream")
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    endpoints.delete(name)


def test_a_worker_that_dies_in_the_middle_of_a_stream_is_an_event(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(DIES))
    answer = endpoints.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"1")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    pieces = iter(answer["Body"])
    assert b"".join(next(pieces)["PayloadPart"]["Bytes"] for _ in range(2)) == b"one two "
    with pytest.raises(EventStreamError) as raised:
        next(pieces)
    assert raised.value.response["Error"] == {
        "Code": "ModelStreamError",
        "Message": "The model server's answer broke off.",
    }
    again = endpoints.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"1")
    assert next(iter(again["Body"]))["PayloadPart"]["Bytes"].startswith(b"one")  # by a fresh worker
    again["Body"].close()
    endpoints.delete(name)


def test_a_model_that_hangs_in_the_middle_of_a_stream_is_an_event(endpoints: Endpoints) -> None:
    environment = {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "1", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    name = endpoints.up(endpoints.model(HANGS, environment=environment))
    ask = functools.partial(
        endpoints.runtime.invoke_endpoint_with_response_stream, EndpointName=name, ContentType="text/plain"
    )
    pieces = iter(ask(Body=b"hang")["Body"])
    assert next(pieces) == {"PayloadPart": {"Bytes": b"one "}}
    with pytest.raises(EventStreamError) as raised:
        next(pieces)
    assert raised.value.response["Error"] == {
        "Code": "ModelStreamError",
        "Message": "The model server did not finish its answer in time.",
    }
    frames = EventStreamBuffer()
    frames.add_data(ask(Body=b"hang")["Body"]._raw_stream.read())  # boto3 leaves the code out
    *_, last = frames
    assert json.loads(last.payload)["ErrorCode"] == "ModelInvocationTimeExceeded"
    whole = ask(Body=b"go on")["Body"]  # by a fresh worker
    assert b"".join(each["PayloadPart"]["Bytes"] for each in whole) == b"one two "
    endpoints.delete(name)


@pytest.mark.slow
def test_a_server_that_is_stopped_in_the_middle_of_a_stream_says_so(own_clary: Clary) -> None:
    """It lets what is under way end for ten seconds."""
    endpoints = Endpoints(own_clary)
    name = endpoints.up(endpoints.model(ENDLESS))
    pieces = iter(
        endpoints.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"1")["Body"]
    )
    assert next(pieces) == {"PayloadPart": {"Bytes": b"more "}}
    stopping = threading.Thread(target=own_clary.stop)
    stopping.start()
    with pytest.raises(EventStreamError) as raised:
        list(pieces)
    assert raised.value.response["Error"] == {
        "Code": "InternalStreamFailure",
        "Message": "The server was stopped before the answer was complete. Try your request again.",
    }
    stopping.join()
    own_clary.start()
    endpoints.connect()
    again = endpoints.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"1")["Body"]
    assert next(iter(again)) == {"PayloadPart": {"Bytes": b"more "}}
    again.close()
    endpoints.delete(name)
