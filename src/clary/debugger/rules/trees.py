"""FeatureImportanceOverweight and TreeDepth: XGBoost's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .check import Check
from .reading import Trial, numbers


@dataclass
class FeatureImportanceOverweight(Check):
    """The `nfeatures` largest importances make up more than `threshold` of all."""

    threshold: float = 0.8
    nfeatures: int = 3
    tensor_regex: str = ".*feature_importance/weight"

    def check(self, trial: Trial, step: int) -> str | None:
        found = numbers(trial, step, trial.tensor_names(step=step, regex=self.tensor_regex))
        values = [value.reshape(-1).astype(np.float64) for _, value in found]
        if not values:
            return None
        weights = np.sort(np.concatenate(values))[::-1]
        total = weights.sum()
        if total <= 0:
            return None
        share = weights[: self.nfeatures].sum() / total
        if share <= self.threshold:
            return None
        return f"the {self.nfeatures} largest of {weights.size} features have {share:.2f} of the importance"


@dataclass
class TreeDepth(Check):
    """A tree is deeper than `depth`: the base 2 logarithm of its largest node's number (children of node n are 2n + 1
    and 2n + 2)."""

    depth: float = 4.0
    tensor_regex: str = r"^trees/.*Node$"

    def check(self, trial: Trial, step: int) -> str | None:
        for name, value in numbers(trial, step, trial.tensor_names(step=step, regex=self.tensor_regex)):
            found = int(np.floor(np.log2(float(value.max()) + 1)))
            if found > self.depth:
                return f"{name} has a tree of depth {found}, deeper than {self.depth:g}"
        return None
