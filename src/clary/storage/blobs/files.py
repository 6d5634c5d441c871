"""Blobs as files under opaque names, `ROOT/ab/abcdef...`, in 256 folders.

A blob gets its final name at once: no record names it before its bytes are on disk, so nobody can see it
half-written, and a crash leaves what the sweep collects. (A temporary name and a rename would buy nothing
and cost a second commit of the file system's journal.) The file is synced first, then its folder.

A joined blob is a folder of numbered hard links to its parts' files, so completing an upload and copying
an object cost no data, and removal never counts references: the file system does. Where a file system has
no hard links, or a file has too many, bytes are copied. The one thing that an open handle does not protect
is a folder's later files; `remove` therefore waits for the readers of a joined blob.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import threading
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from clary.storage.blobs import BlobWriter, NoSpace, NoSuchBlob, Written
from clary.storage.blobs.digests import Digest, digests

LARGE = 1 << 18
"""From this many bytes on, a chunk is hashed in another thread while this one writes it."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINK = (errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV)


class FileBlobs:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        for number in range(256):  # now, so that no write has to make and sync its folder
            (root / f"{number:02x}").mkdir(exist_ok=True)
        sync_folder(root)
        self._hashing = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="hash")
        self._lock = threading.Lock()
        self._readers: Counter[str] = Counter()
        self._doomed: set[str] = set()

    def path(self, blob: str) -> Path:
        return self.root / blob[:2] / blob

    def create(self, algorithms: Collection[str] = ()) -> BlobWriter:
        return _Writer(self, uuid.uuid4().hex, digests({"MD5", *algorithms}))

    def join(self, blobs: Sequence[str]) -> str:
        blob = uuid.uuid4().hex
        target = self.path(blob)
        try:
            with _space():
                files = [path for source in blobs for path in self._files(source)]
                if len(files) == 1:
                    _link(files[0], target)
                else:
                    target.mkdir()
                    for number, path in enumerate(files):
                        _link(path, target / f"{number:05d}")
                    sync_folder(target)
                sync_folder(target.parent)
        except BaseException as error:
            _unlink(target)
            if isinstance(error, FileNotFoundError):
                raise NoSuchBlob(", ".join(blobs)) from error
            raise
        return blob

    def open(self, blob: str) -> BinaryIO:
        with suppress(IsADirectoryError):
            try:
                return self.path(blob).open("rb")
            except FileNotFoundError:
                raise NoSuchBlob(blob) from None
        with self._lock:
            self._readers[blob] += 1
        try:
            files = [(path, path.stat().st_size) for path in self._files(blob)]
        except FileNotFoundError:
            self.release(blob)
            raise NoSuchBlob(blob) from None
        return cast(BinaryIO, io.BufferedReader(_Joined(self, blob, files), buffer_size=1 << 16))

    def copy(self, blob: str, path: Path) -> None:
        # Opened through `open`, so that a joined blob stays whole until its last file is copied.
        with self.open(blob) as reader, _space(), path.open("wb") as target:
            raw = getattr(reader, "raw", None)
            if isinstance(raw, _Joined):
                for part, _ in raw.files:
                    with part.open("rb") as source:
                        _copy_range(source.fileno(), target.fileno())
            else:
                _copy_range(reader.fileno(), target.fileno())

    def link(self, blob: str, path: Path) -> None:
        source = self.path(blob)
        path.unlink(missing_ok=True)
        if source.is_dir():
            self.copy(blob, path)
            return
        try:
            path.hardlink_to(source)
        except FileNotFoundError as error:
            if path.parent.is_dir():
                raise NoSuchBlob(blob) from error
            raise
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self.copy(blob, path)

    def remove(self, blob: str) -> None:
        with self._lock:
            if self._readers[blob] > 0:
                self._doomed.add(blob)
                return
            del self._readers[blob]
        _unlink(self.path(blob))

    def release(self, blob: str) -> None:
        """A reader of a joined blob is done with it."""
        with self._lock:
            self._readers[blob] -= 1
            if self._readers[blob] > 0:
                return
            del self._readers[blob]
            doomed = blob in self._doomed
            self._doomed.discard(blob)
        if doomed:
            _unlink(self.path(blob))

    def names(self, before: float) -> Iterator[str]:
        for folder in sorted(self.root.iterdir()):
            for path in folder.iterdir():
                # The change time: linking a file touches it; its modification time stays that of its data.
                with suppress(FileNotFoundError):
                    if path.stat().st_ctime < before:
                        yield path.name

    def hash_later(self, hashes: Sequence[Digest], data: Any) -> Future[None]:
        return self._hashing.submit(_update, hashes, data)

    def _files(self, blob: str) -> list[Path]:
        path = self.path(blob)
        return sorted(path.iterdir()) if path.is_dir() else [path]


