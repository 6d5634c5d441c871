"""CheckInputImages and NLPSequenceRatio: what goes into the network."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .check import Check
from .reading import Trial, numbers


@dataclass
class CheckInputImages(Check):
    """Over at least `threshold_samples` images, the mean of a colour channel is further than `threshold_mean` from 0.
    `channel`: its axis."""

    threshold_mean: float = 0.2
    threshold_samples: int = 500
    regex: str = ".*hybridsequential0_input_0"
    channel: int = 1
    _seen: int = field(default=0, init=False)
    _total: np.ndarray | float = field(default=0.0, init=False)

    def check(self, trial: Trial, step: int) -> str | None:
        for name, images in numbers(trial, step, trial.tensor_names(step=step, regex=self.regex)):
            if not -images.ndim <= self.channel < images.ndim:
                continue
            others = tuple(axis for axis in range(images.ndim) if axis != self.channel % images.ndim)
            self._total = self._total + images.mean(axis=others, dtype=np.float64) * len(images)
            self._seen += len(images)
            means = np.atleast_1d(self._total / self._seen)
            worst = int(np.argmax(np.abs(means)))
            if self._seen >= self.threshold_samples and abs(means[worst]) > self.threshold_mean:
                return f"the mean of channel {worst} of {name} is {means[worst]:.3g} over {self._seen} images"
        return None


@dataclass
class NLPSequenceRatio(Check):
    """More than so many percent of a sequence tensor are a certain token: `token_values` and
    `token_thresholds_percent` go together."""

    tensor_regex: tuple[str, ...] = (".*embedding0_input_0",)
    token_values: tuple[float, ...] = (0.0,)
    token_thresholds_percent: tuple[float, ...] = (50.0, 50.0)

    def check(self, trial: Trial, step: int) -> str | None:
        found = trial.tensor_names(step=step, regex=list(self.tensor_regex))
        for name, value in numbers(trial, step, found):
            # AWS's default has one token and two thresholds.
            for token, limit in zip(self.token_values, self.token_thresholds_percent, strict=False):
                percent = 100 * np.count_nonzero(value == token) / value.size
                if percent > limit:
                    return f"{percent:.1f} % of {name} are the token {token:g}, above {limit:g} %"
        return None
