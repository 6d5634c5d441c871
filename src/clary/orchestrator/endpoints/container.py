"""A variant's container: its model and code put in place, and what an engine is told of it.

HOME/endpoints/NAME-CREATED/FLEET/VARIANT/   a variant's files, shared by its instances
    ml/           becomes /opt/ml: `model/` the model's archive, unpacked; `code/` what
                  SAGEMAKER_SUBMIT_DIRECTORY names; `models/` those of an endpoint with many
    NUMBER-RUN/   one run of one instance: `run/` the supervisor's, `sockets/` the workers'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from clary.domain.instances import capacity as instance_capacity
from clary.engines import TOOLKIT
from clary.engines.ports import ContainerSpec, Mount
from clary.engines.sandbox import HOME
from clary.images import builtin
from clary.images.ports import Environment, Images
from clary.images.resolve import framework
from clary.orchestrator.container import ML, SYSTEM_PATH, Workplace
from clary.orchestrator.endpoints import model_builder
from clary.orchestrator.endpoints.model_data import SUBMITTED, fetch
from clary.orchestrator.endpoints.program import FOLDER, LANES, Program
from clary.orchestrator.slots import Room
from clary.storage.objects import ObjectStore
from clary.storage.ports import Document, Resource

SOCKETS = "/opt/clary/serve"
MODELS = "/opt/ml/models"
WITH_TORCH = ("pytorch", "huggingface-pytorch")
"""Families of images that have PyTorch."""
GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL, as on AWS."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container's files lie."""

    root: Path

    @property
    def ml(self) -> Path:
        return self.root / "ml"

    @property
    def model(self) -> Path:
        return self.ml / "model"

    @property
    def code(self) -> Path:
        return self.ml / "code"

    @property
    def models(self) -> Path:
        return self.ml / "models"

    def run(self, number: int, run: int) -> Path:
        return self.root / f"{number}-{run}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A container that can be started any number of times."""

    variant: Document
    container: Document
    place: Place
    environment: Environment
    family: str
    workers: int
    memory: int
    """Bytes for each worker."""
    program: Program | None = None
    """What the image serves by, where that is a program of its own."""

    @property
    def many(self) -> bool:
        return self.container.get("Mode") == "MultiModel"

    @property
    def at_once(self) -> int:
        """Requests that a worker may have at a time, to take them together (`toolkit.serve_batch`)."""
        given = self.container.get("Environment", {}).get("SAGEMAKER_TS_BATCH_SIZE", "")
        alone = self.program is not None or self.many
        return max(1, int(given)) if given.isdigit() and not alone else 1

    @property
    def advice(self) -> str:
        """For a container that does not serve."""
        return f" {self.program.advice}." if self.program is not None else ""

    def spec(
        self, endpoint: Resource, key: str, number: int, run: int, workplace: Workplace
    ) -> ContainerSpec:
        folder = self.place.run(number, run)
        (folder / "sockets").mkdir(parents=True, exist_ok=True)
        mounts = [
            Mount(self.place.ml, ML, writable=True),
            Mount(folder / "sockets", SOCKETS, writable=True),
            Mount(workplace.toolkit, TOOLKIT),
            *(Mount(path, str(path)) for path in self.environment.paths),
        ]
        if self.family in builtin.FAMILIES:
            mounts.append(Mount(builtin.algorithms_path(), builtin.ALGORITHMS))
        if workplace.hook is not None:
            mounts.append(Mount(workplace.hook, str(workplace.hook)))
        argv: tuple[str, ...] = (f"{TOOLKIT}/serve.py",)
        cwd, alone = ML, isolated(self.container)
        env = self._variables(endpoint, workplace)
        if self.program is not None:
            mounts += self.program.mounts
            argv, alone = self.program.argv, self.program.alone
            cwd = FOLDER if self.program.server.folder else ML
            env |= self.program.variables(env)
        return ContainerSpec(
            key=key,
            argv=(str(self.environment.python), "-u", *argv),
            run_dir=folder / "run",
            mounts=tuple(mounts),
            env=env,
            cwd=cwd,
            grace=GRACE,
            hostname="model",
            network=not alone,
        )

    def _variables(self, endpoint: Resource, workplace: Workplace) -> dict[str, str]:
        given = {
            name: value
            for name, value in self.container.get("Environment", {}).items()
            if name != SUBMITTED or not value.startswith("s3://")
        }
        role = self.variant["role"]
        found = {
            "PATH": f"{self.environment.python.parent}:{SYSTEM_PATH}",
            "HOME": HOME,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **(self._threads() if self.program is None else {}),
            **(workplace.credentials(replace(endpoint, spec={"RoleArn": role})) if role else {}),
            **model_builder.variables(self.place.ml, ML),
            SUBMITTED: f"{ML}/code",
            **given,
            "SAGEMAKER_REGION": endpoint.region,
            **({"TRANSFORM_JOB_ARN": endpoint.arn} if endpoint.kind == "TransformJob" else {}),
            "CLARY_FRAMEWORK": self.family,
            "CLARY_SERVE": SOCKETS,
            "CLARY_SERVE_WORKERS": str(self.workers),
            "CLARY_SERVE_MEMORY": str(self.memory),
        }
        if self.family in builtin.FAMILIES:
            found["CLARY_ALGORITHMS"] = builtin.ALGORITHMS
        if self.many:
            found["SAGEMAKER_MULTI_MODEL"] = "true"
            found["CLARY_SERVE_MANY"] = MODELS
            if not cached(self.container):
                found["CLARY_SERVE_CACHE"] = "0"
        return found

    def _threads(self) -> dict[str, str]:
        """Of the libraries that compute, in each worker."""
        threads = "1" if self.workers > 1 else str(self.workers)
        return {f"{library}_NUM_THREADS": threads for library in ("OMP", "OPENBLAS", "MKL")}


