"""What a rule may ask of a trial, and which tensors its parameters mean.

The protocol is the part of smdebug's trial API that the rules use; `clary.debugger.Trial` fulfils it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from ..exceptions import SMDebugError
from ..modes import ModeKeys


class Tensor(Protocol):
    modes: set[ModeKeys]
    """In which it was saved."""

    def value(self, step_num: int, mode: ModeKeys = ...) -> np.ndarray: ...

    def steps(self, mode: ModeKeys = ...) -> list[int]:
        """The mode's own steps in which it was saved."""

    def prev_steps(self, step: int, n: int | None = ..., mode: ModeKeys = ...) -> list[int]:
        """The last `n` of them up to and with `step`."""

    def reduction_value(
        self, step_num: int, reduction_name: str, mode: ModeKeys = ..., *, abs: bool = ...
    ) -> Any: ...


class Trial(Protocol):
    name: str
    dynamic_refresh: bool

    @property
    def loaded_all_steps(self) -> bool: ...

    def refresh_data(self) -> None: ...
    def steps(self, mode: ModeKeys = ...) -> list[int]: ...
    def modes(self) -> list[ModeKeys]: ...
    def mode(self, global_step: int) -> ModeKeys | None: ...
    def mode_step(self, global_step: int) -> int | None: ...
    def collections(self) -> Mapping[str, Any]: ...
    def tensor(self, tname: str) -> Tensor: ...

    def tensor_names(
        self, *, step: int | None = ..., regex: str | list[str] | None = ..., collection: str | None = ...
    ) -> list[str]: ...


def names(
    trial: Trial,
    step: int,
    *,
    collections: Iterable[str] = (),
    regexes: Iterable[str] = (),
    default: bool = True,
) -> list[str]:
    """Tensors saved at a global step that are in one of the collections or match one of the patterns. Without
    either: all, or none where `default` says so."""
    collections, regexes = list(collections), list(regexes)
    if not collections and not regexes:
        return trial.tensor_names(step=step) if default else []
    found: set[str] = set()
    for collection in collections:
        found.update(trial.tensor_names(step=step, collection=collection))
    if regexes:
        found.update(trial.tensor_names(step=step, regex=regexes))
    return sorted(found)


def numbers(trial: Trial, step: int, wanted: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The values of these tensors at a global step; what holds text, was saved only reduced or cannot be read is
    left out."""
    for name in wanted:
        value = number(trial, step, name)
        if value is not None:
            yield name, value


def number(trial: Trial, step: int, name: str, mode: ModeKeys = ModeKeys.GLOBAL) -> np.ndarray | None:
    """At the mode's own step."""
    try:
        value = trial.tensor(name).value(step, mode)
    except SMDebugError:
        return None
    return value if value.dtype.kind in "biufc" and value.size else None


def reduced(trial: Trial, step: int, name: str, reduction: str, *, abs: bool = False) -> float | None:
    """The reduction as it was saved, else of the value; None where neither is there."""
    try:
        return float(trial.tensor(name).reduction_value(step, reduction, abs=abs))
    except (SMDebugError, TypeError, ValueError):
        return None


def previous(trial: Trial, step: int, name: str, count: int) -> list[np.ndarray]:
    """Its last `count` values up to and with a global step, oldest first; fewer where fewer are there."""
    steps = trial.tensor(name).prev_steps(step, count)
    return [value for each in steps if (value := number(trial, each, name)) is not None]


def is_validation(trial: Trial, step: int, name: str) -> bool:
    """Whether a loss saved at this step is of validation: by the step's mode, or by what frameworks call it
    (`val_loss`, XGBoost's `validation-rmse`)."""
    return trial.mode(step) is ModeKeys.EVAL or name.lower().startswith(("val", "eval", "test"))
