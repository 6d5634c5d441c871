"""SimilarAcrossRuns and StalledTrainingRule: a trial beside another, and beside the clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .check import Check
from .reading import Trial, number, numbers
from .tensors import Selective


@dataclass
class SimilarAcrossRuns(Selective):
    """A tensor differs from that of the other trial at the same step (`numpy.allclose`)."""

    _others: list[Trial] = field(default_factory=list, init=False)

    def compare(self, others: list[Trial]) -> None:
        if not others:
            raise ValueError(
                "SimilarAcrossRuns needs another trial: other_trials_s3_input_paths, or other_trial_0."
            )
        self._others = others

    def check(self, trial: Trial, step: int) -> str | None:
        for other in self._others:
            if other.mode(step) is None:
                continue
            there = set(other.tensor_names(step=step))
            for name, value in numbers(trial, step, self.names(trial, step)):
                twin = number(other, step, name) if name in there else None
                if twin is not None and (
                    twin.shape != value.shape or not np.allclose(value, twin, equal_nan=True)
                ):
                    return f"{name} differs from that of {other.name}"
        return None


@dataclass
class StalledTrainingRule(Check):
    """No tensor came for `threshold` seconds. What `stop_training_on_fire` asks for is an action of the
    evaluation."""

    threshold: float = 1800.0
    stop_training_on_fire: bool = False
    training_job_name_prefix: str = ""

    def check(self, trial: Trial, step: int) -> str | None:
        return None

    def quiet(self, seconds: float) -> str | None:
        return f"no tensor was saved for {self.threshold:g} seconds" if seconds >= self.threshold else None
