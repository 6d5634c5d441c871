"""What an engine is told of a job: its program, files, environment and credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clary.engines import TOOLKIT, train_command
from clary.engines.ports import ContainerSpec, Mount
from clary.engines.sandbox import HOME
from clary.images.ports import Environment
from clary.orchestrator import capacity
from clary.orchestrator.layout import MASTER, JobFiles
from clary.orchestrator.slots import Slots
from clary.storage.ports import Resource

ML = "/opt/ml"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

Credentials = Callable[[Resource], Mapping[str, str]]
"""Environment variables by which a job's AWS clients reach Clary as the job's role."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What all jobs of this server share."""

    toolkit: Path
    hook: Path | None
    slots: Slots
    credentials: Credentials

    def container(self, job: Resource, files: JobFiles, environment: Environment) -> ContainerSpec:
        mounts = [Mount(files.ml, ML, writable=True), Mount(self.toolkit, TOOLKIT)]
        mounts += [Mount(path, str(path)) for path in environment.paths]
        if self.hook is not None:
            mounts.append(Mount(self.hook, str(self.hook)))
        algorithm = job.spec["AlgorithmSpecification"]
        argv = (*algorithm.get("ContainerEntrypoint", ()), *algorithm.get("ContainerArguments", ()))
        return ContainerSpec(
            key=f"{job.arn}#{int(job.created * 1000)}",
            argv=argv or train_command(environment.python),
            run_dir=files.run,
            mounts=tuple(mounts),
            env=self._variables(job, environment),
            cwd=ML,
            hostname=MASTER,
        )

    def _variables(self, job: Resource, environment: Environment) -> dict[str, str]:
        room = capacity.needed(job).clipped(self.slots.total)
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
            **self.credentials(job),
            **job.spec.get("Environment", {}),
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": job.arn,
            "SM_NUM_CPUS": threads,
            "SM_NUM_GPUS": str(room.gpus),
        }
