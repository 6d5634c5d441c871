"""Clients as they are: large, slow, gone, many. None of them takes a worker from the others."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.support import raw
from tests.support.endpoints import Endpoints, Load
from tests.support.process import Clary

MIB = 1 << 20
LARGEST = 6 * MIB
"""Bytes of an invocation's body, as on AWS."""
ONE_WORKER = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}

ECHO = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): return data
def output_fn(prediction, accept): return prediction, "application/octet-stream"
"""
PIECES = """
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    if body.startswith("much"):
        return iter([b"m" * 65536] * 256)
    if body != "endless":
        return body
    def forever():
        while True:
            yield b"x" * 1000
            time.sleep(0.01)
    return forever()
"""


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """Of a server that was started as from a common shell: with 1,024 open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[0]), before[1]))
    with Clary(tmp_path_factory.mktemp("clients") / "home") as clary:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        yield Endpoints(clary)


@pytest.fixture(scope="module")
def echo(endpoints: Endpoints) -> str:
    """Of one worker: whatever holds it holds all."""
    return endpoints.up(endpoints.model(ECHO, environment=ONE_WORKER))


@pytest.fixture(scope="module")
def pieces(endpoints: Endpoints) -> str:
    return endpoints.up(endpoints.model(PIECES, environment=ONE_WORKER))


def memory(endpoints: Endpoints) -> int:
    """Resident bytes of the server."""
    fields = Path(f"/proc/{endpoints.clary.pid}/statm").read_text().split()
    return int(fields[1]) * 4096


def test_bodies_at_and_above_the_limit(endpoints: Endpoints, echo: str) -> None:
    for size in (0, 1, LARGEST - 1, LARGEST):
        body = b"x" * size
        assert endpoints.invoke(echo, body, "application/octet-stream")["Body"] == body
    for size in (LARGEST + 1, 30 * MIB):
        with pytest.raises(ClientError) as raised:
            endpoints.invoke(echo, b"x" * size, "application/octet-stream")
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 413)
        assert raised.value.response["Error"]["Code"] in ("ValidationError", "RequestEntityTooLargeException")
    assert endpoints.invoke(echo, b"well", "application/octet-stream")["Body"] == b"well"


def test_who_uploads_slowly_holds_no_worker(endpoints: Endpoints, echo: str) -> None:
    body = b"s" * 100_000
    asked = raw.request(endpoints.clary, echo, body)
    slow = [raw.connect(endpoints.clary) for _ in range(50)]
    for connection in slow:
        connection.sendall(asked[:-50_000])
    with Load(endpoints, echo, callers=2) as load:
        load.some(20)
    assert load.errors == []
    for connection in slow:
        connection.sendall(asked[-50_000:])
    for connection in slow:
        assert connection.recv(15).startswith(b"HTTP/1.1 200")
        connection.close()


def test_who_reads_slowly_holds_no_worker(endpoints: Endpoints, echo: str, pieces: str) -> None:
    asked = raw.request(endpoints.clary, echo, b"s" * LARGEST)
    slow = [raw.connect(endpoints.clary) for _ in range(10)]
    for connection in slow:
        connection.sendall(asked)
    with Load(endpoints, echo, callers=2) as load:
        load.some(20)
    assert load.errors == []
    streamed = raw.request(endpoints.clary, pieces, b"little", raw.STREAMED)
    for connection in slow:
        connection.close()
        with raw.connect(endpoints.clary) as reader:
            reader.sendall(streamed)
            reader.recv(1)
            assert endpoints.invoke(pieces, "after")["Body"] == b"after"


def test_who_leaves_in_the_middle_of_a_stream_frees_its_worker(endpoints: Endpoints, pieces: str) -> None:
    asked = raw.request(endpoints.clary, pieces, b"endless", raw.STREAMED)
    for _ in range(5):
        with raw.connect(endpoints.clary) as connection:
            connection.sendall(asked)
            assert connection.recv(15).startswith(b"HTTP/1.1 200")
        assert endpoints.invoke(pieces, "after")["Body"] == b"after"


def test_who_leaves_before_the_answer_leaves_nothing_behind(endpoints: Endpoints, echo: str) -> None:
    asked = raw.request(endpoints.clary, echo, b"g" * MIB)
    before = memory(endpoints)
    for _ in range(100):
        with raw.connect(endpoints.clary) as connection:
            connection.sendall(asked)
    with Load(endpoints, echo, callers=2) as load:
        load.some(20)
    assert load.errors == []
    assert memory(endpoints) - before < 100 * MIB


def test_a_thousand_connections_at_once(endpoints: Endpoints, echo: str) -> None:
    asked = [raw.request(endpoints.clary, echo, b"%d" % number) for number in range(1000)]
    port = endpoints.clary.port

    async def call(number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await connected.wait()
        writer.write(asked[number])
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.partition(b":")[2]))
        writer.close()
        assert head.startswith(b"HTTP/1.1 200"), head + body
        return body

    async def all_of_them() -> list[bytes]:
        calls = [asyncio.create_task(call(number)) for number in range(1000)]
        await asyncio.sleep(0)
        connected.set()
        return await asyncio.gather(*calls)

    connected = asyncio.Event()
    assert asyncio.run(all_of_them()) == [b"%d" % number for number in range(1000)]


def test_shadows_are_told_and_heard_by_nobody(endpoints: Endpoints) -> None:
    primary, shadow = endpoints.model(label="primary"), endpoints.model(label="shadow")
    name = endpoints.name("config")
    endpoints.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{"VariantName": "p", "ModelName": primary, "InitialInstanceCount": 1,
                             "InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0}],
        ShadowProductionVariants=[{"VariantName": "s", "ModelName": shadow, "InitialInstanceCount": 1,
                                   "InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0}],
    )  # fmt: skip
    endpoint = endpoints.create(name)
    found = endpoints.wait(endpoint)
    assert [each["VariantName"] for each in found["ShadowProductionVariants"]] == ["s"]
    for _ in range(5):
        answer = endpoints.invoke(endpoint)
        assert (b'"primary"' in answer["Body"], answer["InvokedProductionVariant"]) == (True, "p")
    endpoints.delete(endpoint)
