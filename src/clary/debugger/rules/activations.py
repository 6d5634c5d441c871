"""DeadRelu and SaturatedActivation: nodes that hardly ever work.

A layer's tensor is (batch, ...); every position beyond the batch is a node.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .check import Check
from .reading import Trial, names, numbers


def idle_percent(active: np.ndarray, threshold: float) -> float:
    """How many percent of a layer's nodes are active in less than `threshold` percent of the batch. `active`:
    booleans, (batch, ...)."""
    flat = active.reshape(len(active), -1)
    return float(100 * np.mean(100 * flat.mean(axis=0) < threshold))


@dataclass
class DeadRelu(Check):
    """More than `threshold_layer` percent of a layer's ReLUs answer above zero for less than `threshold_inactivity`
    percent of a batch. Their outputs are found by name."""

    tensor_regex: tuple[str, ...] = (r"(?i).*relu.*output",)
    threshold_inactivity: float = 1.0
    threshold_layer: float = 50.0

    def check(self, trial: Trial, step: int) -> str | None:
        for name, value in numbers(trial, step, names(trial, step, regexes=self.tensor_regex)):
            if value.ndim < 2:
                continue
            dead = idle_percent(value > 0, self.threshold_inactivity)
            if dead > self.threshold_layer:
                return f"{dead:.1f} % of the ReLUs of {name} are dead"
        return None


@dataclass
class SaturatedActivation(Check):
    """More than `threshold_layer` percent of a tanh or sigmoid layer's nodes have inputs within the thresholds for less
    than `threshold_inactivity` percent of a batch."""

    collection_names: tuple[str, ...] = ()
    tensor_regex: tuple[str, ...] = (r"(?i).*tanh.*input", r"(?i).*sigmoid.*input")
    threshold_tanh: tuple[float, ...] = (-9.4999, 9.4999)
    threshold_sigmoid: tuple[float, ...] = (-23.0, 16.99999)
    threshold_inactivity: float = 1.0
    threshold_layer: float = 50.0

    def check(self, trial: Trial, step: int) -> str | None:
        found = names(trial, step, collections=self.collection_names, regexes=self.tensor_regex)
        for name, value in numbers(trial, step, found):
            if value.ndim < 2:
                continue
            low, high = self.threshold_sigmoid if "sigmoid" in name.lower() else self.threshold_tanh
            saturated = idle_percent((value > low) & (value < high), self.threshold_inactivity)
            if saturated > self.threshold_layer:
                return f"{saturated:.1f} % of the nodes behind {name} are saturated"
        return None
