"""Mini-batch descent of many linear models at once, as linear-learner trains them in parallel.

Weights are (columns, models * outputs), so that all models cost one matrix product a batch. Models differ in
learning rate, weight decay and L1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .formats import Array
from .losses import Loss


@dataclass(frozen=True)
class Grid:
    """Each (models,)."""

    learning_rate: Array
    wd: Array
    l1: Array


def grid(params: dict[str, Any], most: int) -> Grid:
    """The combinations to train: those given stand, `auto` ones spread. `most` bounds their number."""

    def spread(name: str, values: list[float]) -> list[float]:
        return values if params[name] == "auto" else [params[name]]

    combinations = [
        (rate, wd, l1)
        for l1 in spread("l1", [0.0, 1e-4])
        for wd in spread("wd", [1e-6, 1e-4, 1e-2, 1e-1])
        for rate in spread("learning_rate", [0.1, 0.01, 0.5, 0.002])
    ]
    wanted = len(combinations) if params["num_models"] == "auto" else params["num_models"]
    kept = np.array(combinations[: max(1, min(wanted, most))])
    return Grid(kept[:, 0], kept[:, 1], kept[:, 2])


class Descent:
    def __init__(self, columns: int, outputs: int, grid: Grid, params: dict[str, Any], random: Any) -> None:
        self.models, self.outputs = len(grid.wd), outputs
        size = (columns, self.models * outputs)
        if params["init_method"] == "normal":
            self.weights = random.normal(0, params["init_sigma"], size)
        else:
            self.weights = random.uniform(-params["init_scale"], params["init_scale"], size)
        self.bias = np.full(size[1], params["init_bias"])
        self._use_bias = params["use_bias"]
        self._rate, self._wd, self._l1 = (
            np.repeat(each, outputs) for each in (grid.learning_rate, grid.wd, grid.l1)
        )
        self._optimizer = "adam" if params["optimizer"] == "auto" else params["optimizer"]

        def given(name: str, otherwise: float) -> float:
            return otherwise if params[name] == "auto" else float(params[name])

        self._bias_rate, self._bias_wd = given("bias_lr_mult", 1.0), given("bias_wd_mult", 0.0)
        self._momentum, self._beta1, self._beta2 = (
            given("momentum", 0.9),
            given("beta_1", 0.9),
            given("beta_2", 0.999),
        )
        self._factor = given("lr_scheduler_factor", 0.99) if params["use_lr_scheduler"] else 1.0
        self._every = int(given("lr_scheduler_step", 10))
        self._least = given("lr_scheduler_minimum_lr", 1e-5)
        self._step = 0
        self._moments: dict[str, list[Array]] = {}

    def scores(self, features: Array) -> Array:
        """(rows, models, outputs)"""
        return (features @ self.weights + self.bias).reshape(features.shape[0], self.models, self.outputs)

    def batch(self, features: Array, targets: Array, weights: Array, loss: Loss) -> Array:
        """One step; the batch's mean loss before it, (models,)."""
        values, slopes = loss.evaluate(self.scores(features), targets)
        share = weights / weights.sum()
        slopes = (slopes * share[:, None, None]).reshape(len(targets), -1)
        rate = np.maximum(
            self._rate * self._factor ** (self._step // self._every), np.minimum(self._least, self._rate)
        )
        self._step += 1
        gradient = features.T @ slopes + self._wd * self.weights
        self.weights -= rate * self._direction("weights", gradient)
        self.weights = np.sign(self.weights) * np.maximum(np.abs(self.weights) - rate * self._l1, 0)
        if self._use_bias:
            gradient = slopes.sum(axis=0) + self._bias_wd * self._wd * self.bias
            self.bias = self.bias - self._bias_rate * rate * self._direction("bias", gradient)
        return share @ values

    def _direction(self, name: str, gradient: Array) -> Array:
        if name not in self._moments:
            self._moments[name] = [np.zeros_like(gradient), np.zeros_like(gradient)]
        first, second = self._moments[name]
        if self._optimizer == "sgd":
            first *= self._momentum
            first += gradient
            return first
        second *= self._beta2
        second += (1 - self._beta2) * gradient**2
        size = np.sqrt(second / (1 - self._beta2**self._step)) + 1e-8
        if self._optimizer == "rmsprop":
            return gradient / size
        first *= self._beta1
        first += (1 - self._beta1) * gradient
        return first / (1 - self._beta1**self._step) / size

    def model(self, index: int) -> tuple[Array, Array]:
        """Weights (columns, outputs) and bias (outputs,) of one."""
        mine = slice(index * self.outputs, (index + 1) * self.outputs)
        return self.weights[:, mine].copy(), self.bias[mine].copy()


def finish(
    features: Array, targets: Array, row_weights: Array, loss: Loss, wd: float, start: tuple[Array, Array],
    use_bias: bool, iterations: int = 200,
) -> tuple[Array, Array]:  # fmt: skip
    """Weights and bias at the minimum of loss + wd/2 |w|^2 over all rows, by L-BFGS from `start`."""
    from scipy.optimize import minimize

    shape, share = start[0].shape, row_weights / row_weights.sum()

    def objective(flat: Array) -> tuple[float, Array]:
        weights, bias = flat[: shape[0] * shape[1]].reshape(shape), flat[shape[0] * shape[1] :]
        scores = (features @ weights + bias)[:, None, :]
        values, slopes = loss.evaluate(scores, targets)
        slopes = slopes[:, 0, :] * share[:, None]
        gradient = features.T @ slopes + wd * weights
        value = float(share @ values[:, 0]) + 0.5 * wd * float((weights**2).sum())
        return value, np.concatenate([gradient.ravel(), slopes.sum(axis=0) * use_bias])

    flat = np.concatenate([start[0].ravel(), start[1]])
    found = minimize(objective, flat, jac=True, method="L-BFGS-B", options={"maxiter": iterations}).x
    return found[: shape[0] * shape[1]].reshape(shape), found[shape[0] * shape[1] :]
