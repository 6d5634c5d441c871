"""PoorWeightInitialization and WeightUpdateRatio."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..modes import ModeKeys
from .check import Check
from .fitting import losses
from .reading import Trial, names, number, numbers


@dataclass
class PoorWeightInitialization(Check):
    """In the first `steps` steps: the variances of two layers' inputs differ by more than the factor `threshold`, or a
    gradient's 5th and 95th percentiles are nearer than `distribution_range`, or the loss does not decrease for
    `patience` steps."""

    activation_inputs_regex: tuple[str, ...] = (r"(?i).*relu_?input",)
    threshold: float = 10.0
    distribution_range: float = 0.001
    patience: int = 5
    steps: int = 10
    _seen: int = field(default=0, init=False)
    _best: float = field(default=float("inf"), init=False)
    _waited: int = field(default=0, init=False)

    def check(self, trial: Trial, step: int) -> str | None:
        self._seen += 1
        if self._seen > self.steps:
            return None
        return self._variances(trial, step) or self._gradients(trial, step) or self._loss(trial, step)

    def _variances(self, trial: Trial, step: int) -> str | None:
        found = names(trial, step, regexes=self.activation_inputs_regex, default=False)
        variances = {name: float(np.var(value)) for name, value in numbers(trial, step, found)}
        if len(variances) < 2:
            return None
        low, high = min(variances, key=variances.__getitem__), max(variances, key=variances.__getitem__)
        if variances[high] <= self.threshold * variances[low]:
            return None
        return (
            f"the variance of {high} ({variances[high]:.3g}) is more than {self.threshold:g} times that of {low} "
            f"({variances[low]:.3g})"
        )

    def _gradients(self, trial: Trial, step: int) -> str | None:
        for name, value in numbers(trial, step, trial.tensor_names(step=step, collection="gradients")):
            low, high = np.percentile(value, (5, 95))
            if value.size > 1 and high - low < self.distribution_range:
                return f"the 5th and 95th percentiles of {name} are {low:.3g} and {high:.3g}"
        return None

    def _loss(self, trial: Trial, step: int) -> str | None:
        loss = losses(trial, step).training
        if loss is None:
            return None
        better = loss < self._best
        self._waited = 0 if better else self._waited + 1
        self._best = loss if better else self._best
        return (
            f"the loss has not decreased for {self._waited} steps" if self._waited >= self.patience else None
        )


@dataclass
class WeightUpdateRatio(Check):
    """Mean absolute update over mean absolute weight, from the step saved before (or the oldest of the last
    `num_steps` steps): above `large_threshold` or below `small_threshold`."""

    num_steps: int | None = None
    large_threshold: float = 10.0
    small_threshold: float = 1e-08
    epsilon: float = 1e-09

    def check(self, trial: Trial, step: int) -> str | None:
        if ModeKeys.TRAIN in trial.modes() and trial.mode(step) is not ModeKeys.TRAIN:
            return None
        for name, new in numbers(trial, step, trial.tensor_names(step=step, collection="weights")):
            old = self._before(trial, step, name)
            if old is None or old.shape != new.shape:
                continue
            ratio = float(np.mean(np.abs(new - old)) / (np.mean(np.abs(old)) + self.epsilon))
            if ratio > self.large_threshold:
                return f"the updates of {name} are {ratio:.3g} of its weights, above {self.large_threshold:g}"
            if ratio < self.small_threshold:
                return f"the updates of {name} are {ratio:.3g} of its weights, below {self.small_threshold:g}"
        return None

    def _before(self, trial: Trial, step: int, name: str) -> np.ndarray | None:
        mode = ModeKeys.TRAIN if ModeKeys.TRAIN in trial.modes() else ModeKeys.GLOBAL
        at = step if mode is ModeKeys.GLOBAL else trial.mode_step(step)
        if at is None:
            return None
        wanted = 2 if self.num_steps is None else self.num_steps + 1
        steps = trial.tensor(name).prev_steps(at, wanted, mode)[:-1]
        if self.num_steps is not None:
            steps = [each for each in steps if each >= at - self.num_steps][:1]
        return number(trial, steps[-1], name, mode) if steps else None
