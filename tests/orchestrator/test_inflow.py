"""A folder filled from S3: what names other files comes after them, what changed comes again, nothing leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clary.orchestrator.inflow import Inflow
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


def test_ends_and_indexes_come_last_and_nothing_twice(objects: ObjectStore, tmp_path: Path) -> None:
    for name in ("index/0/0.json", "training_job_end.ts", "events/0/0.tfevents", "collections/c.json"):
        objects.put_bytes("bucket", f"job/{name}", name.encode())
    objects.put_bytes("bucket", "job-2/events/9", b"another job's")
    linked: list[str] = []
    inflow = Inflow("s3://bucket/job", tmp_path / "folder")
    link = objects.link

    def watched(bucket: str, key: str, path: Path) -> object:
        linked.append(key.removeprefix("job/"))
        return link(bucket, key, path)

    objects.link = watched  # type: ignore[method-assign,assignment]
    assert inflow.fill(objects) == 4
    assert linked == ["collections/c.json", "events/0/0.tfevents", "index/0/0.json", "training_job_end.ts"]
    assert inflow.fill(objects) == 0
    objects.put_bytes("bucket", "job/collections/c.json", b"more")
    assert inflow.fill(objects) == 1
    assert (tmp_path / "folder" / "collections" / "c.json").read_bytes() == b"more"


def test_keys_that_would_leave_the_folder_and_buckets_that_are_not_there(
    objects: ObjectStore, tmp_path: Path
) -> None:
    objects.put_bytes("bucket", "job/../outside", b"x")
    assert Inflow("s3://bucket/job", tmp_path / "folder").fill(objects) == 0
    assert not (tmp_path / "outside").exists()
    assert Inflow("s3://nowhere/job", tmp_path / "folder").fill(objects) == 0
