"""Where a trial lies: a local folder, or a prefix in S3. Names are relative to it, with slashes."""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol

THREADS = 16
"""Requests to S3 at once."""


class Absent(Exception):
    """There is no file of that name."""


class Source(Protocol):
    path: str

    def names(self, folder: str, after: str = "") -> list[str]:
        """All files below the folder, sorted; only those above the name `after`."""

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Raises `Absent`."""

    def read_all(self, wanted: Iterable[tuple[str, int, int | None]]) -> list[bytes | Exception]:
        """Each (name, start, length), in order; an exception in place of what could not be read."""

    def has(self, name: str) -> bool: ...


def open_source(path: str) -> Source:
    return S3(path) if path.startswith("s3://") else Folder(path)


class Folder:
    def __init__(self, path: str) -> None:
        self.path = str(Path(path).expanduser())
        self._root = Path(self.path)

    def names(self, folder: str, after: str = "") -> list[str]:
        found = sorted(self._walk(self._root / folder, folder, after))
        return found[bisect.bisect_right(found, after) :]

    def _walk(self, path: Path, name: str, after: str) -> Iterator[str]:
        try:
            entries = list(os.scandir(path))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            below = f"{name}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if below + "/\uffff" > after:
                    yield from self._walk(Path(entry.path), below, after)
            elif not entry.name.endswith(".tmp"):
                yield below

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        try:
            with (self._root / name).open("rb") as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise Absent(name) from None

    def read_all(self, wanted: Iterable[tuple[str, int, int | None]]) -> list[bytes | Exception]:
        return [_attempt(partial(self.read, *each)) for each in wanted]

    def has(self, name: str) -> bool:
        return (self._root / name).exists()


class S3:
    """Reached as boto3 is configured: AWS_ENDPOINT_URL, credentials, region."""

    def __init__(self, path: str) -> None:
        import boto3
        from botocore.config import Config

        self.path = path
        self._bucket, _, prefix = path.removeprefix("s3://").partition("/")
        self._prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        self._client: Any = boto3.client("s3", config=Config(max_pool_connections=THREADS))

    def names(self, folder: str, after: str = "") -> list[str]:
        options = {"StartAfter": self._prefix + after} if after else {}
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._prefix}{folder}/", **options
        )
        return [
            each["Key"].removeprefix(self._prefix)
            for page in pages
            for each in page.get("Contents", ())
            if not each["Key"].endswith(".tmp")
        ]

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            return b""
        options = {}
        if start or length is not None:
            options["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name, **options)
            data: bytes = answer["Body"].read()
        except self._client.exceptions.ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in ("NoSuchKey", "404"):
                raise Absent(name) from None
            if code == "InvalidRange":
                return b""
            raise
        return data

    def read_all(self, wanted: Iterable[tuple[str, int, int | None]]) -> list[bytes | Exception]:
        todo: Sequence[tuple[str, int, int | None]] = list(wanted)
        if len(todo) < 2:
            return [_attempt(partial(self.read, *each)) for each in todo]
        with ThreadPoolExecutor(min(THREADS, len(todo))) as pool:
            return list(pool.map(lambda each: _attempt(partial(self.read, *each)), todo))

    def has(self, name: str) -> bool:
        key = self._prefix + name
        found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        return any(each["Key"] == key for each in found.get("Contents", ()))


def _attempt(read: Callable[[], bytes]) -> bytes | Exception:
    try:
        return read()
    except Exception as error:
        return error
