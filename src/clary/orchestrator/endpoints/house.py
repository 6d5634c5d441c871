"""What fleets work with, and where their files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clary.api.context import Ports
from clary.engines.ports import Engine
from clary.images.ports import Images
from clary.orchestrator.container import Workplace
from clary.storage.ports import Resource


class FleetError(Exception):
    """The fleet does not serve; the message is the endpoint's FailureReason."""


@dataclass(frozen=True)
class House:
    """What fleets work with."""

    ports: Ports
    engine: Engine
    images: Images
    workplace: Workplace


SERVED = {"Endpoint": "endpoints", "TransformJob": "transforms"}
"""Kinds that have fleets, and the folder of the home that has their folders."""


def endpoint_root(home: Path, endpoint: Resource) -> Path:
    return home / SERVED[endpoint.kind] / f"{endpoint.name.lower()}-{int(endpoint.created * 1000)}"
