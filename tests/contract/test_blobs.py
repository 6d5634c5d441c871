"""What every blob store keeps to, held against `FileBlobs`."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.storage.blobs import Blobs, FileBlobs, NoSpace, NoSuchBlob
from clary.storage.blobs import files as files_module
from clary.storage.blobs.digests import ALGORITHMS, combine, digest


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return FileBlobs(tmp_path / "blobs")


def put(blobs: Blobs, *chunks: bytes) -> str:
    writer = blobs.create()
    for chunk in chunks:
        writer.write(chunk)
    return writer.finish().blob


def read(blobs: Blobs, blob: str) -> bytes:
    with blobs.open(blob) as file:
        return file.read()


def on_disk(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_was_written_is_read_and_hashed(blobs: Blobs) -> None:
    large = os.urandom(files_module.LARGE + 7)
    writer = blobs.create(("CRC32", "SHA256"))
    for chunk in (b"small", large, b"", large):
        writer.write(chunk)
    written = writer.finish()
    data = b"small" + large + large
    assert read(blobs, written.blob) == data
    assert written.size == len(data)
    assert written.digests == {
        "MD5": hashlib.md5(data).digest(),
        "SHA256": hashlib.sha256(data).digest(),
        "CRC32": zlib.crc32(data).to_bytes(4, "big"),
    }


def test_a_discarded_blob_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    writer = blobs.create()
    writer.write(b"x" * 1000)
    writer.discard()
    writer.discard()
    assert on_disk(tmp_path) == []
    with pytest.raises(ValueError, match="discarded"):
        writer.write(b"more")


def test_discard_after_finish_keeps_the_blob(blobs: Blobs) -> None:
    writer = blobs.create()
    writer.write(b"kept")
    blob = writer.finish().blob
    writer.discard()
    assert read(blobs, blob) == b"kept"


@given(
    parts=st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    cuts=st.tuples(st.integers(0, 240), st.integers(0, 240)),
)
@settings(max_examples=30, deadline=None)
def test_joined_blobs_read_as_one(
    parts: list[bytes], cuts: tuple[int, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("join")
    blobs = FileBlobs(folder / "blobs")
    joined = blobs.join([put(blobs, part) for part in parts])
    again = blobs.join([joined, joined])
    whole = b"".join(parts)
    assert read(blobs, joined) == whole
    start, length = cuts
    with blobs.open(again) as file:
        file.seek(start)
        assert file.read(length) == (whole + whole)[start : start + length]
    blobs.copy(again, folder / "copy")
    assert (folder / "copy").read_bytes() == whole + whole


def test_a_joined_blob_outlives_its_parts_and_shares_their_bytes(blobs: Blobs, tmp_path: Path) -> None:
    first, second = put(blobs, b"first "), put(blobs, b"second")
    joined = blobs.join([first, second])
    blocks = sum(
        path.stat().st_size for path in {path.stat().st_ino: path for path in on_disk(tmp_path)}.values()
    )
    assert blocks == len(b"first second")
    blobs.remove(first)
    blobs.remove(second)
    assert read(blobs, joined) == b"first second"


def test_joining_what_is_not_there_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    blob = put(blobs, b"here")
    with pytest.raises(NoSuchBlob):
        blobs.join([blob, "0" * 32])
    assert len(on_disk(tmp_path)) == 1


def test_without_hard_links_bytes_are_copied(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Path) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    parts = [put(blobs, b"one "), put(blobs, b"two")]
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert read(blobs, blobs.join(parts)) == b"one two"
    assert read(blobs, blobs.join(parts[:1])) == b"one "


@pytest.mark.parametrize("joined", [False, True], ids=["one file", "joined"])
def test_a_reader_finishes_though_the_blob_is_removed(blobs: Blobs, tmp_path: Path, joined: bool) -> None:
    blob = put(blobs, b"a" * 100_000)
    if joined:
        parts = [blob, put(blobs, b"b" * 100_000)]
        blob = blobs.join(parts)
        for part in parts:
            blobs.remove(part)
    expected = read(blobs, blob)
    with blobs.open(blob) as file:
        start = file.read(10)
        blobs.remove(blob)
        assert start + file.read() == expected
    assert on_disk(tmp_path) == []
    with pytest.raises(NoSuchBlob):
        blobs.open(blob)


def test_removing_twice_is_no_error(blobs: Blobs) -> None:
    blob = put(blobs, b"x")
    blobs.remove(blob)
    blobs.remove(blob)
    with pytest.raises(NoSuchBlob):
        blobs.open(blob)
    with pytest.raises(NoSuchBlob):
        blobs.copy(blob, Path("never-written"))


def test_names_tells_what_is_older(blobs: Blobs) -> None:
    single, other = put(blobs, b"x"), put(blobs, b"y")
    joined = blobs.join([single, other])
    assert set(blobs.names(time.time() + 60)) == {single, other, joined}
    assert set(blobs.names(0)) == set()


def test_a_full_disk_is_told_and_leaves_nothing(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = blobs.create()
    writer.write(b"x" * 100)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpace):
        writer.finish()
    writer.discard()
    assert on_disk(tmp_path) == []


@given(data=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5))
def test_crcs_of_parts_give_that_of_the_whole(data: list[bytes]) -> None:
    for name in ("CRC32", "CRC32C", "CRC64NVME"):
        parts = []
        for part in data:
            hash = digest(name)
            hash.update(part)
            parts.append((hash.digest(), len(part)))
        whole = digest(name)
        whole.update(b"".join(data))
        assert combine(name, parts) == whole.digest()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("CRC32", "cbf43926"), ("CRC32C", "e3069283"), ("CRC64NVME", "ae8b14860a799888")],
)
def test_check_values_of_the_catalogue(name: str, expected: str) -> None:
    """The published check values: each CRC of the digits 1 to 9."""
    hash = digest(name)
    hash.update(b"12345")
    hash.update(b"6789")
    assert hash.digest().hex() == expected
    assert name in ALGORITHMS


def test_a_linked_blob_outlives_its_removal_and_replaces_what_was_there(blobs: Blobs, tmp_path: Path) -> None:
    parts = [put(blobs, b"ab"), put(blobs, b"cd")]
    for blob, data in ((parts[0], b"ab"), (blobs.join(parts), b"abcd")):
        path = tmp_path / blob
        path.write_bytes(b"before")
        blobs.link(blob, path)
        blobs.remove(blob)
        assert path.read_bytes() == data
    with pytest.raises(NoSuchBlob):
        blobs.link(parts[0], tmp_path / "absent")
