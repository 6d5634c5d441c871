"""One builder of an environment at a time, on this machine; who waits is told what the builder is doing.

`flock` on a file per environment, beside it a journal that the holder writes a line to for each step. The
lock goes when its holder and the holder's uv are gone, however they went.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clary.images.ports import ImageError, Progress

_POLL = 0.1
"""Seconds between looks at a lock that another holds: flock has no wait that could be told of progress."""


class Journal:
    """What the holder of a lock tells; truncated by each holder."""

    def __init__(self, file: IO[str], progress: Progress) -> None:
        self._file = file
        self._progress = progress

    def tell(self, line: str) -> None:
        self._write({"line": line})
        self._progress(line)

    def fail(self, reason: str) -> None:
        """Who waits fails with this reason too, instead of trying the same again."""
        self._write({"error": reason, "at": time.monotonic()})

    def _write(self, entry: dict[str, str | float]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


@contextmanager
def holding(path: Path, progress: Progress) -> Iterator[tuple[Journal, int]]:
    """Hold the lock at `path`; yields the journal and the lock's descriptor. Raises `ImageError` where
    the one it waited for failed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    journal = path.with_suffix(".log")
    try:
        _acquire(descriptor, journal, progress)
        try:
            with journal.open("w", encoding="utf-8") as file:
                yield Journal(file, progress), descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Whether the lock could be had at once; held until the end of the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, journal: Path, progress: Progress) -> None:
    began, waited, told = time.monotonic(), False, 0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
        else:
            if waited:
                _relay(journal, told, began, progress)
            return
        told = _relay(journal, told, began, progress)
        time.sleep(_POLL)


def _relay(journal: Path, told: int, began: float, progress: Progress) -> int:
    """Tell what came after `told` entries; returns how many have been told. A failure from before the
    waiting `began` is a former holder's: this one has not yet begun its journal."""
    try:
        lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return told
    entries = [json.loads(line) for line in lines if line.endswith("\n")]
    told = told if told <= len(entries) else 0  # the next holder has begun it anew
    for entry in entries[told:]:
        if "error" in entry:
            if entry["at"] < began:
                continue
            raise ImageError(entry["error"])
        progress(entry["line"])
    return len(entries)
