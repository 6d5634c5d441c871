"""xgboost without a script: the hyperparameters go to XGBoost as they are, in the image's own version of it.

The log has a line a round, as AWS's logs show them (`#011` is a tab):

    [12]#011train-rmse:0.31120#011validation-rmse:0.35068
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Callable

import numpy as np

from .data import widened
from .errors import CustomerError
from .formats import Array, Table
from .hyperparameters import refusal
from .log import Log
from .models import Answer, Model

FILE = "xgboost-model"
OWN = (
    "num_round", "csv_weights", "early_stopping_rounds", "eval_metric", "silent", "dsplit",
    "save_model_on_termination", "use_dask_gpu_training",
)  # fmt: skip
"""Not XGBoost's parameters, or no longer."""
HIGHER = ("auc", "aucpr", "map", "ndcg", "interval-regression-accuracy")
"""Of XGBoost's metrics, those that are better when higher; of the added ones, all but mse are."""


def train(params: dict[str, Any], channels: dict[str, Table], log: Log) -> Any:
    """The booster; with early stopping, as it was at its best round. `xgboost.train` does it, so that whatever
    is hooked into that (the debugger) sees the rounds."""
    import xgboost

    given = {name: value for name, value in params.items() if value is not None and name not in OWN}
    asked = [str(name) for name in params["eval_metric"] or ()]
    added = [name for name in asked if name in METRICS]
    native = [name for name in asked if name not in METRICS]
    if native:
        given["eval_metric"] = native
    if str(given.get("objective", "")).startswith("multi:") and not given.get("num_class"):
        raise refusal("No value(s) were specified for 'num_class' which are required hyperparameter(s)")
    sets = _matrices(xgboost, channels)
    rounds = Rounds(params["early_stopping_rounds"], asked[-1] if asked else "")

    def after(booster: Any, number: int, scores: list[tuple[str, float]]) -> bool:
        for matrix, name in sets:
            scores = scores + _added(booster, matrix, name, added)
        print("#011".join([f"[{number}]", *(f"{name}:{value:.5f}" for name, value in scores)]), flush=True)
        return bool(scores) and rounds.over(booster, number, *scores[-1])

    try:
        booster = xgboost.train(
            given, sets[0][0], params["num_round"], evals=sets, verbose_eval=False,
            callbacks=[_callback(xgboost, after)],
        )  # fmt: skip
    except xgboost.core.XGBoostError as error:
        raise CustomerError(f"XGBoost: {str(error).splitlines()[0]}") from None
    if rounds.kept is not None:
        log.say(f"Early stopping: round {rounds.best_round} was the best.")
        booster = xgboost.Booster()
        booster.load_model(rounds.kept)
    return booster


def _callback(xgboost: Any, after: Callable[[Any, int, list[tuple[str, float]]], bool]) -> Any:
    """`after` gets the booster, the round's number and its scores, and says whether training is over."""
    base = getattr(getattr(xgboost, "callback", None), "TrainingCallback", None)
    if base is None:  # before 1.3

        def call(env: Any) -> None:
            scores = [(item[0], item[1]) for item in env.evaluation_result_list]
            if after(env.model, env.iteration, scores):
                raise xgboost.core.EarlyStopException(env.iteration)

        return call

    class Callback(base):  # type: ignore[misc,valid-type]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            scores = [
                (f"{channel}-{metric}", values[-1])
                for channel, metrics in evals_log.items() for metric, values in metrics.items()
            ]  # fmt: skip
            return after(model, epoch, scores)

    return Callback()


def save(booster: Any, folder: Path) -> None:
    booster.save_model(str(folder / FILE))


def load(folder: Path) -> Model:
    """Whatever file is there: pickled, as AWS's older containers leave it, or XGBoost's own."""
    import xgboost

    found = sorted(path for path in folder.iterdir() if path.is_file())
    if not found:
        raise CustomerError("The model's archive is empty.")
    path = next((path for path in found if path.name == FILE), found[0])
    booster = xgboost.Booster()
    try:
        booster.load_model(str(path))
    except xgboost.core.XGBoostError:
        with path.open("rb") as file:
            booster = pickle.load(file)
        booster = booster.get_booster() if hasattr(booster, "get_booster") else booster
    booster.set_param({"nthread": 1})
    return Model("xgboost", {}, {"booster": booster})


