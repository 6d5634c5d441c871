"""Which of AWS's built-in algorithms an image stands for: by its repository, in any account and region."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clary.algorithms.declaration import Algorithm
from clary.algorithms.tables import find
from clary.images.uri import parse

FAMILIES = ("algorithms", "xgboost")
"""Of the images' table: those whose models this package serves, unless a script does."""
ALGORITHMS = "/opt/clary/algorithms"
"""Where a program sees `clary.algorithms`, when `algorithms_path()` is mounted there."""


def algorithms_path() -> Path:
    """The package's folder on the host, to be mounted read-only."""
    return Path(__file__).parent.parent / "algorithms"


def built_in(uri: str) -> Algorithm | None:
    try:
        return find(parse(uri).name)
    except ValueError:
        return None


def trained(job: dict[str, Any]) -> Algorithm | None:
    """The algorithm that a training job's specification asks for; None where it brings a program of its own."""
    specification, given = job.get("AlgorithmSpecification", {}), job.get("HyperParameters", {})
    if specification.get("ContainerEntrypoint") or "sagemaker_program" in given:
        return None
    return built_in(specification.get("TrainingImage", ""))


def train_command(python: Path, algorithm: Algorithm) -> tuple[str, ...]:
    """Not `-I`: the debugger's hook comes by PYTHONPATH. The job's folders are not on the path all the same."""
    return (str(python), "-s", "-u", f"{ALGORITHMS}/train.py", algorithm.name)
