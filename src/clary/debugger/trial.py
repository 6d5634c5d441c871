"""A trial: everything that one job saved, and goes on saving while it runs."""

from __future__ import annotations

import bisect
import logging
import posixpath
import re
import time
from collections.abc import Iterable, Sequence

import numpy as np

from . import collections, reductions
from .collections import Collection, CollectionKeys
from .exceptions import (
    NoMoreData,
    SMDebugNotImplementedError,
    SMDebugTypeError,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailable,
)
from .format import places, records
from .format.events import Event
from .format.messages import CorruptMessage
from .indexes import Index, Indexes, Location
from .modes import ModeKeys, StepState
from .sources import Absent, Source, open_source
from .steps import Steps
from .tensor import Tensor

log = logging.getLogger("smdebug")

PAUSE = 0.5
"""Seconds between looks of `wait_for_steps`."""

Range = tuple[int | None, int | None]
Names = str | Sequence[str]


def create_trial(
    path: str, name: str | None = None, profiler: bool = False, range_steps: Range | None = None,
    check: bool = False, index_mode: bool = True, cache: bool = False, **_: object,
) -> Trial:  # fmt: skip
    """Of a folder or `s3://bucket/prefix`, on running jobs too. `range_steps`: only from .. below; `cache`: keep
    what was read. The rest is smdebug's and changes nothing here."""
    if profiler:
        raise SMDebugNotImplementedError("Profiler trials are not read by this package.")
    path = path.strip()
    return Trial(open_source(path), name or posixpath.basename(path.rstrip("/")), range_steps, cache)


