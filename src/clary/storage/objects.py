"""Buckets and objects for the rest of the house: metadata from the store, bytes from the blobs, kept in step.

The order makes it safe. A write first makes its blob durable, then commits the record that names it; a
removal first commits, then takes the blob away. A crash between the two leaves a blob that nothing names,
which `sweep` collects. Each record has a blob to itself (a copy's blob shares its bytes below, in `Blobs`),
so a blob dies with its record and nothing is counted. Reading retries when the object is replaced between
the look at the record and the opening of its blob.

    objects.put_file("bucket", "model.tar.gz", path)
    with objects.open("bucket", "model.tar.gz") as file: ...
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from clary.storage.blobs import Blobs, BlobWriter, NoSuchBlob, Written
from clary.storage.ports import Bucket, Document, ObjectRecord, Part, Store, Transaction

T = TypeVar("T")
Check = Callable[[Bucket, ObjectRecord | None], None]
"""Sees the bucket and what stands under the key, in the transaction, and may refuse by raising."""

CHECKSUM = "CRC64NVME"
"""What S3 takes of an object when its client asks for no checksum."""
CONTENT_TYPE = "binary/octet-stream"
PAGE = 1000
CHUNK = 1 << 20


class NoSuchBucket(LookupError):
    """The bucket does not exist."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"The bucket {bucket} does not exist.")
        self.bucket = bucket


class NoSuchKey(LookupError):
    """The bucket has no object under this key."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"There is no object s3://{bucket}/{key}.")
        self.bucket, self.key = bucket, key


class Change:
    """A transaction that remembers the blobs it makes unused."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.unused: list[str] = []

    def bucket(self, name: str) -> Bucket:
        """Raises `NoSuchBucket`."""
        return _bucket(self.tx, name)

    def put(self, record: ObjectRecord) -> None:
        before = self.tx.objects.put(record)
        if before is not None and before.blob != record.blob:
            self.unused.append(before.blob)

    def delete(self, bucket: str, key: str) -> ObjectRecord | None:
        before = self.tx.objects.delete(bucket, key)
        if before is not None:
            self.unused.append(before.blob)
        return before

    def put_part(self, upload: str, part: Part) -> None:
        before = self.tx.objects.put_part(upload, part)
        if before is not None:
            self.unused.append(before.blob)

    def end_upload(self, upload: str) -> Sequence[Part]:
        parts = self.tx.objects.delete_upload(upload)
        self.unused += [part.blob for part in parts]
        return parts


