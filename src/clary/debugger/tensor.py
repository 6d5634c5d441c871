"""One tensor: its values by step, worker and mode."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import reductions
from .exceptions import (
    InvalidWorker,
    NoMoreData,
    ShapeUnavailableForStep,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailableForStep,
)
from .indexes import Location
from .modes import ModeKeys, StepState

if TYPE_CHECKING:
    from .trial import Trial


@dataclass(slots=True)
class Saved:
    """What one worker saved of a tensor in one step."""

    location: Location | None = None
    shape: tuple[int, ...] | None = None
    reductions: dict[tuple[str, bool], Location] = field(default_factory=dict)
    value: np.ndarray | None = None
    """Kept where the trial caches."""


class Tensor:
    def __init__(self, name: str, trial: Trial) -> None:
        self.name, self.trial = name, trial
        self.original_name: str | None = None
        self.modes: set[ModeKeys] = set()
        """In which it was saved."""
        self._order: list[int] = []
        self._steps: dict[int, dict[str, Saved]] = {}
        """By global step and worker."""

    def __repr__(self) -> str:
        return f"<Tensor {self.name} of {self.trial.path}>"

    def saved(self, step: int, worker: str) -> Saved:
        """The entry of a global step and worker, made if it is not there. For the trial."""
        if step not in self._steps:
            bisect.insort(self._order, step)
            self._steps[step] = {}
        return self._steps[step].setdefault(worker, Saved())

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, show_incomplete_steps: bool = False) -> list[int]:
        """The mode's own steps in which it was saved, by all workers that save unless incomplete ones are shown."""
        return self.trial.steps_among(self._order, mode, show_incomplete_steps)

    def prev_steps(self, step: int, n: int | None = None, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        """The last `n` (all when None) steps up to and with `step`."""
        return self.trial.last_among(self._order, step, mode, n or None)

    def values(self, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> dict[int, np.ndarray]:
        """By the mode's own step. What cannot be read, or was saved only reduced, is left out."""
        steps = self.steps(mode)
        entries = [self._entry(step, mode, worker) for step in steps]
        found = {
            step: entry for step, entry in zip(steps, entries, strict=True)
            if entry.location is not None or entry.value is not None
        }  # fmt: skip
        values = self.trial.fetch([entry.location for entry in found.values() if entry.value is None])
        fresh = iter(values)
        result = {}
        for step, entry in found.items():
            value = entry.value if entry.value is not None else next(fresh)
            if isinstance(value, Exception):
                continue
            if self.trial.cache:
                entry.value = value
            result[step] = value
        return result

    def value(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> np.ndarray:
        """Raises `StepUnavailable`, `StepNotYetAvailable`, `NoMoreData`, `TensorUnavailableForStep`,
        `InvalidWorker`."""
        entry = self._entry(step_num, mode, worker)
        if entry.value is not None:
            return entry.value
        if entry.location is None:
            raise TensorUnavailableForStep(self.name, step_num, mode, bool(entry.reductions))
        value = self._fetched(entry.location, step_num, mode)
        if self.trial.cache:
            entry.value = value
        return value

    def shape(
        self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None
    ) -> tuple[int, ...]:
        entry = self._entry(step_num, mode, worker)
        if entry.shape is not None:
            return entry.shape
        try:
            return tuple(self.value(step_num, mode, worker).shape)
        except TensorUnavailableForStep:
            raise ShapeUnavailableForStep(self.name, step_num, mode) from None

    def reduction_value(
        self, step_num: int, reduction_name: str, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None,
        abs: bool = False,
    ) -> Any:  # fmt: skip
        """As it was saved, else computed from the value. Raises as `value` does, and `SMDebugValueError`."""
        entry = self._entry(step_num, mode, worker)
        location = entry.reductions.get((reduction_name, abs))
        if location is not None:
            found = self._fetched(location, step_num, mode)
            return found.reshape(-1)[0] if found.size == 1 else found
        return reductions.reduced(reduction_name, self.value(step_num, mode, worker), abs)

    def reduction_values(
        self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None
    ) -> dict[tuple[str, bool], Any]:
        """Those saved, by name and whether of absolute values."""
        entry = self._entry(step_num, mode, worker)
        return {
            (name, absolute): self.reduction_value(step_num, name, mode, worker, absolute)
            for name, absolute in entry.reductions
        }

    def workers(self, step_num: int, mode: ModeKeys = ModeKeys.GLOBAL) -> list[str]:
        step = self.trial.global_step(mode, step_num)
        if step is None or step not in self._steps:
            raise TensorUnavailableForStep(self.name, step_num, mode)
        return sorted(self._steps[step])

    def _entry(self, step_num: int, mode: ModeKeys, worker: str | None) -> Saved:
        step = self.trial.global_step(mode, step_num)
        if step is not None and step not in self._steps:
            self.trial.maybe_refresh()
        workers = self._steps.get(step) if step is not None else None
        if workers is None:
            raise self._why_not(step_num, mode)
        if worker is None:
            return workers[min(workers)]
        if worker not in workers:
            raise InvalidWorker(worker)
        return workers[worker]

    def _why_not(self, step_num: int, mode: ModeKeys) -> Exception:
        state = self.trial.has_passed_step(step_num, mode)
        if state is StepState.AVAILABLE:
            return TensorUnavailableForStep(self.name, step_num, mode)
        if state is StepState.NOT_YET_AVAILABLE:
            return StepNotYetAvailable(step_num, mode)
        steps = self.trial.steps(mode)
        if self.trial.loaded_all_steps and steps and step_num > steps[-1]:
            return NoMoreData(step_num, mode, steps[-1])
        return StepUnavailable(step_num, mode)

    def _fetched(self, location: Location, step_num: int, mode: ModeKeys) -> np.ndarray:
        (found,) = self.trial.fetch([location])
        if isinstance(found, Exception):
            raise TensorUnavailableForStep(self.name, step_num, mode, why=str(found)) from found
        return found
