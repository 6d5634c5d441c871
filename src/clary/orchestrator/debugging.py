"""What a job's hook is told and where what it saves goes: DebugHookConfig, TensorBoardOutputConfig, ProfilerConfig.

The hook itself is the toolkit's (`toolkit/debug`), found by a folder on the program's PYTHONPATH. What it
writes is in S3 while the job trains, in `<S3OutputPath>/<job>/debug-output`, and `training_job_end.ts` there
tells readers that nothing follows; on AWS the platform writes that file too, for every job.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clary.domain.profiling import profiled
from clary.engines import TOOLKIT
from clary.engines.ports import Mount
from clary.orchestrator.layout import JobFiles
from clary.orchestrator.mirror import Mirror, Stamp
from clary.orchestrator.sources import split
from clary.storage.objects import NoSuchBucket, ObjectStore
from clary.storage.ports import Document, Resource

log = logging.getLogger(__name__)

SETTLED_NS = 2_000_000_000
"""A folder whose last change is older has no file that came within the same tick of the file system's clock."""
BEHIND = 256
"""How many folders, the last ones, are asked whether they changed though all of them was sent: workers may lag."""
PYTHONPATH = f"{TOOLKIT}/debug"
END = "training_job_end.ts"


class TolerantMirror(Mirror):
    """A bucket that is not there costs the job its tensors, not its life."""

    def send(self, objects: ObjectStore, *, settled: bool = False) -> int:
        try:
            return super().send(objects, settled=settled)
        except NoSuchBucket:
            log.warning("%s is not sent: its bucket does not exist", self.uri)
            return 0


class TensorMirror(TolerantMirror):
    """Files of a trial are put there whole and stay as they are, so a folder that has not changed since all of it
    was sent is passed over, and of very many only the last ones are asked: a round costs what is new, however many
    steps were saved. The last round asks all."""

    _whole = False
    _done: dict[str, tuple[int, list[str]]]
    """By folder: its time of change in nanoseconds, and the folders in it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._done = {}

    def send(self, objects: ObjectStore, *, settled: bool = False) -> int:
        self._whole = not settled
        return super().send(objects, settled=settled)

    def _files(self) -> Iterator[tuple[str, Stamp]]:
        if self.folder.resolve() == self._real:
            yield from self._below("")

    def _below(self, name: str) -> Iterator[tuple[str, Stamp]]:
        path = self.folder / name
        try:
            changed = path.stat().st_mtime_ns
            kept, folders = self._done.get(name, (0, []))
            files: dict[str, Stamp] = {}
            if kept != changed:
                folders, files = self._read(path, name)
        except (FileNotFoundError, NotADirectoryError):
            return
        yield from files.items()
        old = time.time_ns() - changed > SETTLED_NS
        if old and all(self._sent.get(each) == stamp for each, stamp in files.items()):
            self._done[name] = changed, folders
        for at, folder in enumerate(folders, BEHIND - len(folders)):
            if self._whole or at >= 0 or folder not in self._done:
                yield from self._below(folder)

    def _read(self, path: Path, name: str) -> tuple[list[str], dict[str, Stamp]]:
        folders, files = [], {}
        with os.scandir(path) as entries:
            for entry in entries:
                below = f"{name}/{entry.name}" if name else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(below)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        stat = entry.stat(follow_symlinks=False)
                        files[below] = stat.st_mtime_ns, stat.st_size
        return sorted(folders), files


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
    mirror: type[TolerantMirror]

    def uri(self, job: Resource) -> str:
        return f"{job.spec[self.member]['S3OutputPath'].rstrip('/')}/{job.name}/{self.prefix}"


TENSORS = Output("DebugHookConfig", "debughookconfig", "output/tensors", "debug-output", TensorMirror)
BOARD = Output(
    "TensorBoardOutputConfig",
    "tensorboardoutputconfig",
    "output/tensorboard",
    "tensorboard-output",
    TolerantMirror,
)
PROFILE = Output("ProfilerConfig", "profilerconfig", "output/profiler", "profiler-output", TolerantMirror)
"""Step times; system metrics come beside them (`profiling.py`)."""


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
    return [output.mirror(_made(files, output), output.uri(job)) for output in _asked(job) for files in hosts]


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
    if TENSORS.member in job.spec and profiled(job.spec):
        yield PROFILE


def _made(files: JobFiles, output: Output) -> Path:
    folder = files.ml / output.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder
