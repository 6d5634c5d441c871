"""What a job's hook is told and where what it saves goes: DebugHookConfig and TensorBoardOutputConfig.

The hook itself is the toolkit's (`toolkit/debug`), found by a folder on the program's PYTHONPATH. What it
writes is in S3 while the job trains, in `<S3OutputPath>/<job>/debug-output`, and `training_job_end.ts` there
tells readers that nothing follows; on AWS the platform writes that file too, for every job.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clary.engines import TOOLKIT
from clary.engines.ports import Mount
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.mirror import Mirror
from clary.orchestrator.sources import split
from clary.storage.objects import NoSuchBucket, ObjectStore
from clary.storage.ports import Document, Resource

log = logging.getLogger(__name__)

PYTHONPATH = f"{TOOLKIT}/debug"
END = "training_job_end.ts"


@dataclass(frozen=True, slots=True)
class Output:
    """A folder of the program's whose files go to S3."""

    member: str
    """Of the job's document; it has `S3OutputPath`, and `LocalPath` where the folder is to be elsewhere."""
    config: str
    """Below /opt/ml/input/config: the same document for the program."""
    folder: str
    """Below /opt/ml."""
    prefix: str
    """In S3, below the job's name."""

    def uri(self, job: Resource) -> str:
        return f"{job.spec[self.member]['S3OutputPath'].rstrip('/')}/{job.name}/{self.prefix}"


TENSORS = Output("DebugHookConfig", "debughookconfig", "output/tensors", "debug-output")
BOARD = Output(
    "TensorBoardOutputConfig", "tensorboardoutputconfig", "output/tensorboard", "tensorboard-output"
)


class TolerantMirror(Mirror):
    """A bucket that is not there costs the job its tensors, not its life."""

    def send(self, objects: ObjectStore, *, settled: bool = False) -> int:
        try:
            return super().send(objects, settled=settled)
        except NoSuchBucket:
            log.warning("%s is not sent: its bucket does not exist", self.uri)
            return 0


def pythonpath(job: Resource) -> tuple[str, ...]:
    """Folders for the program's PYTHONPATH."""
    return (PYTHONPATH,) if TENSORS.member in job.spec else ()


def documents(job: Resource) -> dict[str, Document]:
    """Configuration files by their path below /opt/ml. LocalPath is always said, as smdebug's hooks want it."""
    return {
        f"input/config/{output.config}.json": {
            **job.spec[output.member],
            "LocalPath": f"/opt/ml/{output.folder}",
        }
        for output in _asked(job)
    }


def mounts(job: Resource, files: JobFiles) -> list[Mount]:
    """The folders once more, where LocalPath wants them elsewhere: programs write there by themselves."""
    found = []
    for output in _asked(job):
        path = job.spec[output.member].get("LocalPath", "").rstrip("/")
        if path and path != f"/opt/ml/{output.folder}":
            found.append(Mount(_made(files, output), path, writable=True))
    return found


def mirrors(job: Resource, hosts: Sequence[JobFiles]) -> list[Mirror]:
    return [
        TolerantMirror(_made(files, output), output.uri(job)) for output in _asked(job) for files in hosts
    ]


def finish(job: Resource, objects: ObjectStore) -> None:
    """Say that the job saves no more. Idempotent."""
    if TENSORS.member in job.spec:
        bucket, prefix = split(TENSORS.uri(job))
        with suppress(NoSuchBucket):
            objects.put_bytes(bucket, f"{prefix}/{END}", b"")


def _asked(job: Resource) -> Iterator[Output]:
    for output in (TENSORS, BOARD):
        if output.member in job.spec:
            yield output


def _made(files: JobFiles, output: Output) -> Path:
    folder = files.ml / output.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder
