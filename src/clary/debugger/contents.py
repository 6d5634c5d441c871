"""What of a trial has been read so far: steps, tensors, collections. `look` adds what was saved since.

Files that cannot be read are told in `problems` and passed over.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable

import numpy as np

from . import collections, reductions
from .collections import Collection
from .format import places, records
from .format.events import Event
from .format.messages import CorruptMessage
from .indexes import Index, Indexes, Location
from .sources import Absent, Source
from .steps import Steps
from .tensor import Tensor

log = logging.getLogger("smdebug")

Range = tuple[int | None, int | None]
"""Steps from the first to below the second; None: no bound."""


class Contents:
    def __init__(self, source: Source, made: Callable[[str], Tensor], wanted: Range | None) -> None:
        """`made`: a tensor of that name; `wanted`: the steps that are read."""
        self.steps = Steps()
        self.tensors: dict[str, Tensor] = {}
        self.names: dict[int, set[str]] = {}
        """Of the tensors saved, by global step."""
        self.collections: dict[str, Collection] = {}
        self.workers: set[str] = set()
        """Whose collections file is there."""
        self.problems: dict[str, str] = {}
        """Files that were passed over, and why."""
        self._source, self._made, self._wanted = source, made, wanted
        self._indexes = Indexes(source, self._report)

    def look(self) -> None:
        """What was there when the end was seen is all there is."""
        ended = self._source.has(places.END)
        if not self.workers or len(self.workers) < self.steps.num_workers:
            self._read_collections()
        for index in self._indexes.new(self.steps.last_complete):
            self._add(index)
        if ended:
            self.steps.end()

    def fetch(self, locations: Iterable[Location | None]) -> list[np.ndarray | Exception]:
        """The tensors there; an exception in place of one that cannot be read, which is reported."""
        wanted = [each for each in locations if each is not None]
        found = self._source.read_all((each.file, each.start, each.length) for each in wanted)
        return [self._decoded(each, data) for each, data in zip(wanted, found, strict=True)]

    def of_collection(self, found: Collection) -> set[str]:
        """Names of its tensors."""
        matched = {
            name for name in self.tensors if any(re.search(each, name) for each in found.include_regex)
        }
        return found.tensor_names | matched

    def _decoded(self, location: Location, data: bytes | Exception) -> np.ndarray | Exception:
        try:
            if isinstance(data, Absent):
                raise ValueError("its file is not there")
            if isinstance(data, Exception):
                raise data
            event = Event(records.unframe(data)[0])
            if event.value is None:
                raise CorruptMessage("the record holds no tensor")
            return event.value
        except ValueError as error:
            self._report(location.file, str(error))
            return error

    def _read_collections(self) -> None:
        for name in self._source.names("collections"):
            worker = places.of_collections(name)
            if worker is None or worker in self.workers:
                continue
            try:
                found, workers = collections.parse(self._source.read(name))
            except (ValueError, Absent) as error:
                self._report(name, str(error))
                continue
            if not self.workers:
                self.collections, self.steps.num_workers = found, workers
            self.workers.add(worker)

    def _add(self, index: Index) -> None:
        if self._wanted is not None:
            first, end = self._wanted
            if (first is not None and index.step < first) or (end is not None and index.step >= end):
                return
        names = self.names.setdefault(index.step, set())
        for name, location in index.tensors.items():
            reduction = reductions.parse(name)
            tensor = self._named(reduction[0] if reduction else name)
            tensor.modes.add(index.mode)
            saved = tensor.saved(index.step, index.worker)
            if reduction:
                saved.reductions[reduction[1:]] = location
            else:
                saved.location = location
            names.add(tensor.name)
        for name, (original, shape) in index.shapes.items():
            tensor = self._named(name)
            tensor.original_name = original
            tensor.saved(index.step, index.worker).shape = shape
            names.add(name)
        self.steps.add(index.step, index.worker, index.mode, index.mode_step)

    def _named(self, name: str) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = self._made(name)
        return self.tensors[name]

    def _report(self, name: str, why: str) -> None:
        if self.problems.get(name) != why:
            self.problems[name] = why
            log.warning("%s/%s is passed over: %s", self._source.path, name, why)
