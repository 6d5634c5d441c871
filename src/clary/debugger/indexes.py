"""Index files: which tensors a worker saved in a step, and where their events lie.

A file that cannot be read as one is reported once and passed over; as it may only be half there, it is looked
at again as long as the job runs.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field

from .format import places
from .modes import ModeKeys
from .sources import Absent, Source


@dataclass(frozen=True, slots=True)
class Location:
    """Where a tensor's record lies."""

    file: str
    start: int
    length: int


@dataclass(slots=True)
class Index:
    """What one worker saved in one step."""

    step: int
    worker: str
    mode: ModeKeys
    mode_step: int
    tensors: dict[str, Location] = field(default_factory=dict)
    shapes: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    """The original name and the shape."""


class Indexes:
    def __init__(self, source: Source, report: Callable[[str, str], None]) -> None:
        """`report` is told a file's name and what is wrong with it."""
        self._source, self._report = source, report
        self._seen: set[str] = set()
        self._reported: set[str] = set()

    def new(self, complete: int) -> list[Index]:
        """Those not given yet, in order of steps. No more are looked for in steps below `complete`."""
        after = places.index(complete, "")[: -len("_.json")] if complete >= 0 else ""
        names = [name for name in self._source.names("index", after) if name not in self._seen]
        found = []
        for name, data in zip(names, self._source.read_all((name, 0, None) for name in names), strict=True):
            try:
                if isinstance(data, Absent):
                    continue
                if isinstance(data, Exception):
                    raise data
                index = parse(name, data)
            except ValueError as error:
                if name not in self._reported:
                    self._reported.add(name)
                    self._report(name, str(error))
                continue
            self._seen.add(name)
            found.append(index)
        self._seen = {name for name in self._seen if name > after}
        return sorted(found, key=lambda index: (index.step, index.worker))


def parse(name: str, data: bytes) -> Index:
    """Raises `ValueError` for what is no index file."""
    place = places.of_index(name)
    if place is None:
        raise ValueError("its name is not an index file's")
    try:
        document = json.loads(data)
        meta = document["meta"]
        index = Index(*place, mode=ModeKeys[meta["mode"].strip()], mode_step=_count(meta["mode_step"]))
        for each in document.get("tensor_payload") or ():
            file = _below(meta["event_file_name"])
            location = Location(file, _count(each["start_idx"]), _count(each["length"]))
            index.tensors[str(each["tensorname"])] = location
        for each in document.get("shape_payload") or ():
            shape = tuple(_count(size) for size in each["shape"])
            index.shapes[str(each["tensorname"])] = (str(each.get("originalname", each["tensorname"])), shape)
        return index
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"it is not an index: {error!r}") from error


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a number that it can have")
    return value


def _below(name: object) -> str:
    """A file's name within the trial."""
    path = posixpath.normpath(str(name))
    if path.startswith(("/", "..")):
        raise ValueError(f"{name!r} is not within the trial")
    return path
