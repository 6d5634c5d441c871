"""ClassImbalance and Confusion: labels beside predictions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .check import Check
from .reading import Trial, numbers


def classes(value: np.ndarray, argmax: bool = False) -> np.ndarray:
    """Whole numbers, one a sample: a vector of scores becomes its largest's position, a probability is rounded."""
    if value.ndim > 1 and (argmax or value.shape[-1] > 1):
        value = np.argmax(value, axis=-1)
    whole: np.ndarray = np.rint(value).astype(np.int64)
    return whole.reshape(-1)


def pairs(
    labels: list[np.ndarray], predictions: list[np.ndarray], argmax: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Of one step; None unless they go together."""
    if not labels or not predictions:
        return None
    truth = np.concatenate([classes(each) for each in labels])
    guess = np.concatenate([classes(each, argmax) for each in predictions])
    return (truth, guess) if truth.shape == guess.shape else None


@dataclass
class ClassImbalance(Check):
    """After `samples` labels: the largest class has more than `threshold_imbalance` times the samples of the
    smallest, or of a class more than `threshold_misprediction` are mispredicted."""

    threshold_imbalance: float = 10.0
    threshold_misprediction: float = 0.7
    samples: int = 500
    argmax: bool = False
    labels_regex: str = ".*labels"
    predictions_regex: str = ".*predictions"
    _counts: Counter[int] = field(default_factory=Counter, init=False)
    _wrong: Counter[int] = field(default_factory=Counter, init=False)

    def check(self, trial: Trial, step: int) -> str | None:
        labels, predictions = (
            [value for _, value in numbers(trial, step, trial.tensor_names(step=step, regex=regex))]
            for regex in (self.labels_regex, self.predictions_regex)
        )
        if not labels:
            return None
        found = pairs(labels, predictions, self.argmax)
        truth = found[0] if found else np.concatenate([classes(label) for label in labels])
        self._counts.update(truth.tolist())
        if found:
            self._wrong.update(truth[truth != found[1]].tolist())
        if self._counts.total() < self.samples:
            return None
        return self._imbalance() or self._mispredictions()

    def _imbalance(self) -> str | None:
        ordered = self._counts.most_common()
        (most, many), (least, few) = ordered[0], ordered[-1]
        if many <= self.threshold_imbalance * few:
            return None
        return f"class {most} has {many} samples, more than {self.threshold_imbalance:g} times the {few} of class {least}"

    def _mispredictions(self) -> str | None:
        for label, count in sorted(self._counts.items()):
            share = self._wrong[label] / count
            if share > self.threshold_misprediction:
                return f"{share:.2f} of the samples of class {label} are mispredicted"
        return None


@dataclass
class Confusion(Check):
    """Per predicted class, the share of rightly predicted samples is below `min_diag`, or that of another class above
    `max_off_diag`. (AWS's page divides the diagonal by the diagonal's sum, by which no classifier could pass; here
    both are divided by their column's, as it does off the diagonal.)"""

    category_no: int | None = None
    labels: str = "labels"
    predictions: str = "predictions"
    labels_collection: str = "labels"
    predictions_collection: str = "predictions"
    min_diag: float = 0.9
    max_off_diag: float = 0.1

    def check(self, trial: Trial, step: int) -> str | None:
        found = pairs(
            self._side(trial, step, self.labels, self.labels_collection),
            self._side(trial, step, self.predictions, self.predictions_collection),
            argmax=False,
        )
        if found is None or min(found[0].min(), found[1].min()) < 0:
            return None
        matrix = confusion(*found, self.category_no)
        columns = matrix.sum(axis=0)
        for predicted in np.flatnonzero(columns):
            shares = matrix[:, predicted] / columns[predicted]
            if shares[predicted] < self.min_diag:
                return f"of the samples predicted as class {predicted}, {shares[predicted]:.2f} are of it"
            others = np.delete(shares, predicted)
            if others.size and others.max() > self.max_off_diag:
                return f"of the samples predicted as class {predicted}, {others.max():.2f} are of one other class"
        return None

    def _side(self, trial: Trial, step: int, name: str, collection: str) -> list[np.ndarray]:
        saved = set(trial.tensor_names(step=step))
        wanted = [name] if name in saved else trial.tensor_names(step=step, collection=collection)
        return [value for _, value in numbers(trial, step, wanted)]


def confusion(truth: np.ndarray, guess: np.ndarray, size: int | None = None) -> np.ndarray:
    """[label, prediction]: how many samples. At least `size` classes."""
    size = max(size or 0, int(truth.max()) + 1, int(guess.max()) + 1)
    return np.bincount(truth * size + guess, minlength=size * size).reshape(size, size)
