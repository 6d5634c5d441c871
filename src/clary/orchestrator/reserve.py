"""Room on the disk for the words that it is full.

A job that fills the disk must still fail, with its reason, and its files must go. So a file of some size is kept
in the home, given up when the store has no room, and made again when there is.
"""

from __future__ import annotations

import os
from pathlib import Path

BYTES = 8 << 20
SPARE = 4
"""The file is made when this many times its size is free."""


class Reserve:
    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self) -> None:
        """Make the file if it is not there and there is room to spare."""
        if self._path.exists():
            return
        stats = os.statvfs(self._path.parent)
        if stats.f_bavail * stats.f_frsize < SPARE * BYTES:
            return
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BYTES)

    def give_up(self) -> None:
        self._path.unlink(missing_ok=True)
