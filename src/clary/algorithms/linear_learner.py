"""linear-learner: many linear models trained at once, the best kept.

Features are normalised; models with several learning rates and penalties descend together in mini-batches, epoch
by epoch, until the validation loss stops falling. With `optimizer=auto` and a smooth loss the best is then taken
to the minimum by L-BFGS. What is kept is the model, and for two classes the threshold, that the validation data
(else the training data) like best. https://docs.aws.amazon.com/sagemaker/latest/dg/ll_how-it-works.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import scoring
from .data import widened
from .descent import Descent, finish, grid
from .errors import CustomerError
from .formats import Array, Table
from .hyperparameters import refusal
from .log import Log
from .losses import Loss, choose, probabilities, sigmoid
from .models import Answer, Model
from .scaling import Scaling

PARAMETERS = 40_000_000
"""Numbers that all models together may have: fewer models are tried of what is very wide."""
FINISHED = 100_000_000
"""Multiplications of one look at all rows, up to which the best model is taken to the minimum."""


@dataclass(frozen=True)
class Task:
    """What is learnt, on normalised data."""

    kind: str
    outputs: int
    loss: Loss
    params: dict[str, Any]
    sets: dict[str, tuple[Array, Array]]
    """Features and labels by channel."""
    weights: Array
    """Of the training rows."""

    def values(self, scores: Array) -> Array:
        """Answers' scores of raw ones, (rows, outputs)."""
        return answered(self.kind, self.loss.probability, scores)

    def judged(self) -> tuple[Array, Array]:
        """The data that models are chosen by."""
        features, labels = self.sets.get("validation", self.sets["train"])
        most = self.params["num_calibration_samples"]
        return (features, labels) if most == "auto" else (features[:most], labels[:most])


def train(params: dict[str, Any], channels: dict[str, Table], log: Log) -> Model:
    kind = params["predictor_type"]
    loss = choose(kind, params["loss"], params)
    if loss is None:
        raise refusal(f"loss {params['loss']!r} is not one of a {kind}")
    if kind == "multiclass_classifier" and not params["num_classes"]:
        raise refusal("No value(s) were specified for 'num_classes' which are required hyperparameter(s)")
    for name, table in channels.items():
        check_labels(name, table, kind, params["num_classes"])
    main = channels["train"]
    features, labels = _scalings(main, kind, params)
    sets = {
        name: (
            features.apply(widened(table.features, main.features.shape[1])),
            labels.apply(table.labels[:, None])[:, 0],
        )
        for name, table in channels.items()
    }
    outputs = params["num_classes"] if kind == "multiclass_classifier" else 1
    task = Task(kind, outputs, loss, params, sets, row_weights(main, kind, params))
    candidates = _candidates(task, log)
    best, threshold = _best(task, candidates)
    _report(task, candidates[best], threshold, labels, log)
    weights, bias = features.undo(*candidates[best])
    facts = {"predictor_type": kind, "threshold": threshold, "probability": loss.probability}
    arrays = {"weights": weights * labels.deviation, "bias": bias * labels.deviation + labels.mean}
    return Model("linear-learner", facts, arrays)


def predict(model: Model, features: Array, options: dict[str, str]) -> Answer:
    weights, kind = model.arrays["weights"], model.facts["predictor_type"]
    raw = np.asarray(widened(features, weights.shape[0]) @ weights) + model.arrays["bias"]
    scores = answered(kind, model.facts["probability"], raw)
    if kind == "regressor":
        return Answer({"score": scores[:, 0]})
    if kind == "multiclass_classifier":
        return Answer({"score": scores, "predicted_label": scores.argmax(axis=1)})
    above = scores[:, 0] >= model.facts["threshold"]
    return Answer({"score": scores[:, 0], "predicted_label": above.astype(int)})


def answered(kind: str, probability: bool, raw: Array) -> Array:
    if not probability:
        return raw
    return probabilities(raw) if kind == "multiclass_classifier" else sigmoid(raw)


def check_labels(channel: str, table: Table, kind: str, classes: int) -> None:
    """Raises `CustomerError`."""
    if table.labels is None:
        raise CustomerError(f"Channel {channel!r} has no labels, and linear-learner needs them.")
    if kind == "regressor":
        return
    known = np.unique(table.labels)
    most = 1 if kind == "binary_classifier" else classes - 1
    wrong = [value for value in known if value < 0 or value > most or value != int(value)]
    if wrong:
        raise CustomerError(
            f"The label {wrong[0]:g} of channel {channel!r} is not one of a {kind}: labels are integers from 0 to {most}."
        )


def row_weights(table: Table, kind: str, params: dict[str, Any]) -> Array:
    """(rows,)"""
    weights = np.ones(len(table.labels)) if table.weights is None else table.weights.astype(float)
    if kind == "binary_classifier":
        given, positive = params["positive_example_weight_mult"], table.labels == 1
        if given in ("balanced", "auto"):
            given = (~positive).sum() / max(1, positive.sum())
        return np.where(positive, weights * given, weights)
    if kind == "multiclass_classifier" and params["balance_multiclass_weights"]:
        counts = np.bincount(table.labels.astype(int), minlength=params["num_classes"])
        return weights * (len(weights) / np.maximum(counts, 1))[table.labels.astype(int)]
    return weights


