"""What Clary asks of an engine: run a container-shaped spec, once, and say what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

EngineState = dict[str, Any]
"""Plain data that an engine needs to find its container again; kept in the resource's row, so that a
restarted server re-attaches by it."""


class EngineError(Exception):
    """The container could not be started; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Mount:
    source: Path
    """On the host; must exist."""
    target: str
    """Absolute, as the program sees it: `/opt/ml`."""
    writable: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A program with its files, as a container runtime would be told it."""

    key: str
    """Names this run, for ever. The same key never runs twice: a launch whose key has started re-attaches."""
    argv: tuple[str, ...]
    run_dir: Path
    """The supervisor's own folder on the host, invisible to the program: its log, lock and exit file."""
    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    """All of the program's environment, but for `PWD`; nothing is inherited from the server."""
    cwd: str = "/"
    grace: float = 120.0
    """Seconds between SIGTERM and SIGKILL."""
    hostname: str = "algo-1"
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Addresses by host name, for name resolution inside; an engine that cannot give it any says so in its page."""
    network: bool = True
    """Whether it has the host's network; without, it has a loopback of its own and reaches nobody, Clary included."""
    cpus: tuple[int, ...] | None = None
    """Pin to these cores; None: no pinning."""
    memory: int | None = None
    """Bytes of address space the program is expected to keep to; advisory where the engine cannot hold it."""


@dataclass(frozen=True, slots=True)
class Observation:
    status: Literal["running", "exited", "lost"]
    """`lost`: it is gone and left no word (power cut, its supervisor was killed)."""
    code: int | None = None
    """Exit code; None when a signal ended it or it is running."""
    signal: int | None = None
    """What ended it; 9 without `stopped` is most often the kernel, out of memory. A code of 128 + n is read as signal
    n, as container runtimes write it."""
    started: float | None = None
    ended: float | None = None
    stopped: bool = False
    """Whether it was asked to stop before it ended."""
    peak_memory: int | None = None
    """Bytes, resident, of the largest process."""


class Engine(Protocol):
    name: str

    @property
    def isolates(self) -> bool:
        """Whether programs see mounts just where the spec says, and cannot write to those that are read-only."""
        ...

    def launch(self, spec: ContainerSpec) -> AsyncIterator[EngineState]:
        """Start it, yielding state to persist as it becomes known (the last one stands).
        Raises `EngineError`, and then nothing runs."""
        ...

    async def observe(self, state: EngineState) -> Observation: ...

    async def wait(self, state: EngineState) -> Observation:
        """Return once it is exited or lost."""
        ...

    async def signal(self, state: EngineState, name: str) -> None:
        """`SIGTERM` starts the grace period, after which the engine itself sends SIGKILL, whether or not the
        server lives; `SIGKILL` ends it now. Without effect on what has ended."""
        ...

    async def clean(self, state: EngineState) -> None:
        """Forget an ended run: remove its run_dir."""
        ...

    def log_path(self, state: EngineState) -> Path:
        """Its output, both streams, one line each as `<epoch milliseconds> <text>`; grows while it runs."""
        ...
