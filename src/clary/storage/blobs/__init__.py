"""Where objects' bytes lie: the port `Blobs`, and `FileBlobs`, which keeps them in a folder.

A blob is written once and never changed. Its name is made here and means nothing, so a user's key never
becomes a path. What a blob stands for is written in the store's transaction (`storage.objects`); a blob that
no record names does not exist for anybody, and the sweep at the next start takes it away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


class BlobError(Exception):
    """Base of what a blob store raises on purpose."""


class NoSuchBlob(BlobError):
    """There are no bytes under this name (any more)."""


class NoSpace(BlobError):
    """The disk, or the quota of the user who runs Clary, is full."""


@dataclass(frozen=True, slots=True)
class Written:
    """A blob that is durable and that nothing names yet."""

    blob: str
    size: int
    digests: Mapping[str, bytes]
    """By algorithm, in network order: `MD5` and those asked for."""


class BlobWriter(Protocol):
    @property
    def size(self) -> int: ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. The data must not change until the next call. Raises `NoSpace`."""
        ...

    def finish(self) -> Written:
        """Returns once the bytes would survive a power cut. Raises `NoSpace`."""
        ...

    def discard(self) -> None:
        """Give up: nothing stays behind. From any thread, and without effect after `finish`."""
        ...


class Blobs(Protocol):
    """Synchronous, and safe to use from many threads."""

    def create(self, algorithms: Collection[str] = ()) -> BlobWriter:
        """A new blob. MD5 is always taken of it; `algorithms` are further names of `digests.ALGORITHMS`."""
        ...

    def join(self, blobs: Sequence[str]) -> str:
        """A new, durable blob of these, one after the other; they stay as they are. Bytes are shared where
        the store can, so neither a copy nor a completed upload writes its data again. Raises `NoSuchBlob`."""
        ...

    def open(self, blob: str) -> BinaryIO:
        """Seekable. A blob that is removed meanwhile can be read to its end. Raises `NoSuchBlob`."""
        ...

    def copy(self, blob: str, path: Path) -> None:
        """Write it to a file (an existing one is replaced). Raises `NoSuchBlob`, `NoSpace`."""
        ...

    def link(self, blob: str, path: Path) -> None:
        """As `copy`, but sharing the bytes where it can: nobody may write to the file. A file there is replaced.
        Raises `NoSuchBlob`, `NoSpace`."""
        ...

    def remove(self, blob: str) -> None:
        """Without effect when there is none."""
        ...

    def names(self, before: float) -> Iterator[str]:
        """Blobs that were last touched before a time in epoch seconds, for the sweep."""
        ...


from clary.storage.blobs.files import FileBlobs  # noqa: E402  (it needs the names above)

__all__ = ["BlobError", "BlobWriter", "Blobs", "FileBlobs", "NoSpace", "NoSuchBlob", "Written"]
