"""Bodies in and out, in constant memory whatever their size; disks are touched in threads only.

A body that fits into `SMALL` costs one hop to a thread, where it is written and its record committed. A
larger one flows in chunks: while one is hashed and written, the next arrives (or, on the way out, is sent
while the next is read).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, BinaryIO, TypeVar

from clary.services.s3 import checksums
from clary.services.s3.faults import fault
from clary.storage.blobs import BlobWriter, Written
from clary.storage.blobs.digests import ALGORITHMS, digests
from clary.storage.objects import ObjectStore
from clary.wire.messages import Body, Document

T = TypeVar("T")

CHUNK = 1 << 20
SMALL = 1 << 18
LARGEST = 5 << 30
"""Bytes of one PUT or one part: 5 GiB."""
THREADS = 32
"""For disks. They mostly wait, and the store commits together what waits together."""


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="objects")


def in_thread(function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
    return asyncio.get_running_loop().run_in_executor(_threads(), function, *arguments)


async def receive(
    objects: ObjectStore,
    request: Document,
    algorithms: Collection[str],
    prepare: Callable[[], None],
    keep: Callable[[Written], T],
) -> T:
    """Write a request's Body, check it against what its client said, and `keep` it.
    Both functions run in a thread. `prepare` comes before a large body is read, so that a request
    that must fail does not send it.     Raises EntityTooLarge, IncompleteBody, BadDigest and their kin."""
    body: Any = request.get("Body") or b""
    if isinstance(body, bytes):
        return await in_thread(_store, objects, request, algorithms, body, {}, keep)
    if body.length is not None and body.length > LARGEST:
        raise fault("EntityTooLarge", ProposedSize=body.length, MaxSizeAllowed=LARGEST)
    if body.length is not None and body.length <= SMALL:
        data = b"".join([chunk async for chunk in body])
        if len(data) != body.length:
            raise fault("IncompleteBody")
        return await in_thread(_store, objects, request, algorithms, data, body.trailers, keep)
    await in_thread(prepare)
    writer = await in_thread(objects.blobs.create, algorithms)
    try:
        await _fill(writer, body)
        return await in_thread(_settle, objects, request, writer, body.trailers, keep)
    finally:
        # Not awaited: when the client is gone this task is cancelled, and a write may be under way.
        in_thread(writer.discard)


async def _fill(writer: BlobWriter, body: Body) -> None:
    writing: asyncio.Future[None] | None = None
    received = 0
    chunk = bytearray()
    try:
        async for data in body:
            chunk += data
            received += len(data)
            if received > LARGEST:
                raise fault("EntityTooLarge", ProposedSize=received, MaxSizeAllowed=LARGEST)
            if len(chunk) >= CHUNK:
                if writing is not None:
                    await writing
                writing = in_thread(writer.write, chunk)
                chunk = bytearray()
    finally:
        if writing is not None:
            await writing
    if chunk:
        await in_thread(writer.write, chunk)
    if body.length is not None and received != body.length:
        raise fault("IncompleteBody")


def _store(
    objects: ObjectStore,
    request: Document,
    algorithms: Collection[str],
    data: bytes,
    trailers: Any,
    keep: Callable[[Written], T],
) -> T:
    with objects.writing(algorithms) as writer:
        writer.write(data)
        return _settle(objects, request, writer, trailers, keep)


def _settle(
    objects: ObjectStore,
    request: Document,
    writer: BlobWriter,
    trailers: Any,
    keep: Callable[[Written], T],
) -> T:
    written = writer.finish()
    try:
        if checksums.unchecked(trailers, written):
            written = _reread(objects, written)
        checksums.verify(request, trailers, written)
        return keep(written)
    except BaseException:
        objects.blobs.remove(written.blob)
        raise


def _reread(objects: ObjectStore, written: Written) -> Written:
    """Rare: a trailer with a checksum that was not announced."""
    hashes = digests(ALGORITHMS)
    with objects.blobs.open(written.blob) as file:
        while data := file.read(CHUNK):
            for hash in hashes.values():
                hash.update(data)
    every = {name: hash.digest() for name, hash in hashes.items()}
    return Written(written.blob, written.size, {**every, **written.digests})


def first_chunk(file: BinaryIO, start: int, length: int) -> bytes:
    """To be read in the thread that opened the file; a small object is complete with it."""
    if start:
        file.seek(start)
    return file.read(min(length, CHUNK))


async def send(file: BinaryIO, first: bytes, length: int) -> AsyncIterator[bytes]:
    """The first chunk and the rest of `length` bytes; closes the file."""
    reading: asyncio.Future[bytes] | None = None
    rest = length - len(first)
    try:
        if rest:
            reading = in_thread(file.read, min(rest, CHUNK))
        yield first
        while reading is not None:
            data = await reading
            rest -= len(data)
            if not data:
                raise OSError("an object's bytes end too early")  # cut the connection: never a wrong object
            more = rest > 0
            reading = in_thread(file.read, min(rest, CHUNK)) if more else None
            yield data
    finally:
        if reading is not None:
            await asyncio.wait([reading])
        file.close()
