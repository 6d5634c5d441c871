"""A server that answers for experiments, metrics, search and lineage, alone; each test has a region of it to
itself, which is as good as a server of its own and costs nothing."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.server import ACCOUNT, Running, ports_in, running

MODULES = (
    "experiments", "experiments_deletion", "trials", "components", "search", "runs", "lineage", "lineage_query", "tags",
)  # fmt: skip


@dataclass(frozen=True)
class Region:
    name: str
    server: Running
    session: Any

    def client(self, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=64)
        return self.session.client(service, self.name, endpoint_url=self.server.url, config=config)

    def arn(self, resource: str) -> str:
        return f"arn:aws:sagemaker:{self.name}:{ACCOUNT}:{resource}"


class Regions:
    def __init__(self, server: Running) -> None:
        self._server, self._numbers = server, itertools.count(1)
        # One session for all: it keeps the service models that it has read.
        self._session = boto3.session.Session(server.key.id, server.key.secret)

    def fresh(self) -> Region:
        """One where nothing is."""
        return Region(f"test-region-{next(self._numbers)}", self._server, self._session)


@contextmanager
def regions_in(home: Path) -> Iterator[Regions]:
    for module in MODULES:
        importlib.import_module(f"clary.services.sagemaker.{module}")
    importlib.import_module("clary.services.metrics.curves")
    ports = ports_in(home)
    try:
        with running(ports, ("sagemaker", "sagemaker-metrics")) as server:
            yield Regions(server)
    finally:
        ports.store.close()


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message with which a call is refused."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    return error["Code"], error["Message"]
