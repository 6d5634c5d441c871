"""randomcutforest: trees of random cuts, and how far a row would stand out in them.

Each tree cuts a sample of the data until every leaf is one point: a dimension by chance, in proportion to the
range of the points there, and a place in it by chance. A row's score in a tree is expected over all the ways in
which the tree could have grown with it: at each node down its way it might have been cut off from all points
there, and the earlier, the higher. Scores are normalised by the sample's size, so that 1 is ordinary; higher is
more anomalous.  S. Guha et al., Robust Random Cut Forest Based Anomaly Detection on Streams, ICML 2016;
https://docs.aws.amazon.com/sagemaker/latest/dg/rcf_how-it-works.html
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

LEAF = -1
CHUNK = 2_000_000
"""Numbers of rows in all trees at a time."""


def train(params: dict[str, Any], channels: dict[str, Table], log: Log) -> Model:
    rows, began = dense(channels["train"].features).astype(np.float64), time.monotonic()
    random = np.random.RandomState(0)
    size = min(params["num_samples_per_tree"], len(rows))
    trees = [
        grow(rows[random.choice(len(rows), size, replace=False)], random) for _ in range(params["num_trees"])
    ]
    nodes = max(len(tree["cut"]) for tree in trees)
    arrays = {name: np.stack([_padded(tree[name], nodes) for tree in trees]) for name in trees[0]}
    model = Model("randomcutforest", {"sample": size, "width": rows.shape[1]}, arrays)
    log.progress(1.0, len(rows), time.monotonic() - began)
    if "test" in channels:
        _evaluate(params, model, rows, channels["test"], log)
    return model


def predict(model: Model, features: Array, options: dict[str, str]) -> Answer:
    rows = dense(widened(features, model.facts["width"])).astype(np.float64)
    return Answer({"score": scores(model, rows)}, key="scores")


KINDS = {
    "dimension": np.int32, "cut": np.float64, "left": np.int32, "right": np.int32, "mass": np.int32,
    "low": np.float32, "high": np.float32,
}  # fmt: skip
"""A tree's columns over its nodes: dimension (LEAF at a leaf) and place of the cut, children, rows below, and
the box that holds those."""


def grow(points: Array, random: Any) -> dict[str, Array]:
    """A tree; the root is node 0. `low` and `high` are (nodes, columns), all else (nodes,)."""
    nodes: list[dict[str, Any]] = []
    waiting = [(np.arange(len(points)), -1, "")]
    while waiting:
        members, parent, side = waiting.pop()
        if parent >= 0:
            nodes[parent][side] = len(nodes)
        box = points[members]
        low, high = box.min(axis=0), box.max(axis=0)
        node = {
            "dimension": LEAF, "cut": 0.0, "left": LEAF, "right": LEAF, "mass": len(members),
            "low": low, "high": high,
        }  # fmt: skip
        nodes.append(node)
        ranges = np.cumsum(high - low)
        if ranges[-1] <= 0:
            continue
        chosen = int(min(np.searchsorted(ranges, random.uniform(0, ranges[-1]), side="right"), len(low) - 1))
        cut = random.uniform(low[chosen], high[chosen])
        below = box[:, chosen] <= cut
        if below.all() or not below.any():  # the dimension has no room: cut where there is most
            chosen = int((high - low).argmax())
            cut = (low[chosen] + high[chosen]) / 2
            below = box[:, chosen] <= cut
        node.update(dimension=chosen, cut=cut)
        here = len(nodes) - 1
        waiting += [(members[~below], here, "right"), (members[below], here, "left")]
    return {name: np.array([node[name] for node in nodes], kind) for name, kind in KINDS.items()}


def scores(model: Model, rows: Array) -> Array:
    """(rows,): the mean over all trees."""
    trees, nodes = model.arrays["cut"].shape
    forest = {name: values.reshape(trees * nodes, *values.shape[2:]) for name, values in model.arrays.items()}
    step = max(1, CHUNK // (trees * rows.shape[1]))
    parts = [_walk(forest, rows[start : start + step], trees, nodes) for start in range(0, len(rows), step)]
    return np.concatenate(parts) * np.log2(model.facts["sample"] + 1)


def _walk(forest: dict[str, Array], rows: Array, trees: int, nodes: int) -> Array:
    """All rows down all trees together, a level at a time. `uncut`: the chance that a row was not cut off further
    up. Nodes of all trees are numbered through."""
    row = np.tile(np.arange(len(rows)), trees)
    root = np.repeat(np.arange(trees) * nodes, len(rows))
    node, uncut, depth = root.copy(), np.ones(len(row)), 0
    score = np.zeros(len(rows))
    while len(row):
        here, low, high = rows[row], forest["low"][node], forest["high"][node]
        beyond = (np.maximum(low - here, 0) + np.maximum(here - high, 0)).sum(axis=1)
        extent = beyond + (high - low).sum(axis=1)
        cut_off = np.divide(beyond, extent, out=np.zeros(len(row)), where=extent > 0)
        score += np.bincount(row, uncut * cut_off / (depth + 1), len(rows))
        uncut = uncut * (1 - cut_off)
        dimension = forest["dimension"][node]
        ended = dimension == LEAF
        mass, whole = forest["mass"][node[ended]], forest["mass"][root[ended]]
        seen = (1 - mass / (2 * whole)) / (depth + np.log2(mass + 1))  # a row like one of the sample
        score += np.bincount(row[ended], uncut[ended] * seen, len(rows))
        row, root, node, uncut, here = row[~ended], root[~ended], node[~ended], uncut[~ended], here[~ended]
        go_right = here[np.arange(len(row)), dimension[~ended]] > forest["cut"][node]
        node = root + np.where(go_right, forest["right"][node], forest["left"][node])
        depth += 1
    return score / trees


def _padded(values: Array, nodes: int) -> Array:
    """All trees as large as the largest."""
    missing = [(0, nodes - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, missing)


def _evaluate(params: dict[str, Any], model: Model, rows: Array, test: Table, log: Log) -> None:
    """Rows that score beyond three deviations of the training data count as anomalies, of label 1."""
    if test.labels is None:
        raise CustomerError("Channel 'test' has no labels: its ContentType is to be 'text/csv;label_size=1'.")
    usual = scores(model, rows[:10_000])
    found = (
        scores(model, dense(widened(test.features, model.facts["width"]))) > usual.mean() + 3 * usual.std()
    )
    true = test.labels == 1
    hits = float((found & true).sum())
    precision, recall = hits / max(1, int(found.sum())), hits / max(1, int(true.sum()))
    if "accuracy" in params["eval_metrics"]:
        log.score("test", "accuracy", (found == true).mean())
    if "precision_recall_fscore" in params["eval_metrics"]:
        log.score("test", "precision", precision)
        log.score("test", "recall", recall)
        log.score("test", "f1", 2 * precision * recall / max(precision + recall, 1e-12))
