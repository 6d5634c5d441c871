"""A trial's files on their way to S3: each once, and a round asks no more the more steps were saved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clary.debugger.format import writer
from clary.orchestrator.debugging import BEHIND, TensorMirror
from clary.storage.blobs import FileBlobs
from clary.storage.memory import MemoryStore
from clary.storage.objects import ObjectStore
from clary.storage.ports import Bucket


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    store = MemoryStore()
    with store.begin() as tx:
        tx.objects.create_bucket(Bucket("bucket", "123456789012", "us-east-1", 0.0))
    return ObjectStore(store, FileBlobs(tmp_path / "blobs"))


def save(folder: Path, step: int, worker: str = "worker_0") -> None:
    file = writer.StepFile(str(folder), step, worker)
    file.add("loss", 1.0, "TRAIN", step, 0.0)
    file.close()


def age(folder: Path) -> None:
    """As if all was written long ago."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1e9, 1e9 + len(path.parts)))


def test_each_file_is_sent_once_and_a_round_asks_what_is_new(
    objects: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tensors"
    steps = BEHIND + 100
    for step in range(steps):
        save(folder, step)
    age(folder)
    mirror = TensorMirror(folder, "s3://bucket/job")
    assert mirror.send(objects, settled=True) == 0, "it may be half-written"
    assert mirror.send(objects, settled=True) == 2 * steps
    assert mirror.send(objects, settled=True) == 0, "and all folders are known to be done"
    asked: list[str] = []
    read = mirror._read

    def watched(path: Path, name: str) -> object:
        asked.append(name)
        return read(path, name)

    monkeypatch.setattr(mirror, "_read", watched)
    assert mirror.send(objects, settled=True) == 0
    assert asked == []
    save(folder, steps)
    save(folder, steps - 10, "worker_1")
    save(folder, 3, "worker_1")
    assert mirror.send(objects, settled=True) == 0
    assert mirror.send(objects, settled=True) == 5, (
        "the indexes share a folder, the events of step 3 have their own"
    )
    assert f"events/{3:012}" not in asked
    assert f"events/{steps - 10:012}" in asked
    assert mirror.send(objects) == 1, "the last round finds what lagged too far"
    keys = [record.key for record in objects.list("bucket")]
    assert len(keys) == 2 * (steps + 3)


def test_a_file_that_changes_with_its_folder_is_sent_again(objects: ObjectStore, tmp_path: Path) -> None:
    folder = tmp_path / "tensors"
    writer.write_collections(str(folder), {})
    age(folder)
    mirror = TensorMirror(folder, "s3://bucket/job")
    mirror.send(objects)
    mirror.send(objects)
    writer.write_collections(str(folder), {"losses": {"name": "losses"}}, workers=2)
    assert mirror.send(objects) == 1