def _scalings(main: Table, kind: str, params: dict[str, Any]) -> tuple[Scaling, Scaling]:
    """Of features and of labels."""

    def wanted(name: str, otherwise: bool) -> bool:
        return otherwise if params[name] == "auto" else bool(params[name])

    known = main.features[: params["num_point_for_scaler"]]
    dense = isinstance(known, np.ndarray)
    unbias = wanted("unbias_data", dense) and params["use_bias"]
    features = Scaling.of(known, unbias=unbias, normalize=wanted("normalize_data", True))
    numeric = kind == "regressor"
    unbias = wanted("unbias_label", numeric) and numeric and params["use_bias"]
    labels = Scaling.of(
        main.labels[:, None], unbias=unbias, normalize=wanted("normalize_label", numeric) and numeric
    )
    return features, labels


def _candidates(task: Task, log: Log) -> list[tuple[Array, Array]]:
    """Weights and bias of each model that was trained."""
    (features, labels), params = task.sets["train"], task.params
    size = features.shape[1] * task.outputs
    models = grid(params, PARAMETERS // size)
    descent = Descent(features.shape[1], task.outputs, models, params, np.random.RandomState(0))
    _descend(task, descent, log)
    candidates = [descent.model(index) for index in range(descent.models)]
    cost = np.prod(features.shape, dtype=float) * task.outputs
    if (
        params["optimizer"] == "auto"
        and params["l1"] in ("auto", 0)
        and task.loss.smooth
        and cost <= FINISHED
    ):
        best = _best(task, candidates)[0]
        start, wd = candidates[best], float(models.wd[best])
        candidates.append(finish(features, labels, task.weights, task.loss, wd, start, params["use_bias"]))
    return candidates


def _descend(task: Task, descent: Descent, log: Log) -> None:
    """Epochs, until they are over or nothing gets better."""
    (features, labels), params = task.sets["train"], task.params
    rows, random, began = len(labels), np.random.RandomState(1), time.monotonic()
    size = min(params["mini_batch_size"], rows)
    best, waited = np.inf, 0
    for epoch in range(params["epochs"]):
        order, losses = random.permutation(rows), []
        for start in range(0, rows, size):
            chosen = order[start : start + size]
            losses.append(descent.batch(features[chosen], labels[chosen], task.weights[chosen], task.loss))
        of_models = np.mean(losses, axis=0)
        log.quality("train", task.loss.metric, np.nanmin(of_models), epoch=epoch)
        if "validation" in task.sets:
            held, wanted = task.sets["validation"]
            of_models = task.loss.evaluate(descent.scores(held), wanted)[0].mean(axis=0)
            log.quality("validation", task.loss.metric, np.nanmin(of_models), epoch=epoch)
        log.progress((epoch + 1) / params["epochs"], rows * (epoch + 1), time.monotonic() - began)
        now = float(np.nanmin(of_models))
        waited = 0 if now < best * (1 - params["early_stopping_tolerance"]) else waited + 1
        best = min(best, now)
        if waited >= params["early_stopping_patience"]:
            log.say(f"Early stopping condition met. Stopping training after epoch {epoch}.")
            return


def _best(task: Task, candidates: list[tuple[Array, Array]]) -> tuple[int, float]:
    """The index of the best candidate, and its threshold."""
    features, labels = task.judged()
    middle = 0.5 if task.loss.probability else 0.0
    ranked = []
    for index, (weights, bias) in enumerate(candidates):
        raw = np.asarray(features @ weights) + bias
        loss, threshold, good = float(task.loss.evaluate(raw[:, None, :], labels)[0].mean()), middle, 0.0
        if not np.isfinite(loss):
            continue
        if task.kind == "binary_classifier":
            threshold, good = scoring.threshold(labels, task.values(raw)[:, 0], task.params, middle)
        ranked.append((-good, loss, index, threshold))
    if not ranked:
        raise CustomerError("Training diverged: no model has a finite loss. Try a smaller learning_rate.")
    _, _, index, threshold = min(ranked)
    return index, threshold


def _report(task: Task, model: tuple[Array, Array], threshold: float, labels: Scaling, log: Log) -> None:
    """The chosen model's loss and scores on each channel, in the labels' own units."""
    beta = task.params["f_beta"]
    for channel in ("train", "validation", "test"):
        if channel not in task.sets:
            continue
        features, wanted = task.sets[channel]
        raw = np.asarray(features @ model[0]) + model[1]
        log.score(channel, task.loss.metric, task.loss.evaluate(raw[:, None, :], wanted)[0].mean(), "loss")
        if task.kind == "binary_classifier":
            found = scoring.binary(wanted, task.values(raw)[:, 0], threshold, beta)
        elif task.kind == "multiclass_classifier":
            found = scoring.multiclass(wanted, raw, task.params["accuracy_top_k"], beta)
        else:
            unscaled = [each * labels.deviation[0] + labels.mean[0] for each in (wanted, raw[:, 0])]
            found = scoring.regression(*unscaled)
        for name, value in found.items():
            log.score(channel, name, value, "loss" if name in ("mse", "rmse", "absolute_loss") else "score")
