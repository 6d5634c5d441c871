"""What an engine is told of a job's host: its program, files, environment and credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from clary.domain.cluster import Host, addresses, hosts
from clary.domain.jobs import tries
from clary.engines import TOOLKIT
from clary.engines.ports import ContainerSpec, Mount
from clary.engines.sandbox import HOME
from clary.images.ports import Environment
from clary.orchestrator import capacity
from clary.orchestrator.builds import Builds
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.slots import Slots
from clary.orchestrator.usage import Usage
from clary.storage.ports import Document, Resource

ML = "/opt/ml"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

Credentials = Callable[[Resource], Mapping[str, str]]
"""Environment variables by which a job's AWS clients reach Clary as the job's role."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a kind of job runs on each host, beside what all have."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    mounts: Sequence[Mount] = ()
    pythonpath: Sequence[str] = ()
    """Folders before those of the PYTHONPATH that it gets otherwise."""


def isolated(spec: Document) -> bool:
    """Whether a training or processing job asks for EnableNetworkIsolation."""
    return bool(spec.get("NetworkConfig", spec).get("EnableNetworkIsolation", False))


@dataclass(frozen=True, slots=True)
class Workplace:
    """What all jobs of this server share."""

    toolkit: Path
    hook: Path | None
    slots: Slots
    usage: Usage
    credentials: Credentials
    builds: Builds = field(default_factory=Builds)
    movers: Executor = field(default_factory=partial(ThreadPoolExecutor, 8, "move"))
    """Threads that fetch inputs and send outputs."""

    def container(
        self, job: Resource, host: Host, files: JobFiles, environment: Environment, program: Program
    ) -> ContainerSpec:
        """`files` are the host's."""
        key = f"{job.arn}#{int(job.created * 1000)}"
        if tries(job):
            key += f"#{tries(job)}"
        return self.sandbox(
            key, job, host, files, environment, program,
            {**self.credentials(job), **job.spec.get("Environment", {})},
        )  # fmt: skip

    def sandbox(
        self, key: str, job: Resource, host: Host, files: JobFiles, environment: Environment, program: Program,
        env: Mapping[str, str],
    ) -> ContainerSpec:  # fmt: skip
        """For a job like this one. `key`: names the run, and its hosts' addresses; `env`: variables beside those of
        the machine and of the program."""
        mounts = [Mount(files.ml, ML, writable=True), Mount(self.toolkit, TOOLKIT)]
        mounts += [Mount(path, str(path)) for path in environment.paths]
        if self.hook is not None:
            mounts.append(Mount(self.hook, str(self.hook)))
        env = {**self._variables(host, environment), **env, **program.env}
        if program.pythonpath:
            env["PYTHONPATH"] = ":".join(filter(None, [*program.pythonpath, env.get("PYTHONPATH")]))
        return ContainerSpec(
            key=f"{key}/{host.name}",
            argv=program.argv,
            run_dir=files.run,
            mounts=(*mounts, *program.mounts),
            env=env,
            cwd=ML,
            hostname=host.name,
            hosts=addresses(hosts(job.spec), key),
            network=not isolated(job.spec),
        )

    def _variables(self, host: Host, environment: Environment) -> dict[str, str]:
        room = capacity.of_host(host).clipped(self.slots.total)
        threads = str(room.cpus)
        return {
            "PATH": f"{environment.python.parent}:{SYSTEM_PATH}",
            "HOME": HOME,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "SM_NUM_CPUS": threads,
            "SM_NUM_GPUS": str(room.gpus),
        }
