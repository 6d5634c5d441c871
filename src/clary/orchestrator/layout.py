"""Where a job's files lie: one folder, thrown away when the job has ended or starts over.

HOME/jobs/NAME-CREATED/HOST/ml/       becomes the host's /opt/ml
                            run/      the supervisor's own
                            data/     what is mounted read-only over parts of /opt/ml
                            warm/     where a warm interpreter is told which job it is
                       .../scratch/   archives under way
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from clary.domain.cluster import Host
from clary.domain.jobs import inner, tries
from clary.storage.ports import Document, Resource

MASTER = "algo-1"
TRAINING_FOLDERS = (
    "input/config",
    "input/data",
    "input/source",
    "model",
    "output/data",
    "code",
    "checkpoints",
)
"""What a training program finds below /opt/ml from the start."""


@dataclass(frozen=True, slots=True)
class JobFiles:
    root: Path
    host: str = MASTER

    @classmethod
    def of(cls, home: Path, job: Resource) -> JobFiles:
        """A job that has taken a warm pool works in the folder that was made ready there."""
        own = f"{job.name.lower()}-{int(job.created * 1000)}"
        return cls(home / "jobs" / (inner(job).get("warm") or {}).get("root", own))

    def at(self, host: Host) -> JobFiles:
        return replace(self, host=host.name)

    @property
    def ml(self) -> Path:
        return self.root / self.host / "ml"

    @property
    def run(self) -> Path:
        return self.root / self.host / "run"

    @property
    def data(self) -> Path:
        return self.root / self.host / "data"

    @property
    def warm(self) -> Path:
        return self.root / self.host / "warm"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def source(self) -> Path:
        return self.ml / "input" / "source" / "sourcedir.tar.gz"

    def secret(self) -> str:
        """What the job's hosts share and nobody else knows; made once."""
        path = self.root / "secret"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with suppress(FileExistsError), os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(secrets.token_hex(16))
        return path.read_text()

    def made(self, path: str) -> Path | None:
        """What the program has at a path below /opt/ml, unless a link leads out of there: the server can read
        more than the program may."""
        found = (self.ml / path).resolve()
        return found if found.is_relative_to(self.ml.resolve()) and found.exists() else None

    def channel(self, name: str) -> Path:
        return self.ml / "input" / "data" / name

    def make(self, folders: Iterable[str], documents: Mapping[str, Document]) -> None:
        """Folders below /opt/ml, and JSON documents there by path: what the container contract promises."""
        for folder in folders:
            (self.ml / folder).mkdir(parents=True, exist_ok=True)
        self.scratch.mkdir(exist_ok=True)
        for name, document in documents.items():
            path = self.ml / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document), encoding="utf-8")


def stream_name(job: Resource, host: str = MASTER) -> str:
    """A stream for each try: it follows one log file."""
    return f"{job.name}/{host}-{int(job.created) + tries(job)}"
