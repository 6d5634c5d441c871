"""A folder filled from S3: what names other files comes after them, what changed comes again, nothing leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clary.orchestrator.inflow import BEHIND, Inflow
from clary.storage.blobs import FileBlobs
from clary.storage.memory import MemoryStore
from clary.storage.objects import ObjectStore
from clary.storage.ports import Bucket, ObjectRecord


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
    objects.put_bytes("bucket", "job/events/../../outside", b"x")
    assert Inflow("s3://bucket/job", tmp_path / "folder").fill(objects) == 0
    assert not (tmp_path / "outside").exists()
    assert Inflow("s3://nowhere/job", tmp_path / "folder").fill(objects) == 0


def test_a_round_lists_what_is_new_and_the_last_one_all(objects: ObjectStore, tmp_path: Path) -> None:
    inflow = Inflow("s3://bucket/job", tmp_path / "folder")

    def save(step: int, worker: int = 0) -> None:
        objects.put_bytes("bucket", f"job/index/{step // 1000:09}/{step:012}_worker_{worker}.json", b"{}")

    listed: list[str] = []
    listing = objects.list

    def watched(bucket: str, prefix: str = "", after: str = "") -> Iterator[ObjectRecord]:
        for record in listing(bucket, prefix, after):
            listed.append(record.key)
            yield record

    objects.list = watched  # type: ignore[method-assign]
    for step in range(3 * BEHIND):
        save(step)
    assert inflow.fill(objects, whole=False) == 3 * BEHIND
    listed.clear()
    save(3 * BEHIND)
    save(3 * BEHIND - 50, worker=1)
    assert inflow.fill(objects, whole=False) == 2, "a worker lags"
    assert len(listed) <= 2 * BEHIND + 2
    save(1, worker=1)
    assert inflow.fill(objects, whole=False) == 0, "it lags too far"
    assert inflow.fill(objects) == 1
    assert inflow.fill(objects) == 0
    assert len(list((tmp_path / "folder").rglob("*.json"))) == 3 * BEHIND + 3
