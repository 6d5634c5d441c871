"""Rules on any tensor: AllZero, ExplodingTensor, TensorVariance, UnchangedTensor.

They look at the tensors of `collection_names` and `tensor_regex`, or at all where neither is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .check import Check
from .reading import Trial, names, numbers, previous, reduced


@dataclass
class Selective(Check):
    collection_names: tuple[str, ...] = ()
    tensor_regex: tuple[str, ...] = ()

    def names(self, trial: Trial, step: int) -> list[str]:
        return names(trial, step, collections=self.collection_names, regexes=self.tensor_regex)

    def values(self, trial: Trial, step: int) -> Iterator[tuple[str, np.ndarray]]:
        return numbers(trial, step, self.names(trial, step))


@dataclass
class AllZero(Selective):
    """At least `threshold` percent of a tensor's values are zero."""

    threshold: float = 100.0

    def check(self, trial: Trial, step: int) -> str | None:
        for name, value in self.values(trial, step):
            percent = 100 * np.count_nonzero(value == 0) / value.size
            if percent >= self.threshold:
                return f"{percent:.1f} % of the values of {name} are zero"
        return None


@dataclass
class ExplodingTensor(Selective):
    """A value is infinite or no number."""

    only_nan: bool = False

    def check(self, trial: Trial, step: int) -> str | None:
        wrong = "NaN" if self.only_nan else "NaN or infinite"
        for name, value in self.values(trial, step):
            bad = np.isnan(value) if self.only_nan else ~np.isfinite(value)
            if bad.any():
                return f"{np.count_nonzero(bad)} of {value.size} values of {name} are {wrong}"
        return None


@dataclass
class TensorVariance(Selective):
    """A tensor's variance is above `max_threshold` or below `min_threshold`."""

    max_threshold: float | None = None
    min_threshold: float | None = None

    def check(self, trial: Trial, step: int) -> str | None:
        for name in self.names(trial, step):
            variance = reduced(trial, step, name, "variance")
            if variance is None:
                continue
            if self.max_threshold is not None and variance > self.max_threshold:
                return f"the variance of {name} is {variance:.6g}, above {self.max_threshold:g}"
            if self.min_threshold is not None and variance < self.min_threshold:
                return f"the variance of {name} is {variance:.6g}, below {self.min_threshold:g}"
        return None


@dataclass
class UnchangedTensor(Selective):
    """The last `num_steps` values of a tensor are all close (`numpy.allclose`)."""

    num_steps: int = 3
    rtol: float = 1e-05
    atol: float = 1e-08
    equal_nan: bool = False

    def check(self, trial: Trial, step: int) -> str | None:
        for name in self.names(trial, step):
            values = previous(trial, step, name, self.num_steps)
            if len(values) >= max(2, self.num_steps) and all(
                self._close(values[-1], value) for value in values[:-1]
            ):
                return f"{name} has not changed over its last {len(values)} steps"
        return None

    def _close(self, one: np.ndarray, other: np.ndarray) -> bool:
        return one.shape == other.shape and np.allclose(
            one, other, rtol=self.rtol, atol=self.atol, equal_nan=self.equal_nan
        )