class Trial:
    def __init__(
        self, source: Source, name: str, range_steps: Range | None = None, cache: bool = False
    ) -> None:
        self.name, self.path, self.cache, self.range_steps = name, source.path, cache, range_steps
        self.dynamic_refresh = True
        """Whether each question looks for new steps first; off while a rule looks at one step."""
        self.problems: dict[str, str] = {}
        """Files that were passed over, and why."""
        self._source = source
        self._indexes = Indexes(source, self._report)
        self._collections: dict[str, Collection] = {}
        self._told: set[str] = set()
        """Workers whose collections file is there."""
        self._tensors: dict[str, Tensor] = {}
        self._steps = Steps()
        self._names: dict[int, set[str]] = {}
        self.refresh_data()

    def __repr__(self) -> str:
        return f"<Trial {self.name} at {self.path}: {len(self._steps)} steps, {len(self._tensors)} tensors>"

    @property
    def loaded_all_steps(self) -> bool:
        """The job has ended, and all that it saved is known."""
        return self._steps.ended

    @loaded_all_steps.setter
    def loaded_all_steps(self, ended: bool) -> None:
        """For who knows better than the files: that the job has ended without saying so."""
        self._steps.ended = ended

    @property
    def last_complete_step(self) -> int:
        return self._steps.last_complete

    @property
    def num_workers(self) -> int:
        """That save."""
        return self._steps.num_workers

    # What there is

    def tensor(self, tname: str) -> Tensor:
        """Raises `TensorUnavailable` for one that is not saved, or not yet."""
        if not self.has_tensor(tname):
            raise TensorUnavailable(tname)
        return self._tensors[tname]

    def has_tensor(self, tname: str) -> bool:
        if tname not in self._tensors:
            self.maybe_refresh()
        return tname in self._tensors

    def tensor_names(
        self, show_prefixed_tensors: bool = False, *, step: int | None = None,
        mode: ModeKeys = ModeKeys.GLOBAL, regex: Names | None = None, collection: str | Collection | None = None,
    ) -> list[str]:  # fmt: skip
        """Of a step or all; `regex`es match anywhere in a name. Only one of regex and collection."""
        if regex is not None and collection is not None:
            raise ValueError("Only one of `regex` or `collection` can be passed to this method")
        self.maybe_refresh()
        if step is None:
            found = {
                name for at, names in self._names.items() if self._steps.is_of(at, mode) for name in names
            }
        else:
            at = self._steps.known(mode, step)
            found = set(self._names.get(at, ())) if at is not None else set()
        if regex is not None:
            patterns = [re.compile(each) for each in ([regex] if isinstance(regex, str) else regex)]
            found = {name for name in found if any(pattern.search(name) for pattern in patterns)}
        if collection is not None:
            found &= self._in_collection(collection)
        return sorted(found)

    def collections(self) -> dict[str, Collection]:
        return self._collections

    def collection(self, coll_name: str) -> Collection:
        """An empty one where the job has none of that name, as smdebug does."""
        return self._collections.setdefault(coll_name, Collection(coll_name))

    def inputs(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[np.ndarray]:
        names = self.tensor_names(step=step, mode=mode, collection=CollectionKeys.INPUTS)
        return [self.tensor(name).value(step, mode) for name in names]

    def labels(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[np.ndarray]:
        names = self.tensor_names(step=step, mode=mode, regex="labels*")
        return [self.tensor(name).value(step, mode) for name in names]

    def predictions(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[np.ndarray]:
        names = self.tensor_names(step=step, mode=mode, regex="predictions*")
        return [self.tensor(name).value(step, mode) for name in names]

    # Steps and modes

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, show_incomplete_steps: bool = False) -> list[int]:
        """The mode's own steps, saved by all workers that save unless incomplete ones are shown."""
        self.maybe_refresh()
        return self._steps.own(self._steps.all(), mode, show_incomplete_steps)

    def steps_among(self, global_steps: Iterable[int], mode: ModeKeys, incomplete: bool) -> list[int]:
        """The same of these steps only. For tensors."""
        self.maybe_refresh()
        return self._steps.own(list(global_steps), mode, incomplete)

    def modes(self) -> list[ModeKeys]:
        """Those in which steps were saved; never GLOBAL."""
        return self._steps.modes()

    def mode(self, global_step: int) -> ModeKeys | None:
        return self.mode_modestep(global_step)[0]

    def mode_step(self, global_step: int) -> int | None:
        return self.mode_modestep(global_step)[1]

    def mode_modestep(self, global_step: int) -> tuple[ModeKeys, int] | tuple[None, None]:
        if self._steps.of(global_step)[0] is None:
            self.maybe_refresh()
        return self._steps.of(global_step)

    def global_step(self, mode: ModeKeys, mode_step: int) -> int | None:
        step = self._steps.known(mode, mode_step)
        if step is None:
            self.maybe_refresh()
            step = self._steps.known(mode, mode_step)
        return step

    def workers(self) -> list[str]:
        self.maybe_refresh()
        return sorted(self._told | self._steps.workers())

    # Waiting

    def has_passed_step(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> StepState:
        steps = self.steps(mode, show_incomplete_steps=True)
        at = bisect.bisect_left(steps, step)
        if at == len(steps):
            return StepState.UNAVAILABLE if self.loaded_all_steps else StepState.NOT_YET_AVAILABLE
        found = self._steps.known(mode, steps[at])
        assert found is not None
        if steps[at] == step:
            return StepState.AVAILABLE if self._steps.is_complete(found) else StepState.NOT_YET_AVAILABLE
        passed = self.loaded_all_steps or self.last_complete_step >= found
        return StepState.UNAVAILABLE if passed else StepState.NOT_YET_AVAILABLE

    def wait_for_steps(
        self, required_steps: Iterable[int], mode: ModeKeys = ModeKeys.GLOBAL, timeout: float | None = None
    ) -> None:
        """Until all are there. Raises `StepUnavailable` for one that was left out, `NoMoreData` when the job
        ended before, `StepNotYetAvailable` after `timeout` seconds (None: as long as it takes)."""
        until = None if timeout is None else time.monotonic() + timeout
        refreshing, self.dynamic_refresh = self.dynamic_refresh, True
        try:
            for step in required_steps:
                while (state := self.has_passed_step(step, mode)) is StepState.NOT_YET_AVAILABLE:
                    if until is not None and time.monotonic() > until:
                        raise StepNotYetAvailable(step, mode)
                    time.sleep(PAUSE)
                if state is StepState.UNAVAILABLE:
                    steps = self.steps(mode)
                    if self.loaded_all_steps and (not steps or step > steps[-1]):
                        raise NoMoreData(step, mode, steps[-1] if steps else -1)
                    raise StepUnavailable(step, mode)
        finally:
            self.dynamic_refresh = refreshing

    # Reading

    def maybe_refresh(self, name: str | None = None) -> None:
        if self.dynamic_refresh and not self.loaded_all_steps:
            self.refresh_data()

    def refresh_data(self) -> None:
        """Look for what was saved since. What was there when the end was seen is all there is."""
        ended = self._source.has(places.END)
        if not self._told or len(self._told) < self.num_workers:
            self._read_collections()
        for index in self._indexes.new(self.last_complete_step):
            self._add(index)
        if ended:
            self._steps.end()

    def fetch(self, locations: Iterable[Location | None]) -> list[np.ndarray | Exception]:
        """The tensors there; an exception in place of one that cannot be read, which is reported."""
        wanted = [each for each in locations if each is not None]
        found = self._source.read_all((each.file, each.start, each.length) for each in wanted)
        return [self._decoded(each, data) for each, data in zip(wanted, found, strict=True)]

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
            if worker is None or worker in self._told:
                continue
            try:
                found, workers = collections.parse(self._source.read(name))
            except (ValueError, Absent) as error:
                self._report(name, str(error))
                continue
            if not self._told:
                self._collections, self._steps.num_workers = found, workers
            self._told.add(worker)

    def _add(self, index: Index) -> None:
        if self.range_steps is not None:
            first, end = self.range_steps
            if (first is not None and index.step < first) or (end is not None and index.step >= end):
                return
        names = self._names.setdefault(index.step, set())
        for name, location in index.tensors.items():
            reduction = reductions.parse(name)
            tensor = self._named(reduction[0] if reduction else name)
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
        self._steps.add(index.step, index.worker, index.mode, index.mode_step)

    def _named(self, name: str) -> Tensor:
        if name not in self._tensors:
            self._tensors[name] = Tensor(name, self)
        return self._tensors[name]

    def _in_collection(self, collection: str | Collection) -> set[str]:
        name = getattr(collection, "name", collection)
        if not isinstance(name, str):
            raise SMDebugTypeError(f"Invalid argument type for collection {type(collection)}")
        found = self.collection(name)
        matched = {
            tensor for tensor in self._tensors if any(re.search(each, tensor) for each in found.include_regex)
        }
        return found.tensor_names | matched

    def _report(self, name: str, why: str) -> None:
        if self.problems.get(name) != why:
            self.problems[name] = why
            log.warning("%s/%s is passed over: %s", self.path, name, why)
