"""xgboost without a script against the library itself, in each image's version."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from clary_algorithms import xgboost_trees
from clary_algorithms.errors import CustomerError
from clary_algorithms.formats import Table
from clary_algorithms.hyperparameters import validate
from clary_algorithms.log import Log
from clary_algorithms.tables import find
from scipy.sparse import csr_matrix
from sklearn import datasets


def train(features: Any, labels: Any, validation: Any = None, **given: Any) -> tuple[Any, str]:
    """The booster, saved and loaded, and what was printed."""
    declared = find("sagemaker-xgboost")
    assert declared is not None
    params = validate(declared.hyperparameters, {name: str(value) for name, value in given.items()})
    channels = {"train": Table(features, labels)}
    if validation is not None:
        channels["validation"] = Table(*validation)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        booster = xgboost_trees.train(params, channels, Log())
    with tempfile.TemporaryDirectory() as folder:
        xgboost_trees.save(booster, Path(folder))
        loaded = xgboost.Booster()
        loaded.load_model(str(Path(folder) / "xgboost-model"))
    return loaded, out.getvalue()


def check_it_is_xgboost() -> None:
    features, labels = datasets.load_breast_cancer(return_X_y=True)
    params = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "seed": 1}
    booster, said = train(features, labels, **params, num_round=5, eval_metric="error")
    peer = xgboost.train({**params, "eval_metric": "error"}, xgboost.DMatrix(features, label=labels), 5)
    matrix = xgboost.DMatrix(features)
    assert np.allclose(booster.predict(matrix), peer.predict(matrix))
    assert re.search(r"^\[4\]#011train-error:0\.0\d+$", said, re.MULTILINE), said


def check_early_stopping_keeps_the_best_round() -> None:
    random = np.random.RandomState(0)
    features = random.normal(size=(300, 5))
    labels = (features[:, 0] + random.normal(0, 2, 300) > 0).astype(float)
    held = (features[200:], labels[200:])
    given = {
        "objective": "binary:logistic",
        "eval_metric": "auc",
        "num_round": 200,
        "early_stopping_rounds": 5,
    }
    booster, said = train(features[:200], labels[:200], held, **given)
    scores = [float(text) for text in re.findall(r"validation-auc:([0-9.]+)", said)]
    assert 5 < len(scores) < 200
    best = int(np.argmax(scores))
    assert len(scores) == best + 6
    dump = booster.get_dump()
    assert len(dump) == best + 1


def check_missing_values_weights_and_sparse_rows() -> None:
    random = np.random.RandomState(0)
    features = random.normal(size=(400, 3)).astype(np.float32)
    labels = features[:, 0] * 2
    features[::7, 1] = np.nan
    booster, _ = train(features, labels, objective="reg:squarederror", num_round=50)
    assert np.corrcoef(booster.predict(xgboost.DMatrix(features)), labels)[0, 1] > 0.98
    full = np.nan_to_num(features)
    narrow = csr_matrix(full[:, :2])
    booster, said = train(
        csr_matrix(full), labels, (narrow, labels), objective="reg:squarederror", num_round=3
    )
    assert "[2]#011train-rmse:" in said


def check_metrics_that_awss_container_adds() -> None:
    features, labels = datasets.load_iris(return_X_y=True)
    _, said = train(
        features, labels, (features, labels), objective="multi:softprob", num_class=3, num_round=20,
        eval_metric='["accuracy", "f1_macro"]',
    )  # fmt: skip
    found = re.search(r"\[19\].*#011validation-accuracy:([0-9.]+)#011validation-f1_macro:([0-9.]+)", said)
    assert found, said
    assert float(found[1]) > 0.98


def check_xgboosts_own_refusal_is_the_users() -> None:
    said = ""
    try:
        train(np.ones((4, 2)), np.array([0.0, 1, 2, 3]), objective="binary:logistic", num_round=1)
    except CustomerError as error:
        said = str(error)
    assert said.startswith("XGBoost: "), said
