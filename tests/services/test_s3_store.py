"""`ObjectStore`, as the orchestrator uses it, and what becomes of blobs that nothing names."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.s3 import S3, refused
from tests.support.server import ports_in

from clary.storage.blobs import NoSpace
from clary.storage.objects import NoSuchBucket, NoSuchKey, ObjectStore
from clary.storage.ports import Bucket


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[ObjectStore]:
    ports = ports_in(tmp_path / "home")
    with ports.store.begin() as tx:
        tx.objects.create_bucket(Bucket("b", "123456789012", "us-east-1", 0.0))
    yield ports.objects
    ports.store.close()


def blobs(objects: ObjectStore) -> set[str]:
    return set(objects.blobs.names(2**40))


def test_bytes_and_files(objects: ObjectStore, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)
    record = objects.put_file("b", "large", tmp_path / "file", content_type="text/csv")
    assert (record.size, record.document["ContentType"]) == (len(data), "text/csv")
    objects.put_bytes("b", "small", b"x")
    assert objects.read_bytes("b", "small") == b"x"
    objects.fetch("b", "large", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == data
    with objects.open("b", "large") as file:
        file.seek(10)
        assert file.read(5) == data[10:15]
    assert objects.find("b", "large") == record
    assert objects.find("b", "missing") is None
    assert objects.delete("b", "small")
    assert not objects.delete("b", "small")


def test_what_is_not_there(objects: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(NoSuchKey):
        objects.open("b", "missing")
    with pytest.raises(NoSuchKey):
        objects.fetch("b", "missing", tmp_path / "file")
    for call in (objects.find, objects.open, objects.read_bytes, objects.delete):
        with pytest.raises(NoSuchBucket):
            call("none", "k")
    with pytest.raises(NoSuchBucket):
        objects.list("none")
    with pytest.raises(NoSuchBucket):
        objects.put_bytes("none", "k", b"x")
    assert blobs(objects) == set()


def test_listing_goes_over_pages(objects: ObjectStore) -> None:
    record = objects.put_bytes("b", "p/0000", b"x")
    with objects.store.begin() as tx:
        for number in range(1, 2500):
            tx.objects.put(type(record)("b", f"p/{number:04}", "", 0, '"x"', 0.0))
        tx.objects.put(type(record)("b", "q", "", 0, '"x"', 0.0))
    assert [item.key for item in objects.list("b", "p/")] == [f"p/{number:04}" for number in range(2500)]
    assert len(list(objects.list("b"))) == 2501


def test_the_sweep_takes_what_no_record_names(objects: ObjectStore) -> None:
    kept = objects.put_bytes("b", "k", b"kept").blob
    writer = objects.blobs.create()
    writer.write(b"crashed before its commit")
    orphan = writer.finish().blob
    joined = objects.blobs.join([kept, orphan])
    assert objects.sweep(0) == 0
    assert blobs(objects) == {kept, orphan, joined}
    assert objects.sweep(time.time() + 60) == 2
    assert objects.read_bytes("b", "k") == b"kept"


def test_reading_while_it_is_replaced(objects: ObjectStore) -> None:
    """Each read sees one of the versions, whole."""
    objects.put_bytes("b", "k", b"0" * 1000)
    stop = threading.Event()

    def replace() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 10
            objects.put_bytes("b", "k", str(number).encode() * 1000)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(200):
            data = objects.read_bytes("b", "k")
            assert data == data[:1] * 1000
    finally:
        stop.set()
        writer.join()
    assert len(blobs(objects)) == 1


def test_a_full_disk(s3: S3, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told as a 4xx, which no client retries, and without a trace."""
    objects = s3.server.ports.objects
    objects.put_bytes(bucket, "old", b"old")
    before = blobs(objects)
    real = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) >= 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data)

    monkeypatch.setattr(os, "write", full)
    for size in (1000, 2_000_000):
        with refused("InsufficientStorage", 400):
            s3.client.put_object(Bucket=bucket, Key="old", Body=b"x" * size)
    with pytest.raises(NoSpace):
        objects.put_bytes(bucket, "old", b"x" * 1000)
    monkeypatch.undo()
    until = time.monotonic() + 30
    while blobs(objects) != before and time.monotonic() < until:
        time.sleep(0.01)
    assert blobs(objects) == before
    assert objects.read_bytes(bucket, "old") == b"old"
