"""What Clary asks of images: an image URI becomes an environment that a job can run in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class ImageError(Exception):
    """The environment cannot be had; the message is a FailureReason: what was asked for, what there is, and
    how to alias it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A program of an image's own that serves /ping and /invocations, in place of Clary's model servers."""

    command: tuple[str, ...]
    folder: Path | None = None
    """Its files, seen at /opt/program, where it starts."""
    host_network: bool = False
    """Whether it has the machine's network, and its port from SAGEMAKER_BIND_TO_PORT."""


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an image stands for. Equal specs share one environment."""

    family: str
    """`scikit-learn`, `xgboost`, `pytorch`, `tensorflow`, `python`, or an alias' name."""
    version: str
    python: tuple[str, ...]
    """Acceptable Python versions, best first: ("3.10", "3.11")."""
    requirements: tuple[str, ...] = ()
    """Requirement lines, exact where the tag is."""
    interpreter: Path | None = None
    """An existing interpreter to use as it is, from the settings' alias table."""
    constraints: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Pure Python packages that have no wheel and may be built from source; all else comes as wheels."""
    excludes: tuple[str, ...] = ()
    """Dependencies to leave out: a GPU's libraries on a machine without one."""
    cpu_torch: bool = False
    """Whether PyTorch's CPU build has to be asked for, because the package index itself offers CUDA's."""
    added: tuple[str, ...] = ()
    """Lines of a job's requirements.txt, installed on top."""
    server: Server | None = field(default=None, compare=False)
    """How its models are served, where that is not by Clary's model servers."""
    image: str = field(default="", compare=False)
    """The URI that was asked for, for messages."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What people should know of it, for the job's log: that a gpu image runs on the CPU here."""


@dataclass(frozen=True, slots=True)
class Environment:
    python: Path
    """The interpreter to run, on the host."""
    paths: tuple[Path, ...]
    """Folders that a sandbox must show, read-only, for it to run (the environment, its base installation)."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of what was installed, by normalised name."""


Progress = Callable[[str], None]
"""Told a line for people: `Installing scikit-learn==1.2.1 (3 of 11)`."""


class Images(Protocol):
    def resolve(self, uri: str) -> EnvironmentSpec:
        """Pure table lookup; no network. Raises `ImageError` for an image that stands for nothing here."""
        ...

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        """The environment if it is built already; quick."""
        ...

    def build(self, spec: EnvironmentSpec, progress: Progress) -> Environment:
        """Build it, or wait for who is building it; blocking. Raises `ImageError`."""
        ...

    def derive(self, spec: EnvironmentSpec, requirements: str) -> EnvironmentSpec:
        """The same environment with a job's own requirements.txt on top."""
        ...
