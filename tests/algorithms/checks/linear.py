"""linear-learner against scikit-learn on the same data, and its losses against numerical slopes."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from clary_algorithms import linear_learner, scoring
from clary_algorithms.formats import Table
from clary_algorithms.hyperparameters import validate
from clary_algorithms.log import Log
from clary_algorithms.losses import choose
from clary_algorithms.tables import find
from scipy.sparse import csr_matrix
from sklearn import datasets, metrics
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor

BINARY, MANY, NUMERIC = "binary_classifier", "multiclass_classifier", "regressor"


def train(kind: str, features: Any, labels: Any, validation: Any = None, **given: Any) -> Any:
    declared = find("linear-learner")
    assert declared is not None
    asked = {"predictor_type": kind, **given}
    params = validate(declared.hyperparameters, {name: str(value) for name, value in asked.items()})
    channels = {"train": Table(features, np.asarray(labels, float))}
    if validation is not None:
        channels["validation"] = Table(validation[0], np.asarray(validation[1], float))
    with contextlib.redirect_stdout(io.StringIO()):
        return linear_learner.train(params, channels, Log())


def answers(model: Any, features: Any) -> Any:
    return linear_learner.predict(model, features, {}).columns


def check_two_classes_as_well_as_logistic_regression() -> None:
    features, labels = datasets.load_breast_cancer(return_X_y=True)
    train_rows, rest = slice(0, 400), slice(400, None)
    model = train(BINARY, features[train_rows], labels[train_rows])
    scale = features[train_rows].std(axis=0)
    peer = LogisticRegression(C=1.0, max_iter=2000).fit(features[train_rows] / scale, labels[train_rows])
    found = answers(model, features[rest])
    accuracy = (found["predicted_label"] == labels[rest]).mean()
    assert accuracy >= peer.score(features[rest] / scale, labels[rest]) - 0.03, accuracy
    assert metrics.roc_auc_score(labels[rest], found["score"]) > 0.98
    assert ((found["score"] >= 0) & (found["score"] <= 1)).all()


def check_many_classes() -> None:
    features, labels = datasets.load_digits(return_X_y=True)
    model = train(
        MANY, features[:1200], labels[:1200], (features[1200:1500], labels[1200:1500]), num_classes=10
    )
    found = answers(model, features[1500:])
    peer = LogisticRegression(max_iter=2000).fit(features[:1200] / 16, labels[:1200])
    accuracy = (found["predicted_label"] == labels[1500:]).mean()
    assert accuracy >= peer.score(features[1500:] / 16, labels[1500:]) - 0.02, accuracy
    assert np.allclose(found["score"].sum(axis=1), 1)


def check_numbers_as_least_squares() -> None:
    features, labels = datasets.load_diabetes(return_X_y=True)
    model, peer = train(NUMERIC, features, labels, wd=0), LinearRegression().fit(features, labels)
    assert np.allclose(answers(model, features)["score"], peer.predict(features), atol=0.5)
    weights = model.arrays["weights"][:, 0]
    assert np.allclose(weights, peer.coef_, atol=0.02 * np.abs(peer.coef_).max())
    assert abs(float(model.arrays["bias"][0]) - peer.intercept_) < 0.1


def check_labels_far_from_zero_and_features_of_many_sizes() -> None:
    random = np.random.RandomState(0)
    features = random.normal(size=(500, 3)) * [1e-3, 1, 1e5] + [0, 50, -1e6]
    labels = 1e6 + features @ [2e4, 30, 1e-3]
    found = answers(train(NUMERIC, features, labels), features)["score"]
    assert scoring.regression(labels, found)["r2"] > 0.9999


def check_each_optimizer_learns() -> None:
    features, labels = datasets.load_diabetes(return_X_y=True)
    best = LinearRegression().fit(features, labels).score(features, labels)
    for optimizer in ("sgd", "adam", "rmsprop"):
        given = {"optimizer": optimizer, "mini_batch_size": 50, "epochs": 40}
        found = answers(train(NUMERIC, features, labels, **given), features)["score"]
        assert scoring.regression(labels, found)["r2"] > best - 0.03, optimizer


def check_sparse_features_give_what_dense_ones_do() -> None:
    random = np.random.RandomState(0)
    features = (random.rand(600, 40) < 0.1) * random.normal(size=(600, 40))
    labels = (features @ random.normal(size=40) > 0).astype(float)
    sparse, dense = train(BINARY, csr_matrix(features), labels), train(BINARY, features, labels)
    near = [(answers(model, features)["predicted_label"] == labels).mean() for model in (sparse, dense)]
    assert min(near) > 0.95, near
    again = answers(sparse, csr_matrix(features))["score"]
    assert np.allclose(again, answers(sparse, features)["score"])


def check_quantiles() -> None:
    random = np.random.RandomState(0)
    features = random.uniform(0, 1, (2000, 1))
    labels = features[:, 0] + random.exponential(1, 2000)
    given = {"loss": "quantile_loss", "quantile": 0.9, "mini_batch_size": 100, "epochs": 60}
    found = answers(train(NUMERIC, features, labels, **given), features)["score"]
    peer = QuantileRegressor(quantile=0.9, alpha=0).fit(features, labels).predict(features)
    assert abs((labels <= found).mean() - 0.9) < 0.03
    assert np.abs(found - peer).mean() < 0.15


def check_robust_losses_are_not_led_astray() -> None:
    random = np.random.RandomState(0)
    features = random.normal(size=(1000, 1))
    labels = 3 * features[:, 0] + random.normal(0, 0.1, 1000)
    labels[:50] += 500
    for loss in ("absolute_loss", "huber_loss"):
        given = {"loss": loss, "mini_batch_size": 50, "epochs": 60, "huber_delta": 0.05}
        model = train(NUMERIC, features, labels, **given)
        assert abs(float(model.arrays["weights"][0, 0]) - 3) < 1, loss


def check_l1_makes_useless_weights_zero() -> None:
    random = np.random.RandomState(0)
    features = random.normal(size=(1000, 20))
    labels = features[:, 0] * 2
    model = train(NUMERIC, features, labels, l1=0.1, learning_rate=0.01, epochs=60, mini_batch_size=100)
    weights = np.abs(model.arrays["weights"][:, 0])
    assert weights[0] > 1
    assert (weights[1:] < 1e-2).all(), weights


def check_a_rare_class_is_found_by_f1_and_by_weight() -> None:
    random = np.random.RandomState(0)
    labels = (random.rand(4000) < 0.05).astype(float)
    features = random.normal(size=(4000, 2)) + labels[:, None] * 1.2
    plain = train(BINARY, features, labels)
    for given in (
        {"binary_classifier_model_selection_criteria": "f1"},
        {"binary_classifier_model_selection_criteria": "precision_at_target_recall", "target_recall": 0.8},
        {
            "binary_classifier_model_selection_criteria": "loss_function",
            "positive_example_weight_mult": "balanced",
        },
    ):
        recall = [
            metrics.recall_score(labels, answers(model, features)["predicted_label"])
            for model in (plain, train(BINARY, features, labels, **given))
        ]
        assert recall[1] > recall[0] + 0.1, (given, recall)
    assert recall[1] > 0.6


def check_the_same_data_give_the_same_model() -> None:
    features, labels = datasets.load_iris(return_X_y=True)
    first, second = (train(MANY, features, labels, num_classes=3) for _ in range(2))
    assert (first.arrays["weights"] == second.arrays["weights"]).all()


def check_slopes_are_those_of_the_losses() -> None:
    random = np.random.RandomState(0)
    params = {"margin": 1.0, "loss_insensitivity": 0.1, "quantile": 0.3, "huber_delta": 0.7}
    kinds = {BINARY: ("logistic", "hinge_loss"), MANY: ("softmax_loss", "hinge_loss"), NUMERIC: (
        "squared_loss", "absolute_loss", "huber_loss", "quantile_loss", "eps_insensitive_absolute_loss",
        "eps_insensitive_squared_loss",
    )}  # fmt: skip
    for kind, names in kinds.items():
        outputs = 4 if kind == MANY else 1
        scores = random.normal(size=(30, 2, outputs))
        targets = (
            random.normal(size=30)
            if kind == NUMERIC
            else random.randint(0, max(2, outputs), 30).astype(float)
        )
        for name in names:
            loss = choose(kind, name, params)
            assert loss is not None
            slopes = loss.evaluate(scores, targets)[1]
            for output in range(outputs):
                step = np.zeros_like(scores)
                step[:, :, output] = 1e-6
                rise = (
                    loss.evaluate(scores + step, targets)[0] - loss.evaluate(scores - step, targets)[0]
                ) / 2e-6
                assert np.allclose(rise, slopes[:, :, output], atol=1e-5), (kind, name)


def check_scores_are_scikit_learns() -> None:
    random = np.random.RandomState(0)
    labels, scores = random.randint(0, 2, 200), np.round(random.rand(200), 1)
    found = scoring.binary(labels, scores, 0.5, 2.0)
    assert np.isclose(found["roc_auc_score"], metrics.roc_auc_score(labels, scores))
    assert np.isclose(found["binary_f_2.000"], metrics.fbeta_score(labels, scores >= 0.5, beta=2))
    many, chances = random.randint(0, 4, 300), random.rand(300, 4)
    found = scoring.multiclass(many, chances, 2, 1.0)
    assert np.isclose(found["macro_f_1.000"], metrics.f1_score(many, chances.argmax(axis=1), average="macro"))
    assert np.isclose(found["multiclass_top_k_accuracy_2"], metrics.top_k_accuracy_score(many, chances, k=2))
