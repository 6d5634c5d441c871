"""knn: a sample of the training data, and at prediction its k nearest rows.

Neighbours are found exactly, by scikit-learn; `index_type`'s approximations are not needed for that. Dimensions are
reduced by a random projection: `sign` of entries +-1, `fjlt` by a randomised Hadamard transform.
https://docs.aws.amazon.com/sagemaker/latest/dg/kNN_how-it-works.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import dense, widened
from .errors import CustomerError
from .formats import Array, Table
from .hyperparameters import refusal
from .log import Log
from .models import Answer, Model

CHUNK = 4_000_000
"""Distances at a time."""


def train(params: dict[str, Any], channels: dict[str, Table], log: Log) -> Model:
    main = channels["train"]
    if main.labels is None:
        raise CustomerError("Channel 'train' has no labels, and knn needs them.")
    random, rows = np.random.RandomState(0), main.features.shape[0]
    chosen = np.sort(random.permutation(rows)[: params["sample_size"]])
    if len(chosen) < params["k"]:
        raise CustomerError(f"k is {params['k']}, and there are {len(chosen)} rows to search (sample_size).")
    if params["predictor_type"] == "classifier" and (main.labels != np.round(main.labels)).any():
        raise CustomerError("A classifier's labels are integers.")
    arrays = {"points": dense(main.features)[chosen].astype(np.float32), "labels": main.labels[chosen]}
    projection = _projection(params, main.features.shape[1], random)
    if projection is not None:
        arrays["projection"] = projection.astype(np.float32)
        arrays["points"] = arrays["points"] @ arrays["projection"]
    facts = {
        "k": params["k"],
        "predictor_type": params["predictor_type"],
        "metric": params["index_metric"],
        "width": main.features.shape[1],
    }
    model = Model("knn", facts, arrays)
    log.progress(1.0, rows, 1e-3)
    if "test" in channels:
        wanted, found = channels["test"].labels, predict(model, channels["test"].features, {})
        if wanted is None:
            raise CustomerError("Channel 'test' has no labels.")
        predicted = found.columns["predicted_label"]
        if params["predictor_type"] == "classifier":
            log.score("test", "accuracy", (predicted == wanted).mean())
        else:
            log.score("test", "mse", ((predicted - wanted) ** 2).mean(), "loss")
    return model


def predict(model: Model, features: Array, options: dict[str, str]) -> Answer:
    """With the option `verbose=true` the neighbours' distances and labels too, farthest first."""
    points = dense(widened(features, model.facts["width"])).astype(np.float32)
    if "projection" in model.arrays:
        points = points @ model.arrays["projection"]
    distances, places = nearest(model.arrays["points"], points, model.facts["k"], model.facts["metric"])
    labels = model.arrays["labels"][places]
    if model.facts["predictor_type"] == "regressor":
        predicted = labels.mean(axis=1)
    else:
        predicted = np.array([_majority(row) for row in labels])
    columns = {"predicted_label": predicted}
    if options.get("verbose", "").lower() == "true":
        columns.update(distances=distances[:, ::-1], labels=labels[:, ::-1])
    return Answer(columns)


def nearest(points: Array, queries: Array, k: int, metric: str) -> tuple[Array, Array]:
    """Distances (or, of INNER_PRODUCT and COSINE, similarities) and places of each query's k, nearest first."""
    if metric == "L2":
        from sklearn.neighbors import NearestNeighbors

        return _found(NearestNeighbors(n_neighbors=k).fit(points), queries)
    if metric == "COSINE":
        points, queries = _unit(points), _unit(queries)
    similarities, places = [], []
    step = max(1, CHUNK // len(points))
    for start in range(0, len(queries), step):
        found = queries[start : start + step] @ points.T
        order = np.argsort(-found, axis=1, kind="stable")[:, :k]
        places.append(order)
        similarities.append(np.take_along_axis(found, order, axis=1))
    return np.concatenate(similarities), np.concatenate(places)


def _found(index: Any, queries: Array) -> tuple[Array, Array]:
    distances, places = index.kneighbors(queries)
    return distances**2, places  # faiss, which AWS searches with, tells the square


def _unit(rows: Array) -> Array:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _majority(labels: Array) -> float:
    """The most frequent label; of several, that of the nearest neighbour."""
    known, first, counts = np.unique(labels, return_index=True, return_counts=True)
    return float(known[np.lexsort((first, -counts))[0]])


def _projection(params: dict[str, Any], width: int, random: Any) -> Array | None:
    kind, target = params["dimension_reduction_type"], params["dimension_reduction_target"]
    if not kind:
        return None
    if not 0 < target < width:
        raise refusal(f"dimension_reduction_target is {target}: it is to be in [1, feature_dim), {width}")
    if kind == "sign":
        return random.choice([-1.0, 1.0], (width, target)) / np.sqrt(target)
    size = 1 << (width - 1).bit_length()
    hadamard = np.ones((1, 1))
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    signs = random.choice([-1.0, 1.0], width)
    columns = random.permutation(size)[:target]
    return signs[:, None] * hadamard[:width, columns] / np.sqrt(target)
