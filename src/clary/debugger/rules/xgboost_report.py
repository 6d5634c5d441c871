"""CreateXgboostReport: what an XGBoost job saved, as one HTML page. It finds no issues.

The page holds its own style and its charts as SVG: it can be opened anywhere, without a network.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..exceptions import SMDebugError
from .chart import Line, bars, histogram, lines, page, table
from .check import Check
from .classes import classes, confusion
from .reading import Trial, number

MOST_CLASSES = 20
"""Above it, labels are taken for numbers, not classes."""
REPORT = "xgboost_report.html"


@dataclass
class CreateXgboostReport(Check):
    judges: ClassVar[bool] = False

    def check(self, trial: Trial, step: int) -> str | None:
        return None

    def finish(self, trial: Trial, output: Path) -> None:
        parts = [
            section("Hyperparameters", hyperparameters(trial)),
            section("Metrics", metrics(trial)),
            section("Feature importance", importance(trial)),
            section("Labels and predictions", predictions(trial)),
        ]
        output.mkdir(parents=True, exist_ok=True)
        text = page(f"XGBoost training report: {trial.name}", "".join(parts))
        (output / REPORT).write_text(text, encoding="utf-8")


def section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body or '<p>The job did not save them.</p>'}"


def hyperparameters(trial: Trial) -> str:
    rows = []
    for name in trial.tensor_names(collection="hyperparameters"):
        tensor = trial.tensor(name)
        with suppress(SMDebugError, IndexError):  # a broken file, or never saved
            value = tensor.value(tensor.steps()[0]).reshape(-1)
            rows.append((name.rpartition("/")[2], ", ".join(str(each) for each in value[:5])))
    return table(("Name", "Value"), rows) if rows else ""


def metrics(trial: Trial) -> str:
    curves = []
    for name in trial.tensor_names(collection="metrics"):
        points = [
            (float(step), float(value.reshape(-1)[0]))
            for step in trial.tensor(name).steps()
            if (value := number(trial, step, name)) is not None and value.size == 1
        ]
        if points:
            curves.append(Line(name, points))
    return lines(curves, "iteration") if curves else ""


def importance(trial: Trial) -> str:
    found: dict[str, float] = {}
    for name in trial.tensor_names(regex="feature_importance/weight"):
        steps = trial.tensor(name).steps()
        value = number(trial, steps[-1], name) if steps else None
        if value is None:
            continue
        if value.size == 1:
            found[name.rpartition("/")[2]] = float(value.reshape(-1)[0])
        else:
            found.update({f"f{index}": float(each) for index, each in enumerate(value.reshape(-1))})
    largest = sorted(found.items(), key=lambda item: -item[1])[:20]
    return bars(largest) if largest else ""


def predictions(trial: Trial) -> str:
    sides = [last(trial, name) for name in ("labels", "predictions")]
    if sides[0] is None or sides[1] is None:
        return ""
    labels, guesses = sides[0].reshape(-1), sides[1]
    if np.all(labels == np.rint(labels)) and np.unique(labels).size <= MOST_CLASSES and labels.min() >= 0:
        truth, guess = classes(labels), classes(guesses)
        if truth.shape != guess.shape:
            return ""
        matrix = confusion(truth, guess)
        rows = [(str(label), *map(str, row)) for label, row in enumerate(matrix.tolist())]
        heads = ("label \\ prediction", *map(str, range(len(matrix))))
        accuracy = float(np.mean(truth == guess))
        return f"<p>Accuracy {accuracy:.4f} over {truth.size} samples.</p>{table(heads, rows)}"
    if labels.shape != guesses.reshape(-1).shape:
        return ""
    errors = guesses.reshape(-1) - labels
    told = f"<p>Residuals (prediction - label): mean {errors.mean():.4g}, deviation {errors.std():.4g}.</p>"
    return told + histogram(errors, 15)


def last(trial: Trial, collection: str) -> np.ndarray | None:
    for name in trial.tensor_names(collection=collection):
        steps = trial.tensor(name).steps()
        if steps:
            return number(trial, steps[-1], name)
    return None
