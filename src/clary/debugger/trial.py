"""A trial: everything that one job saved, and goes on saving while it runs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

import numpy as np

from . import waiting
from .collections import Collection, CollectionKeys
from .contents import Contents, Range
from .exceptions import SMDebugNotImplementedError, SMDebugTypeError, TensorUnavailable
from .indexes import Location
from .modes import ModeKeys, StepState
from .sources import Source, open_source
from .tensor import Tensor

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
        self.contents = Contents(source, lambda each: Tensor(each, self), range_steps)
        self.refresh_data()

    def __repr__(self) -> str:
        return f"<Trial {self.name} at {self.path}: {len(self.contents.steps)} steps, {len(self.contents.tensors)} tensors>"

    @property
    def problems(self) -> dict[str, str]:
        """Files that were passed over, and why."""
        return self.contents.problems

    @property
    def loaded_all_steps(self) -> bool:
        """The job has ended, and all that it saved is known."""
        return self.contents.steps.ended

    @loaded_all_steps.setter
    def loaded_all_steps(self, ended: bool) -> None:
        """For who knows better than the files: that the job has ended without saying so."""
        self.contents.steps.ended = ended

    @property
    def last_complete_step(self) -> int:
        return self.contents.steps.last_complete

    @property
    def num_workers(self) -> int:
        """That save."""
        return self.contents.steps.num_workers

    # What there is

    def tensor(self, tname: str) -> Tensor:
        """Raises `TensorUnavailable` for one that is not saved, or not yet."""
        if not self.has_tensor(tname):
            raise TensorUnavailable(tname)
        return self.contents.tensors[tname]

    def has_tensor(self, tname: str) -> bool:
        if tname not in self.contents.tensors:
            self.maybe_refresh()
        return tname in self.contents.tensors

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
                name
                for at, names in self.contents.names.items()
                if self.contents.steps.is_of(at, mode)
                for name in names
            }
        else:
            at = self.contents.steps.known(mode, step)
            found = set(self.contents.names.get(at, ())) if at is not None else set()
        if regex is not None:
            patterns = [re.compile(each) for each in ([regex] if isinstance(regex, str) else regex)]
            found = {name for name in found if any(pattern.search(name) for pattern in patterns)}
        if collection is not None:
            wanted = getattr(collection, "name", collection)
            if not isinstance(wanted, str):
                raise SMDebugTypeError(f"Invalid argument type for collection {type(collection)}")
            found &= self.contents.of_collection(self.collection(wanted))
        return sorted(found)

    def collections(self) -> dict[str, Collection]:
        return self.contents.collections

    def collection(self, coll_name: str) -> Collection:
        """An empty one where the job has none of that name, as smdebug does."""
        return self.contents.collections.setdefault(coll_name, Collection(coll_name))

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
        return self.contents.steps.own(self.contents.steps.all(), mode, show_incomplete_steps)

    def steps_after(self, step: int) -> list[int]:
        """Global steps above that one, of those known, that all workers have saved."""
        return self.contents.steps.own(self.contents.steps.all(step), ModeKeys.GLOBAL, False)

    def steps_among(self, global_steps: Iterable[int], mode: ModeKeys, incomplete: bool) -> list[int]:
        """The same of these steps only. For tensors."""
        self.maybe_refresh()
        return self.contents.steps.own(list(global_steps), mode, incomplete)

    def last_among(self, global_steps: list[int], step: int, mode: ModeKeys, count: int | None) -> list[int]:
        """As `Steps.last`. For tensors."""
        self.maybe_refresh()
        return self.contents.steps.last(global_steps, step, mode, count)

    def modes(self) -> list[ModeKeys]:
        """Those in which steps were saved; never GLOBAL."""
        return self.contents.steps.modes()

    def mode(self, global_step: int) -> ModeKeys | None:
        return self.mode_modestep(global_step)[0]

    def mode_step(self, global_step: int) -> int | None:
        return self.mode_modestep(global_step)[1]

    def mode_modestep(self, global_step: int) -> tuple[ModeKeys, int] | tuple[None, None]:
        if self.contents.steps.of(global_step)[0] is None:
            self.maybe_refresh()
        return self.contents.steps.of(global_step)

    def global_step(self, mode: ModeKeys, mode_step: int) -> int | None:
        step = self.contents.steps.known(mode, mode_step)
        if step is None:
            self.maybe_refresh()
            step = self.contents.steps.known(mode, mode_step)
        return step

    def workers(self) -> list[str]:
        self.maybe_refresh()
        return sorted(self.contents.workers | self.contents.steps.workers())

    # Waiting

    def has_passed_step(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> StepState:
        return waiting.has_passed_step(self, step, mode)

    def wait_for_steps(
        self, required_steps: Iterable[int], mode: ModeKeys = ModeKeys.GLOBAL, timeout: float | None = None
    ) -> None:
        """Raises as `waiting.wait_for_steps` does."""
        waiting.wait_for_steps(self, required_steps, mode, timeout)

    # Reading

    def maybe_refresh(self, name: str | None = None) -> None:
        if self.dynamic_refresh and not self.loaded_all_steps:
            self.refresh_data()

    def refresh_data(self) -> None:
        """Look for what was saved since."""
        self.contents.look()

    def fetch(self, locations: Iterable[Location | None]) -> list[np.ndarray | Exception]:
        """As `Contents.fetch`. For tensors."""
        return self.contents.fetch(locations)
