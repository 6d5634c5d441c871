"""S3 over a real socket: one server for each test module, a bucket of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.support.s3 import S3
from tests.support.server import Running, ports_in, running

import clary.services.s3  # noqa: F401


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ports = ports_in(tmp_path_factory.mktemp("s3"))
    with running(ports, ["s3"]) as started:
        yield started
    ports.store.close()


@pytest.fixture(scope="module")
def s3(s3_server: Running) -> S3:
    return S3(s3_server, s3_server.client("s3"))


@pytest.fixture
def bucket(s3: S3) -> str:
    name = f"bucket-{uuid4().hex}"
    s3.client.create_bucket(Bucket=name)
    return name
