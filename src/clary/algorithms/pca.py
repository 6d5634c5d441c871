"""pca: the directions in which data varies most, by the covariance's eigenvectors or a randomised SVD.

Like AWS's, components come in ascending order of their singular values: the largest is the last.
https://docs.aws.amazon.com/sagemaker/latest/dg/how-pca-works.html
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .data import dense, widened
from .errors import CustomerError
from .formats import Array, Table
from .hyperparameters import refusal
from .log import Log
from .models import Answer, Model


def train(params: dict[str, Any], channels: dict[str, Table], log: Log) -> Model:
    rows, began = dense(channels["train"].features).astype(np.float64), time.monotonic()
    wanted = params["num_components"]
    if wanted > rows.shape[1]:
        raise refusal(f"num_components is {wanted}: it is to be at most feature_dim, {rows.shape[1]}")
    if wanted > rows.shape[0]:
        raise CustomerError(f"num_components is {wanted}, and there are {rows.shape[0]} rows.")
    mean = rows.mean(axis=0) if params["subtract_mean"] else np.zeros(rows.shape[1])
    if params["algorithm_mode"] == "randomized":
        sizes, directions = _randomized(rows - mean, wanted, params["extra_components"])
    else:
        sizes, directions = _regular(rows - mean, wanted)
    directions *= np.where(directions[np.abs(directions).argmax(axis=0), np.arange(wanted)] < 0, -1.0, 1.0)
    log.progress(1.0, len(rows), time.monotonic() - began)
    return Model("pca", {}, {"mean": mean, "s": sizes, "v": directions})


def predict(model: Model, features: Array, options: dict[str, str]) -> Answer:
    rows = dense(widened(features, len(model.arrays["mean"])))
    return Answer({"projection": (rows - model.arrays["mean"]) @ model.arrays["v"]}, key="projections")


def _regular(rows: Array, wanted: int) -> tuple[Array, Array]:
    """Singular values (wanted,) and directions (columns, wanted), ascending."""
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return np.sqrt(np.maximum(values[-wanted:], 0)), vectors[:, -wanted:].copy()


def _randomized(rows: Array, wanted: int, extra: int) -> tuple[Array, Array]:
    from sklearn.utils.extmath import randomized_svd

    extra = max(10, wanted) if extra == -1 else extra
    _, sizes, directions = randomized_svd(rows, n_components=wanted, n_oversamples=extra, random_state=0)
    return sizes[::-1].copy(), directions[::-1].T.copy()
