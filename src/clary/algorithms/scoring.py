"""How good predictions are: the metrics that AWS's algorithms report, and the threshold of a binary classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from .formats import Array


def binary(labels: Array, scores: Array, threshold: float, beta: float) -> dict[str, float]:
    """`labels` of 0 and 1, `scores` higher for 1; both (rows,)."""
    predicted = scores >= threshold
    hit = float((predicted == labels).mean())
    precision, recall = _precision_recall(labels == 1, predicted)
    found = {
        "binary_classification_accuracy": hit,
        f"binary_f_{beta:.3f}": f_score(precision, recall, beta),
        "precision": precision,
        "recall": recall,
    }
    if 0 < labels.sum() < len(labels):
        found["roc_auc_score"] = area_under_roc(labels, scores)
    return found


def multiclass(labels: Array, scores: Array, top: int, beta: float) -> dict[str, float]:
    """`scores` (rows, classes)."""
    predicted, wanted = scores.argmax(axis=1), labels.astype(int)
    classes = np.union1d(predicted, wanted)
    each = np.array([_precision_recall(wanted == one, predicted == one) for one in classes])
    rank = (scores > scores[np.arange(len(wanted)), wanted][:, None]).sum(axis=1)
    return {
        "multiclass_accuracy": float((predicted == wanted).mean()),
        f"multiclass_top_k_accuracy_{top}": float((rank < top).mean()),
        "dcg": float((1 / np.log2(rank + 2)).mean()),
        "macro_recall": float(each[:, 1].mean()),
        "macro_precision": float(each[:, 0].mean()),
        f"macro_f_{beta:.3f}": float(f_score(each[:, 0], each[:, 1], beta).mean()),
    }


def regression(labels: Array, predicted: Array) -> dict[str, float]:
    residual = predicted - labels
    spread = float(((labels - labels.mean()) ** 2).mean())
    mse = float((residual**2).mean())
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "absolute_loss": float(np.abs(residual).mean()),
        "r2": 1 - mse / spread if spread else 0.0,
    }


def area_under_roc(labels: Array, scores: Array) -> float:
    """The chance that a row of label 1 scores above one of label 0; ties count half."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positives = float((labels == 1).sum())
    above = ranks[labels == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(labels) - positives)))


def _precision_recall(true: Array, predicted: Array) -> tuple[float, float]:
    """Of one class; both (rows,) booleans."""
    hits = float((predicted & true).sum())
    return hits / max(1.0, float(predicted.sum())), hits / max(1.0, float(true.sum()))


def f_score(precision: Any, recall: Any, beta: float) -> Any:
    total = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / np.maximum(total, 1e-12)


def threshold(labels: Array, scores: Array, params: dict[str, Any], otherwise: float) -> tuple[float, float]:
    """The threshold that is best by `binary_classifier_model_selection_criteria`, and how good it is (higher is
    better). A criterion that looks at the loss has the natural threshold, `otherwise`, and says 0."""
    criterion = params["binary_classifier_model_selection_criteria"]
    if criterion in ("loss_function", "cross_entropy_loss"):
        return otherwise, 0.0
    order = np.argsort(-scores, kind="stable")
    ranked, sorted_scores = labels[order] == 1, scores[order]
    ends = np.append(
        np.nonzero(np.diff(sorted_scores))[0], len(scores) - 1
    )  # last row of each distinct score
    true, taken = np.cumsum(ranked)[ends].astype(float), (ends + 1).astype(float)
    positives = max(1.0, float(ranked.sum()))
    precision, recall = true / taken, true / positives
    if criterion == "accuracy":
        good = (true + (len(scores) - positives) - (taken - true)) / len(scores)
    elif criterion == "precision_at_target_recall":
        good = np.where(recall >= params["target_recall"], precision, recall - 1)
    elif criterion == "recall_at_target_precision":
        good = np.where(precision >= params["target_precision"], recall, precision - 1)
    else:
        good = f_score(precision, recall, params["f_beta"] if criterion == "f_beta" else 1.0)
    best = good.max()
    middles = np.append((sorted_scores[ends[:-1]] + sorted_scores[ends[1:]]) / 2, sorted_scores[-1] - 1e-9)
    candidates = middles[good >= best - 1e-12]
    return float(candidates[np.abs(candidates - otherwise).argmin()]), float(best)