def cached(container: Document) -> bool:
    """Whether a model of many stays loaded after a request."""
    return bool(container.get("MultiModelConfig", {}).get("ModelCacheSetting") != "Disabled")


def isolated(container: Document) -> bool:
    return bool(container.get("EnableNetworkIsolation", False))


def prepare(
    variant: Document, container: Document, place: Place, images: Images, objects: ObjectStore, total: Room,
    progress: Callable[[str], None], *, sandboxed: bool,
) -> Prepared:  # fmt: skip
    """Blocking. Idempotent. Raises `ModelError`, `ImageError`. `sandboxed`: whether the engine isolates programs."""
    for folder in (place.model, place.code, place.models):
        folder.mkdir(parents=True, exist_ok=True)
    done = place.root / ".fetched"
    if not done.exists():
        fetch(container, objects, place.model, place.code)
        model_builder.put_libraries_aside(place.model, place.ml)
        done.touch()
    image = container.get("Image", "")
    spec = images.resolve(image)
    for note in spec.notes:
        progress(note)
    for source in (place.code, place.model / "code"):
        if (source / "requirements.txt").is_file():
            asked = (source / "requirements.txt").read_text(encoding="utf-8", errors="replace")
            asked = model_builder.requirements(
                place.model, asked, given=spec.interpreter is not None, torch=framework(spec) in WITH_TORCH
            )
            spec = images.derive(spec, asked)
            break
    environment = images.ready(spec) or images.build(spec, progress)
    room = _room(variant, total)
    given = container.get("Environment", {}).get("SAGEMAKER_MODEL_SERVER_WORKERS", "")
    workers = int(given) if given.isdigit() and int(given) else max(1, room.cpus)
    program = None
    if spec.server is not None:
        alone = isolated(container) or (sandboxed and not spec.server.host_network)
        program = Program(spec.server, alone=alone, isolated=isolated(container))
        workers = max(LANES, workers)
    memory = int(room.memory_gib * 2**30 / workers / len(variant["containers"]))
    return Prepared(variant, container, place, environment, framework(spec), workers, memory, program)


def _room(variant: Document, total: Room) -> Room:
    serverless = variant["serverless"]
    if serverless:
        gib = serverless["MemorySizeInMB"] / 1024
        return Room(max(1, min(total.cpus, serverless["MaxConcurrency"], round(gib / 2))), gib)
    offered = instance_capacity(variant["instance_type"])
    asked = Room(offered.cpus, offered.memory_gib, offered.gpus) if offered else Room(2, 8.0)
    return asked.clipped(total)
