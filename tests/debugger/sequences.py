"""A classifier of token sequences that really trains: an embedding, its mean, softmax; short ones are padded with 0."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tests.debugger.history import Step
from tests.debugger.network import cross_entropy, softmax

WORDS, WIDTH, LENGTH = 40, 8, 12


def train(shortest: int, steps: int = 20, rate: float = 2.0) -> Iterator[Step]:
    """What is saved in each step. `shortest`: the fewest words of a sequence, of at most `LENGTH`."""
    random = np.random.default_rng(0)
    embedding = random.normal(size=(WORDS, WIDTH)) * 0.1
    weights = random.normal(size=(WIDTH, 2)) * 0.1
    for _ in range(steps):
        tokens = random.integers(1, WORDS, size=(64, LENGTH))
        lengths = random.integers(shortest, shortest + 3, size=64)
        tokens[np.arange(LENGTH) >= lengths[:, None]] = 0
        labels = (tokens > WORDS // 2).sum(axis=1) * 2 > lengths
        mean = embedding[tokens].mean(axis=1)
        scores = softmax(mean @ weights)
        yield {"embedding0_input_0": tokens, "loss": cross_entropy(scores, labels.astype(int))}
        slope = scores.copy()
        slope[np.arange(64), labels.astype(int)] -= 1
        slope /= 64
        np.add.at(embedding, tokens, -rate * (slope @ weights.T)[:, None, :] / LENGTH)
        weights -= rate * mean.T @ slope
