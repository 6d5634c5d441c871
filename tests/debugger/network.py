"""A network that really trains: images of two or more classes, one hidden layer, softmax; all it saves is its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from tests.debugger.history import Step

Array = np.ndarray


@dataclass
class Training:
    """Knobs of the training; the defaults are sound."""

    activation: str = "relu"
    scale: float = 1.0
    """Of the first weights, against He's initialization."""
    bias: float = 0.0
    """Of the hidden layer, at the start: far below zero kills ReLUs, far above zero saturates tanh."""
    rate: float = 0.2
    steps: int = 30
    shift: float = 0.0
    """Added to the images: they are not centred then."""
    weights: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25)
    """The share of each class among the samples."""
    noise: float = 0.6
    """Of the images; above 3 the classes can hardly be told apart."""
    samples: int = 150
    seed: int = 0
    _random: np.random.Generator = field(init=False)

    def run(self) -> Iterator[tuple[str, Step]]:
        """What is saved in each step, with its mode."""
        random = self._random = np.random.default_rng(self.seed)  # anew, however often it is run
        kinds = len(self.weights)
        centres = random.normal(size=(kinds, 3 * 4 * 4))
        x, y = self._data(centres, self.samples)
        x_val, y_val = self._data(centres, 150)
        w1 = random.normal(size=(x.shape[1], 16)) * self.scale * np.sqrt(2 / x.shape[1])
        b1 = np.full(16, self.bias)
        w2 = random.normal(size=(16, kinds)) * np.sqrt(2 / 16)
        with np.errstate(all="ignore"):
            for _ in range(self.steps):
                before = x @ w1 + b1
                hidden = np.maximum(before, 0) if self.activation == "relu" else np.tanh(before)
                scores = softmax(hidden @ w2)
                loss = cross_entropy(scores, y)
                slope = scores.copy()
                slope[np.arange(len(y)), y] -= 1
                slope /= len(y)
                back = slope @ w2.T * ((before > 0) if self.activation == "relu" else 1 - hidden**2)
                g1, g2 = x.T @ back, hidden.T @ slope
                yield "TRAIN", {
                    "loss": loss, "weight/w1": w1, "weight/w2": w2, "gradient/w1": g1, "gradient/w2": g2,
                    f"{self.activation}_input": before, f"{self.activation}_output": hidden,
                    "images": x.reshape(-1, 3, 4, 4), "labels": y, "predictions": scores,
                }  # fmt: skip
                w1, b1, w2 = w1 - self.rate * g1, b1 - self.rate * back.sum(axis=0), w2 - self.rate * g2
                before = x_val @ w1 + b1
                hidden = np.maximum(before, 0) if self.activation == "relu" else np.tanh(before)
                yield "EVAL", {"loss": cross_entropy(softmax(hidden @ w2), y_val)}

    def _data(self, centres: Array, count: int) -> tuple[Array, Array]:
        y = self._random.choice(len(centres), size=count, p=self.weights)
        x = centres[y] + self._random.normal(size=(count, centres.shape[1])) * self.noise
        return x - x.mean() + self.shift, y


def softmax(scores: Array) -> Array:
    exp: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    exp /= exp.sum(axis=1, keepdims=True)
    return exp


def cross_entropy(scores: Array, labels: Array) -> float:
    return float(-np.mean(np.log(scores[np.arange(len(labels)), labels] + 1e-300)))
