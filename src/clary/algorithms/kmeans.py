"""kmeans: web-scale k-means as AWS documents it, in two stages.

A stream of mini-batches moves K = k * x centres; then Lloyd's algorithm (scikit-learn's) reduces them, weighted by
the rows that each has, to k, the best of several trials. Data that one mini-batch holds is given to Lloyd as it is.
https://docs.aws.amazon.com/sagemaker/latest/dg/algo-kmeans-tech-notes.html
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .data import dense, widened
from .errors import CustomerError
from .formats import Array, Table
from .log import Log
from .models import Answer, Model

MOST_CENTRES = 10_000


def train(params: dict[str, Any], channels: dict[str, Table], log: Log) -> Model:
    rows = dense(channels["train"].features).astype(np.float64)
    k, began, random = params["k"], time.monotonic(), np.random.RandomState(0)
    if len(rows) < k:
        raise CustomerError(f"k is {k}, and there are {len(rows)} rows.")
    points, weights = rows, np.ones(len(rows))
    if len(rows) > params["mini_batch_size"]:
        points, weights = stream(rows, params, random, log)
    centres = reduce(points, weights, params)
    log.progress(1.0, len(rows) * params["epochs"], time.monotonic() - began)
    _report(params, "train", rows, centres, log, epoch=params["epochs"])
    if "test" in channels:
        _report(params, "test", dense(channels["test"].features), centres, log)
    return Model("kmeans", {"k": k}, {"centres": centres})


def predict(model: Model, features: Array, options: dict[str, str]) -> Answer:
    centres = model.arrays["centres"]
    places, squares = assign(dense(widened(features, centres.shape[1])).astype(np.float64), centres)
    return Answer({"distance_to_cluster": np.sqrt(squares), "closest_cluster": places.astype(float)})


def stream(rows: Array, params: dict[str, Any], random: Any, log: Log) -> tuple[Array, Array]:
    """K centres and the rows that each stands for."""
    size, k = params["mini_batch_size"], params["k"]
    factor = params["extra_center_factor"]
    if factor == "auto":
        factor = max(4, int(np.log2(len(rows))))
    count = min(k * factor, size, max(k, MOST_CENTRES))
    centres, weights = initial(rows[:size], count, params["init_method"], random), np.zeros(count)
    keep = 0.5 ** (size / params["half_life_time_size"]) if params["half_life_time_size"] else 1.0
    for epoch in range(params["epochs"]):
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            places, _ = assign(batch, centres)
            counts = np.bincount(places, minlength=count)
            sums = np.zeros_like(centres)
            np.add.at(sums, places, batch)
            weights = weights * keep
            total = np.maximum(weights + counts, 1e-12)
            centres = np.where(
                (counts > 0)[:, None], (centres * weights[:, None] + sums) / total[:, None], centres
            )
            weights = weights + counts
        log.say(f"Epoch {epoch}: {len(rows)} rows, {count} centres")
    used = weights > 1e-9
    return (centres[used], weights[used]) if used.sum() >= k else (centres, np.maximum(weights, 1e-9))


def initial(rows: Array, count: int, method: str, random: Any) -> Array:
    if method == "random":
        return rows[random.permutation(len(rows))[:count]].copy()
    from sklearn.cluster import kmeans_plusplus

    return kmeans_plusplus(rows, count, random_state=random)[0]


def reduce(points: Array, weights: Array, params: dict[str, Any]) -> Array:
    """The k centres that Lloyd's algorithm finds."""
    from sklearn.cluster import KMeans

    method = params["local_lloyd_init_method"]
    trials = params["local_lloyd_num_trials"]
    found = KMeans(
        params["k"], init="k-means++" if method == "kmeans++" else "random", n_init=10 if trials == "auto" else trials,
        max_iter=params["local_lloyd_max_iter"], tol=params["local_lloyd_tol"], random_state=0,
    )  # fmt: skip
    return found.fit(points, sample_weight=weights).cluster_centers_


def assign(rows: Array, centres: Array, chunk: int = 4_000_000) -> tuple[Array, Array]:
    """Each row's nearest centre, and the square of its distance."""
    places, squares, step = [], [], max(1, chunk // len(centres))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        distances = (part**2).sum(axis=1)[:, None] - 2 * part @ centres.T + (centres**2).sum(axis=1)
        nearest = distances.argmin(axis=1)
        places.append(nearest)
        squares.append(((part - centres[nearest]) ** 2).sum(axis=1))
    return np.concatenate(places), np.concatenate(squares)


def _report(
    params: dict[str, Any], channel: str, rows: Array, centres: Array, log: Log, epoch: int | None = None
) -> None:
    _, squares = assign(rows, centres)
    for metric, value in (("msd", squares.mean()), ("ssd", squares.sum())):
        if metric in params["eval_metrics"]:
            log.quality(channel, metric, value, epoch=epoch)
            log.say(f"#{channel}_score ({log.host}) : ({metric!r}, {float(value)!r})")
