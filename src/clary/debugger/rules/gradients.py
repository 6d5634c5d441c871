"""VanishingGradient."""

from __future__ import annotations

from dataclasses import dataclass

from .check import Check
from .reading import Trial, reduced


@dataclass
class VanishingGradient(Check):
    """The mean of a gradient's absolute values is below `threshold`."""

    threshold: float = 1e-7

    def check(self, trial: Trial, step: int) -> str | None:
        for name in trial.tensor_names(step=step, collection="gradients"):
            mean = reduced(trial, step, name, "mean", abs=True)
            if mean is not None and mean < self.threshold:
                return f"the mean of the absolute values of {name} is {mean:.3g}, below {self.threshold:g}"
        return None
