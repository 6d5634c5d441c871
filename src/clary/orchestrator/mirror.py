"""Keeps a folder's files in S3 while a program writes them: checkpoints, and outputs that are uploaded continuously.

A file is sent when it is new or its size or time changed since it was sent; one that is taken away stays in S3,
as on AWS. A file that changes while it is read is sent again in the next round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from clary.orchestrator.sources import split
from clary.storage.objects import ObjectStore

log = logging.getLogger(__name__)

Stamp = tuple[int, int]
"""A file's modification time in nanoseconds and its size."""
PAUSE = 1.0
"""Seconds between rounds; a round that finds nothing costs one `stat` a file."""


@dataclass
class Mirror:
    folder: Path
    uri: str
    _real: Path = field(init=False)
    _sent: dict[str, Stamp] = field(default_factory=dict)
    _seen: dict[str, Stamp] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._real = self.folder.resolve()

    async def keep(self, objects: ObjectStore, ended: asyncio.Event) -> None:
        """Until all is sent after `ended` is set. What keeps a round from being sent (a full disk, a bucket that
        was taken away) does not end the program: it may be over by the next one, and the last one raises it."""
        while not ended.is_set():
            try:
                await asyncio.to_thread(self.send, objects, settled=True)
            except Exception as error:
                log.warning("%s is not in %s yet: %s", self.folder, self.uri, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), PAUSE)
        await asyncio.to_thread(self.send, objects)

    def send(self, objects: ObjectStore, *, settled: bool = False) -> int:
        """One round; how many files it sent. `settled`: only those that stayed as they are since the last
        round, because a file may be half-written. Raises `NoSuchBucket`, `NoSpace`."""
        bucket, prefix = split(self.uri)
        now = dict(self._files())
        todo = [name for name, stamp in now.items() if self._sent.get(name) != stamp]
        if settled:
            todo = [name for name in todo if self._seen.get(name) == now[name]]
        for name in sorted(todo):
            key = "/".join(part for part in (prefix.rstrip("/"), name) if part)
            with suppress(FileNotFoundError):  # taken away since it was listed
                objects.put_file(bucket, key, self.folder / name)
                self._sent[name] = now[name]
        self._seen = now
        return len(todo)

    def known(self) -> None:
        """What lies there now is in S3 already."""
        self._sent = dict(self._files())

    def _files(self) -> Iterator[tuple[str, Stamp]]:
        if self.folder.resolve() != self._real:
            return  # a program may put a link to elsewhere in its place; the server can read more than it may
        for path in self.folder.rglob("*"):
            try:
                stat = path.lstat()
            except FileNotFoundError:
                continue
            if S_ISREG(stat.st_mode):
                yield path.relative_to(self.folder).as_posix(), (stat.st_mtime_ns, stat.st_size)
