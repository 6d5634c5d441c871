"""linear-learner's losses over scores: value and gradient, for many models at once.

Shapes: scores (rows, models, outputs), targets (rows,), weights (rows,). A loss answers values (rows, models) and
gradients (rows, models, outputs), each row for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from .formats import Array

Evaluate = Callable[[Array, Array], "tuple[Array, Array]"]


@dataclass(frozen=True)
class Loss:
    metric: str
    """As the log calls it: `binary_classification_cross_entropy_objective`."""
    evaluate: Evaluate
    smooth: bool = True
    """Whether a second-order method may minimise it."""
    probability: bool = False
    """Whether the sigmoid or softmax of a score is a probability."""


def choose(predictor: str, name: str, params: dict[str, Any]) -> Loss | None:
    """None where the predictor type does not have that loss."""
    if name == "auto":
        name = {"regressor": "squared_loss", "binary_classifier": "logistic"}.get(predictor, "softmax_loss")
    if predictor == "binary_classifier":
        signed = {
            "logistic": Loss("binary_classification_cross_entropy_objective", logistic, probability=True),
            "hinge_loss": Loss("hinge_loss_objective", hinge(params["margin"]), smooth=False),
        }
        return signed.get(name)
    if predictor == "multiclass_classifier":
        many = {
            "softmax_loss": Loss("multiclass_cross_entropy_objective", softmax, probability=True),
            "hinge_loss": Loss("hinge_loss_objective", multiclass_hinge(params["margin"]), smooth=False),
        }
        return many.get(name)
    epsilon, quantile, delta = params["loss_insensitivity"], params["quantile"], params["huber_delta"]
    residual: dict[str, tuple[str, Callable[[Array], tuple[Array, Array]], bool]] = {
        "squared_loss": ("mse_objective", lambda r: (r**2, 2 * r), True),
        "absolute_loss": ("absolute_loss_objective", lambda r: (np.abs(r), np.sign(r)), False),
        "huber_loss": ("huber_loss_objective", lambda r: _huber(r, delta), True),
        "quantile_loss": ("quantile_loss_objective", lambda r: _quantile(r, quantile), False),
        "eps_insensitive_absolute_loss": (
            "eps_insensitive_absolute_loss_objective",
            lambda r: (np.maximum(np.abs(r) - epsilon, 0), np.sign(r) * (np.abs(r) > epsilon)),
            False,
        ),
        "eps_insensitive_squared_loss": (
            "eps_insensitive_squared_loss_objective",
            lambda r: (
                np.maximum(np.abs(r) - epsilon, 0) ** 2,
                2 * np.sign(r) * np.maximum(np.abs(r) - epsilon, 0),
            ),
            True,
        ),
    }
    if name not in residual:
        return None
    metric, of, smooth = residual[name]
    return Loss(metric, _on_residuals(of), smooth)


def sigmoid(scores: Array) -> Array:
    half = np.tanh(0.5 * scores)
    return 0.5 * (1 + half)


def probabilities(scores: Array) -> Array:
    """Softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def logistic(scores: Array, targets: Array) -> tuple[Array, Array]:
    scores, wanted = scores[:, :, 0], targets[:, None]
    return np.logaddexp(0, scores) - wanted * scores, (sigmoid(scores) - wanted)[:, :, None]


def hinge(margin: float) -> Evaluate:
    def evaluate(scores: Array, targets: Array) -> tuple[Array, Array]:
        sign = 2 * targets[:, None] - 1
        short = margin - sign * scores[:, :, 0]
        return np.maximum(short, 0), np.where(short > 0, -sign, 0.0)[:, :, None]

    return evaluate


def softmax(scores: Array, targets: Array) -> tuple[Array, Array]:
    wanted = targets.astype(int)
    chances = probabilities(scores)
    rows = np.arange(len(wanted))
    values = -np.log(np.maximum(chances[rows, :, wanted], 1e-30))
    chances[rows, :, wanted] -= 1
    return values, chances


def multiclass_hinge(margin: float) -> Evaluate:
    """Crammer and Singer's: the wanted class should lead the next by the margin."""

    def evaluate(scores: Array, targets: Array) -> tuple[Array, Array]:
        wanted, rows = targets.astype(int), np.arange(len(targets))
        own = scores[rows, :, wanted]
        rivals = scores.copy()
        rivals[rows, :, wanted] = -np.inf
        next_best = rivals.argmax(axis=2)
        values = np.maximum(margin - own + rivals.max(axis=2), 0)
        gradient = np.zeros_like(scores)
        models = np.arange(scores.shape[1])[None, :]
        gradient[rows[:, None], models, next_best] = values > 0
        gradient[rows[:, None], models, wanted[:, None]] = -(values > 0).astype(float)
        return values, gradient

    return evaluate


def _on_residuals(of: Callable[[Array], tuple[Array, Array]]) -> Evaluate:
    def evaluate(scores: Array, targets: Array) -> tuple[Array, Array]:
        values, gradient = of(scores[:, :, 0] - targets[:, None])
        return values, gradient[:, :, None]

    return evaluate


def _huber(residual: Array, delta: float) -> tuple[Array, Array]:
    small = np.abs(residual) <= delta
    values = np.where(small, 0.5 * residual**2, delta * (np.abs(residual) - 0.5 * delta))
    return values, np.clip(residual, -delta, delta)


def _quantile(residual: Array, quantile: float) -> tuple[Array, Array]:
    """Of predicted minus true."""
    return np.maximum(-quantile * residual, (1 - quantile) * residual), np.where(
        residual < 0, -quantile, 1 - quantile
    )
