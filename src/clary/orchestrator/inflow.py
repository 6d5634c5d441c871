"""Keeps a folder filled from an S3 prefix while a program reads it: the other way round from `mirror`.

What names other files comes after them: an index is linked only once the events it points to are, and the end
last. Files are linked to the objects' bytes where that can be, so nothing is copied.

A round lists what lies behind the keys it has, and the last `BEHIND` of them again: workers may lag, and a file that
grows is one of the last. So a round of a long job costs what one of a short job does; the last round lists all.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from pathlib import Path

from clary.orchestrator.sources import split
from clary.storage.objects import NoSuchBucket, NoSuchKey, ObjectStore

PARTS = ("collections/", "events/", "system/", "framework/", "index/", "training_job_end.ts")
"""What a trial and a profile consist of, in the order in which it is linked; it is listed in the opposite one."""
BEHIND = 256


@dataclass
class Part:
    keys: list[str] = field(default_factory=list)
    """The last ones, sorted: `BEHIND` at least, where there are so many."""
    tags: dict[str, str] = field(default_factory=dict)
    """ETag by key, of these."""

    @property
    def after(self) -> str:
        """Up to where nothing new is looked for."""
        return self.keys[0] if len(self.keys) >= BEHIND else ""

    def add(self, key: str, tag: str) -> None:
        if key <= self.after:
            return
        if key not in self.tags:
            bisect.insort(self.keys, key)
        self.tags[key] = tag
        if len(self.keys) > 2 * BEHIND:
            for old in self.keys[:-BEHIND]:
                del self.tags[old]
            del self.keys[:-BEHIND]


@dataclass
class Inflow:
    uri: str
    folder: Path
    _have: dict[str, Part] = field(default_factory=lambda: {part: Part() for part in PARTS})

    def fill(self, objects: ObjectStore, *, whole: bool = True) -> int:
        """One round; how many files it brought. Not `whole`: only what is new behind that of earlier rounds."""
        bucket, prefix = split(self.uri.rstrip("/") + "/")
        try:
            listed = [
                (part, self._fresh(objects, bucket, prefix, part, whole)) for part in reversed(self._have)
            ]
        except NoSuchBucket:
            return 0
        brought = 0
        for part, found in reversed(listed):
            for key, tag in found:
                brought += self._link(objects, bucket, key, self.folder / key.removeprefix(prefix))
                self._have[part].add(key, tag)
        return brought

    def _fresh(
        self, objects: ObjectStore, bucket: str, prefix: str, part: str, whole: bool
    ) -> list[tuple[str, str]]:
        """Keys and ETags."""
        have = self._have[part]
        return [
            (record.key, record.etag)
            for record in objects.list(bucket, prefix + part, after="" if whole else have.after)
            if not record.key.endswith("/") and self._is_new(record.key, record.etag, have, prefix)
        ]

    def _is_new(self, key: str, tag: str, have: Part, prefix: str) -> bool:
        if key <= have.after:
            return not (self.folder / key.removeprefix(prefix)).exists()
        return have.tags.get(key) != tag

    def _link(self, objects: ObjectStore, bucket: str, key: str, path: Path) -> bool:
        if not path.resolve().is_relative_to(self.folder.resolve()):
            return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            objects.link(bucket, key, path)
        except (NoSuchKey, FileExistsError, NotADirectoryError, IsADirectoryError):
            return False  # taken away meanwhile, or a file where other keys want a folder
        return True
