"""Overfit and Overtraining: training losses beside validation losses.

Losses are the tensors of the collection `losses`, or where a job saves none (XGBoost), those of `metrics` that
are errors. Of validation is what was saved in mode EVAL, and what frameworks call so (`val_loss`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .check import Check
from .reading import Trial, is_validation, names, numbers

ERRORS = re.compile(r"(rmse|rmsle|mae|mape|mphe|logloss|error|loss|deviance|nloglik)(@[\d.]+)?$")
"""XGBoost's metrics that are better when smaller."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Means of one step."""

    training: float | None
    validation: float | None


def losses(trial: Trial, step: int, regexes: tuple[str, ...] = ()) -> Losses:
    found = names(trial, step, regexes=regexes, default=False) if regexes else []
    if not regexes:
        found = trial.tensor_names(step=step, collection="losses")
        if not found:
            metrics = trial.tensor_names(step=step, collection="metrics")
            found = [name for name in metrics if ERRORS.search(name)]
    sides: dict[bool, list[float]] = {False: [], True: []}
    for name, value in numbers(trial, step, found):
        if value.size == 1:
            sides[is_validation(trial, step, name)].append(float(value.reshape(-1)[0]))
    means = {side: sum(values) / len(values) if values else None for side, values in sides.items()}
    return Losses(training=means[False], validation=means[True])


@dataclass
class Overfit(Check):
    """At each step that saves a validation loss it is compared with the mean of the training losses saved since the
    last such step. (validation - training) / training above `ratio_threshold`, `patience` times in a row."""

    tensor_regex: tuple[str, ...] = ()
    start_step: int = 0
    patience: int = 1
    ratio_threshold: float = 0.1
    _training: list[float] = field(default_factory=list, init=False)
    _mean: float | None = field(default=None, init=False)
    _times: int = field(default=0, init=False)

    def check(self, trial: Trial, step: int) -> str | None:
        found = losses(trial, step, self.tensor_regex)
        if found.training is not None:
            self._training.append(found.training)
        if found.validation is None or step < self.start_step:
            return None
        if self._training:
            self._mean = sum(self._training) / len(self._training)
            self._training.clear()
        if self._mean is None:
            return None
        excess = found.validation - self._mean
        self._times = self._times + 1 if excess > self.ratio_threshold * abs(self._mean) else 0
        if self._times < self.patience:
            return None
        return (
            f"the validation loss {found.validation:.6g} exceeds the training loss {self._mean:.6g} by more than "
            f"{self.ratio_threshold:g} of it, {self._times} times in a row"
        )


@dataclass
class Overtraining(Check):
    """A loss has not become smaller than its best by `delta` for so many steps that saved it."""

    patience_train: int = 5
    patience_validation: int = 10
    delta: float = 0.1
    _best: dict[str, tuple[float, int]] = field(default_factory=dict, init=False)
    """The best loss of a side, and how many steps saw no better one."""

    def check(self, trial: Trial, step: int) -> str | None:
        found = losses(trial, step)
        sides = (
            ("training", found.training, self.patience_train),
            ("validation", found.validation, self.patience_validation),
        )
        for side, loss, patience in sides:
            if loss is None:
                continue
            best, waited = self._best.get(side, (float("inf"), 0))
            self._best[side] = (loss, 0) if loss < best - self.delta else (best, waited + 1)
            if self._best[side][1] >= patience:
                return (
                    f"the {side} loss has not improved on {best:.6g} by {self.delta:g} for {patience} steps"
                )
        return None
