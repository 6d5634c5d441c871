"""factorization-machines: a bias, a weight a feature, and for each pair of features the product of their factors.

    score(x) = b + w.x + 1/2 sum_f ((x.v_f)^2 - x^2.v_f^2)

All three parts descend by Adam in mini-batches, each with its own learning rate and weight decay.
S. Rendle, Factorization Machines, ICDM 2010; https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-howitworks.html
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from . import scoring
from .data import widened
from .errors import CustomerError
from .formats import Array, Table
from .log import Log
from .losses import sigmoid
from .models import Answer, Model

PARTS = ("bias", "linear", "factors")


def train(params: dict[str, Any], channels: dict[str, Table], log: Log) -> Model:
    for name, table in channels.items():
        _check_labels(name, table, params["predictor_type"])
    features, labels = channels["train"].features, channels["train"].labels
    shapes = {
        "bias": (1,),
        "linear": (features.shape[1],),
        "factors": (features.shape[1], params["num_factors"]),
    }
    random = np.random.RandomState(0)
    weights = {part: initial(params, part, shape, random) for part, shape in shapes.items()}
    steps = Adam(params, weights)
    binary, began = params["predictor_type"] == "binary_classifier", time.monotonic()
    rows = len(labels)
    size = min(params["mini_batch_size"], rows)
    for epoch in range(params["epochs"]):
        order = random.permutation(rows)
        for start in range(0, rows, size):
            chosen = order[start : start + size]
            steps.step(gradients(weights, features[chosen], labels[chosen], binary))
        _report("train", weights, channels["train"], binary, log, epoch)
        log.progress((epoch + 1) / params["epochs"], rows * (epoch + 1), time.monotonic() - began)
    if not all(np.isfinite(each).all() for each in weights.values()):
        raise CustomerError("Training diverged: the weights are not finite. Try smaller learning rates.")
    if "test" in channels:
        test = channels["test"]
        _report(
            "test", weights, Table(widened(test.features, features.shape[1]), test.labels), binary, log, None
        )
    return Model("factorization-machines", {"predictor_type": params["predictor_type"]}, weights)


def predict(model: Model, features: Array, options: dict[str, str]) -> Answer:
    score = raw_scores(model.arrays, widened(features, len(model.arrays["linear"])))
    if model.facts["predictor_type"] == "regressor":
        return Answer({"score": score})
    chance = sigmoid(score)
    return Answer({"score": chance, "predicted_label": (chance >= 0.5).astype(float)})


def raw_scores(weights: dict[str, Array], features: Array) -> Array:
    """(rows,)"""
    sums, squares = features @ weights["factors"], _squared(features) @ weights["factors"] ** 2
    return features @ weights["linear"] + 0.5 * (sums**2 - squares).sum(axis=1) + weights["bias"][0]


def gradients(weights: dict[str, Array], features: Array, labels: Array, binary: bool) -> dict[str, Array]:
    """Of the batch's mean loss: cross entropy, or half the square."""
    score = raw_scores(weights, features)
    slope = ((sigmoid(score) if binary else score) - labels) / len(labels)
    sums = features @ weights["factors"]
    own = _squared(features).T @ slope
    return {
        "bias": slope.sum(keepdims=True),
        "linear": features.T @ slope,
        "factors": features.T @ (slope[:, None] * sums) - own[:, None] * weights["factors"],
    }


class Adam:
    """Moves `weights`, in place."""

    def __init__(self, params: dict[str, Any], weights: dict[str, Array]) -> None:
        self._params, self._weights, self._count = params, weights, 0
        self._first = {part: np.zeros_like(each) for part, each in weights.items()}
        self._second = {part: np.zeros_like(each) for part, each in weights.items()}
        self._epsilon = 1e-8 if params["eps"] == "auto" else params["eps"]
        self._scale = 1.0 if params["rescale_grad"] == "auto" else params["rescale_grad"]

    def step(self, gradients: dict[str, Array]) -> None:
        self._count += 1
        clip = self._params["clip_gradient"]
        for part, gradient in gradients.items():
            gradient = self._scale * gradient
            if clip != "auto":
                gradient = np.clip(gradient, -clip, clip)
            gradient = gradient + self._params[f"{part}_wd"] * self._weights[part]
            self._first[part] += 0.1 * (gradient - self._first[part])
            self._second[part] += 0.001 * (gradient**2 - self._second[part])
            mean = self._first[part] / (1 - 0.9**self._count)
            size = np.sqrt(self._second[part] / (1 - 0.999**self._count)) + self._epsilon
            self._weights[part] -= self._params[f"{part}_lr"] * mean / size


def initial(params: dict[str, Any], part: str, shape: tuple[int, ...], random: Any) -> Array:
    method, scale, value = (params[f"{part}_init_{name}"] for name in ("method", "scale", "value"))
    if method == "constant":
        return np.full(shape, 0.0 if value == "auto" else value)
    if method == "uniform":
        most = 0.01 if scale == "auto" else scale
        return random.uniform(-most, most, shape)
    return random.normal(0, params[f"{part}_init_sigma"], shape)


def _squared(features: Array) -> Array:
    return features**2 if isinstance(features, np.ndarray) else features.multiply(features).tocsr()


def _check_labels(channel: str, table: Table, kind: str) -> None:
    if table.labels is None:
        raise CustomerError(f"Channel {channel!r} has no labels, and factorization-machines needs them.")
    if kind == "binary_classifier" and not np.isin(table.labels, (0, 1)).all():
        raise CustomerError(f"A binary_classifier's labels are 0 and 1; channel {channel!r} has others.")


def _report(
    channel: str, weights: dict[str, Array], table: Table, binary: bool, log: Log, epoch: int | None
) -> None:
    score = raw_scores(weights, table.features)
    if binary:
        found = scoring.binary(table.labels, sigmoid(score), 0.5, 1.0)
        loss = np.logaddexp(0, score) - table.labels * score
        values = {"binary_classification_cross_entropy": (loss.mean(), "loss")}
        values.update((name, (value, "score")) for name, value in found.items() if name.startswith("binary_"))
    else:
        values = {"rmse": (((score - table.labels) ** 2).mean() ** 0.5, "loss")}
    for name, (value, kind) in values.items():
        log.quality(channel, name, value, kind, epoch)
        if epoch is None:
            log.say(f"#{channel}_score ({log.host}) : ({name!r}, {float(value)!r})")
