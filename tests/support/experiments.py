"""A server that answers for experiments, metrics, search and lineage, alone."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import Running, ports_in, running

MODULES = ("experiments", "trials", "components", "search", "lineage", "tags")


@contextmanager
def experiments_server(home: Path) -> Iterator[Running]:
    for module in MODULES:
        importlib.import_module(f"clary.services.sagemaker.{module}")
    importlib.import_module("clary.services.metrics")
    ports = ports_in(home)
    try:
        with running(ports, ("sagemaker", "sagemaker-metrics")) as server:
            yield server
    finally:
        ports.store.close()