class _Writer:
    def __init__(self, blobs: FileBlobs, blob: str, hashes: dict[str, Digest]) -> None:
        self.blob, self.size = blob, 0
        self._blobs, self._hashes = blobs, hashes
        self._path = blobs.path(blob)
        self._lock = threading.Lock()
        self._hashing: Future[None] | None = None
        with _space():
            self._file: int | None = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with self._lock:
            if self._file is None:
                raise ValueError("the blob is finished or discarded")
            self._settle()
            if len(data) >= LARGE:
                self._hashing = self._blobs.hash_later(list(self._hashes.values()), data)
            else:
                _update(self._hashes.values(), data)
            rest = memoryview(data)
            with _space():
                while rest:
                    rest = rest[os.write(self._file, rest) :]
            self.size += len(data)

    def finish(self) -> Written:
        with self._lock:
            if self._file is None:
                raise ValueError("the blob is finished or discarded")
            with _space():
                os.fsync(self._file)
                sync_folder(self._path.parent)
            os.close(self._file)
            self._file = None
            self._settle()
        return Written(self.blob, self.size, {name: hash.digest() for name, hash in self._hashes.items()})

    def discard(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
                _unlink(self._path)

    def _settle(self) -> None:
        if self._hashing is not None:
            self._hashing.result()
            self._hashing = None


class _Joined(io.RawIOBase):
    """Reads a folder's files as one, holding one of them open at a time."""

    def __init__(self, blobs: FileBlobs, blob: str, files: Sequence[tuple[Path, int]]) -> None:
        self.files = files
        self._blobs, self._blob = blobs, blob
        self._at = 0
        self._index = -1
        self._current: io.FileIO | None = None
        self._starts = [0]
        for _, size in files:
            self._starts.append(self._starts[-1] + size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._starts[-1]:
            return 0
        index = self._find()
        if index != self._index:
            if self._current is not None:
                self._current.close()
            self._current, self._index = io.FileIO(self.files[index][0]), index
        assert self._current is not None
        self._current.seek(self._at - self._starts[index])
        count = self._current.readinto(buffer)
        self._at += count
        return count

    def _find(self) -> int:
        return bisect_right(self._starts, self._at) - 1

    def close(self) -> None:
        if not self.closed:
            if self._current is not None:
                self._current.close()
            self._blobs.release(self._blob)
        super().close()


def sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _space() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace(str(error)) from error
        raise


def _update(hashes: Collection[Digest], data: Any) -> None:
    for hash in hashes:
        hash.update(data)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with source.open("rb") as reader, target.open("xb") as writer:
            _copy_range(reader.fileno(), writer.fileno())
            os.fsync(writer.fileno())


def _copy_range(source: int, target: int) -> None:
    """From where both stand to the source's end, inside the kernel; shared extents where it has them."""
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as error:
        if error.errno in _FULL:
            raise
        with open(source, "rb", closefd=False) as reader, open(target, "wb", closefd=False) as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(path, ignore_errors=True)
