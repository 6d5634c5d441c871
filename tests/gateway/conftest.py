"""One server for each test module: STS and IAM over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.server import Running, ports_in, running

import clary.services.iam
import clary.services.sts  # noqa: F401
from clary.api import Ports

SERVICES = [
    "sagemaker",
    "sagemaker-runtime",
    "sagemaker-metrics",
    "sagemaker-featurestore-runtime",
    "sts",
    "iam",
    "s3",
    "logs",
    "cloudwatch",
]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    made = ports_in(tmp_path_factory.mktemp("home"))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def server(ports: Ports) -> Iterator[Running]:
    with running(ports, SERVICES) as started:
        yield started