def predict(model: Model, features: Array, options: dict[str, str]) -> Answer:
    import xgboost

    booster = model.arrays["booster"]
    try:
        return Answer({"score": booster.predict(xgboost.DMatrix(features))})
    except (ValueError, xgboost.core.XGBoostError) as error:
        # Features of sparse rows may be fewer than the model's, where the last are zero.
        if not isinstance(features, np.ndarray) and features.shape[1] < booster.num_features():
            return predict(model, widened(features, booster.num_features()), options)
        raise CustomerError(str(error).splitlines()[0]) from None


class Rounds:
    """Whether the last metric of the last data set has stopped getting better for so many rounds."""

    def __init__(self, patience: int | None, metric: str) -> None:
        """`metric`: as the user asked for it; XGBoost's default where it is empty."""
        self._patience, self._metric, self._best = patience, metric, -np.inf
        self.best_round = 0
        self.kept: Any = None

    def over(self, booster: Any, number: int, score: str, value: float) -> bool:
        """`score` is `<data set>-<metric>`."""
        if self._patience is None:
            return False
        metric = (self._metric or score.split("-", 1)[1]).split("@")[0]
        up = metric in HIGHER or (metric in METRICS and metric != "mse")
        now = value if up else -value
        if now > self._best:
            self._best, self.best_round, self.kept = now, number, booster.save_raw()
        return number - self.best_round >= self._patience


def _matrices(xgboost: Any, channels: dict[str, Table]) -> list[tuple[Any, str]]:
    """(DMatrix, name) of train and validation."""
    width = max(table.features.shape[1] for table in channels.values())
    found: list[tuple[Any, str]] = []
    for name in ("train", "validation"):
        if name in channels:
            table = channels[name]
            if table.labels is None:
                raise CustomerError(f"Channel {name!r} has no labels, and xgboost needs them.")
            features = table.features
            if not isinstance(features, np.ndarray) and features.shape[1] < width:
                features = features.copy()
                features.resize((features.shape[0], width))
            found.append((xgboost.DMatrix(features, label=table.labels, weight=table.weights), name))
    if len({matrix.num_col() for matrix, _ in found}) > 1:
        raise CustomerError("The channels train and validation have different numbers of features.")
    return found


def _added(booster: Any, matrix: Any, channel: str, names: list[str]) -> list[tuple[str, float]]:
    if not names:
        return []
    labels, predicted = matrix.get_label(), booster.predict(matrix)
    classes = predicted.argmax(axis=1) if predicted.ndim == 2 else np.round(predicted)
    return [(f"{channel}-{name}", METRICS[name](labels, predicted, classes)) for name in names]


def _classified(function: str, **options: Any) -> Callable[[Array, Array, Array], float]:
    def score(labels: Array, predicted: Array, classes: Array) -> float:
        from sklearn import metrics

        return float(getattr(metrics, function)(labels, classes, **options))

    return score


def _mse(labels: Array, predicted: Array, classes: Array) -> float:
    return float(((labels - predicted) ** 2).mean())


def _r2(labels: Array, predicted: Array, classes: Array) -> float:
    return 1 - _mse(labels, predicted, classes) / max(float(labels.var()), 1e-12)


METRICS = {
    "accuracy": _classified("accuracy_score"),
    "balanced_accuracy": _classified("balanced_accuracy_score"),
    "f1": _classified("f1_score", average="macro"),
    "f1_binary": _classified("f1_score", average="binary"),
    "f1_macro": _classified("f1_score", average="macro"),
    "mse": _mse,
    "precision": _classified("precision_score"),
    "precision_macro": _classified("precision_score", average="macro"),
    "precision_micro": _classified("precision_score", average="micro"),
    "r2": _r2,
    "recall": _classified("recall_score"),
    "recall_macro": _classified("recall_score", average="macro"),
    "recall_micro": _classified("recall_score", average="micro"),
}