class ObjectStore:
    def __init__(self, store: Store, blobs: Blobs, clock: Callable[[], float] = time.time) -> None:
        self.store, self.blobs, self.clock = store, blobs, clock

    def find(self, bucket: str, key: str, check: Check | None = None) -> ObjectRecord | None:
        """Raises `NoSuchBucket`."""
        with self.store.read() as tx:
            return looked_up(tx, bucket, key, check)

    def list(self, bucket: str, prefix: str = "", after: str = "") -> Iterator[ObjectRecord]:
        """All objects whose keys start with the prefix and come after that key, by key, a page at a time.
        Raises `NoSuchBucket`."""
        page = self._page(bucket, prefix, after)
        return self._pages(bucket, prefix, page)

    def open(self, bucket: str, key: str) -> BinaryIO:
        """Raises `NoSuchBucket`, `NoSuchKey`."""
        return self.opened(bucket, key)[1]

    def opened(self, bucket: str, key: str, check: Check | None = None) -> tuple[ObjectRecord, BinaryIO]:
        """An object and its bytes, which stay what they are whatever becomes of it.
        Raises `NoSuchBucket`, `NoSuchKey`."""
        return self.using(bucket, key, lambda record: self.blobs.open(record.blob), check)

    def read_bytes(self, bucket: str, key: str) -> bytes:
        """Raises `NoSuchBucket`, `NoSuchKey`."""
        with self.open(bucket, key) as file:
            return file.read()

    def fetch(self, bucket: str, key: str, path: Path) -> ObjectRecord:
        """The object as a file. Raises `NoSuchBucket`, `NoSuchKey`, `NoSpace`."""
        return self.using(bucket, key, lambda record: self.blobs.copy(record.blob, path))[0]

    def link(self, bucket: str, key: str, path: Path) -> ObjectRecord:
        """As `fetch`, but without copying where the blobs can be linked: for who will not write to the file.
        A file there is replaced. Raises `NoSuchBucket`, `NoSuchKey`, `NoSpace`."""
        return self.using(bucket, key, lambda record: self.blobs.link(record.blob, path))[0]

    def put_bytes(
        self, bucket: str, key: str, data: bytes, *, content_type: str | None = None
    ) -> ObjectRecord:
        """Durable when it returns. Raises `NoSuchBucket`, `NoSpace`."""
        with self.writing((CHECKSUM,)) as writer:
            writer.write(data)
            return self.keep(bucket, key, writer.finish(), described(content_type))

    def put_file(self, bucket: str, key: str, path: Path, *, content_type: str | None = None) -> ObjectRecord:
        """Durable when it returns. Raises `NoSuchBucket`, `NoSpace`, `OSError` of reading the file."""
        with path.open("rb") as file, self.writing((CHECKSUM,)) as writer:
            while data := file.read(CHUNK):
                writer.write(data)
            return self.keep(bucket, key, writer.finish(), described(content_type))

    def delete(self, bucket: str, key: str) -> bool:
        """True if there was one. Raises `NoSuchBucket`."""
        with self.change() as change:
            change.bucket(bucket)
            return change.delete(bucket, key) is not None

    @contextmanager
    def writing(self, algorithms: Collection[str] = ()) -> Iterator[BlobWriter]:
        """A blob under way, discarded if the block does not finish it."""
        writer = self.blobs.create(algorithms)
        try:
            yield writer
        finally:
            writer.discard()

    def keep(
        self,
        bucket: str,
        key: str,
        written: Written,
        document: Document,
        *,
        check: Check | None = None,
    ) -> ObjectRecord:
        """Let a blob stand under a key; the document gains its checksums. If that fails, the blob is removed.
        Raises `NoSuchBucket`."""
        document = {**document, "Checksums": encoded(written.digests), "ChecksumType": "FULL_OBJECT"}
        etag = f'"{written.digests["MD5"].hex()}"'
        record = ObjectRecord(bucket, key, written.blob, written.size, etag, self.clock(), document)
        with self.change(written.blob) as change:
            looked_up(change.tx, bucket, key, check)
            change.put(record)
        return record

    @contextmanager
    def change(self, *blobs: str) -> Iterator[Change]:
        """A transaction. After its commit the blobs it made unused are removed; if it fails, those given."""
        try:
            with self.store.begin() as tx:
                change = Change(tx)
                yield change
        except BaseException:
            for blob in blobs:
                self.blobs.remove(blob)
            raise
        for blob in change.unused:
            self.blobs.remove(blob)

    def sweep(self, before: float) -> int:
        """Remove blobs that no record names and that are older than `before` (epoch seconds; the server's
        start: younger ones may be waiting for their commit). The answer is their number."""
        swept = 0
        for blob in self.blobs.names(before):
            with self.store.read() as tx:
                used = tx.objects.blob_in_use(blob)
            if not used:
                self.blobs.remove(blob)
                swept += 1
        return swept

    def using(
        self,
        bucket: str,
        key: str,
        use: Callable[[ObjectRecord], T],
        check: Check | None = None,
    ) -> tuple[ObjectRecord, T]:
        missed: str | None = None
        while True:
            record = self.find(bucket, key, check)
            if record is None:
                raise NoSuchKey(bucket, key)
            try:
                return record, use(record)
            except NoSuchBlob:
                if record.blob == missed:  # not replaced meanwhile: its bytes are really gone
                    raise
                missed = record.blob

    def _page(self, bucket: str, prefix: str, after: str) -> Sequence[ObjectRecord]:
        with self.store.read() as tx:
            _bucket(tx, bucket)
            return tx.objects.list(bucket, prefix=prefix, after=after, limit=PAGE)

    def _pages(self, bucket: str, prefix: str, page: Sequence[ObjectRecord]) -> Iterator[ObjectRecord]:
        while page:
            yield from page
            page = self._page(bucket, prefix, page[-1].key) if len(page) == PAGE else ()


def described(content_type: str | None) -> Document:
    return {"ContentType": content_type or CONTENT_TYPE}


def encoded(digests: Mapping[str, bytes]) -> dict[str, str]:
    """Checksums as S3 writes them: base64, without the MD5, which is the ETag's."""
    return {name: b64encode(value).decode() for name, value in sorted(digests.items()) if name != "MD5"}


def _bucket(tx: Transaction, name: str) -> Bucket:
    found = tx.objects.find_bucket(name)
    if found is None:
        raise NoSuchBucket(name)
    return found


def looked_up(tx: Transaction, bucket: str, key: str, check: Check | None = None) -> ObjectRecord | None:
    """Raises `NoSuchBucket`, and whatever `check` raises."""
    owner = _bucket(tx, bucket)
    record = tx.objects.find(bucket, key)
    if check is not None:
        check(owner, record)
    return record
