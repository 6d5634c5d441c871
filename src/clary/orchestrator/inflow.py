"""Keeps a folder filled from an S3 prefix while a program reads it: the other way round from `mirror`.

What names other files comes after them: an index is linked only once the events it points to are, and the end
last. Files are linked to the objects' bytes where that can be, so nothing is copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from clary.orchestrator.sources import split
from clary.storage.objects import NoSuchBucket, NoSuchKey, ObjectStore

LATER = ("training_job_end.ts", "index/")
"""Listed before all else, and linked after it."""


@dataclass
class Inflow:
    uri: str
    folder: Path
    _have: dict[str, str] = field(default_factory=dict)
    """ETag by key."""

    def fill(self, objects: ObjectStore) -> int:
        """One round; how many files it brought."""
        bucket, prefix = split(self.uri.rstrip("/") + "/")
        try:
            later = [self._fresh(objects, bucket, prefix + part) for part in LATER]
            first = self._fresh(objects, bucket, prefix)
        except NoSuchBucket:
            return 0
        waiting = {key for found in later for key in found}
        names = tuple(prefix + part for part in LATER)
        order = [key for key in first if not key.startswith(names)]
        order += [key for found in reversed(later) for key in found]
        tags = {**{key: tag for found in later for key, tag in found.items()}, **first}
        brought = 0
        for key in order:
            if key.startswith(names) and key not in waiting:
                continue
            brought += self._link(objects, bucket, key, self.folder / key.removeprefix(prefix))
            self._have[key] = tags[key]
        return brought

    def _fresh(self, objects: ObjectStore, bucket: str, prefix: str) -> dict[str, str]:
        return {
            record.key: record.etag
            for record in objects.list(bucket, prefix)
            if not record.key.endswith("/") and self._have.get(record.key) != record.etag
        }

    def _link(self, objects: ObjectStore, bucket: str, key: str, path: Path) -> bool:
        if not path.resolve().is_relative_to(self.folder.resolve()):
            return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            objects.link(bucket, key, path)
        except (NoSuchKey, FileExistsError, NotADirectoryError, IsADirectoryError):
            return False  # taken away meanwhile, or a file where other keys want a folder
        return True
