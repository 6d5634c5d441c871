"""knn, kmeans, pca, randomcutforest and factorization-machines against scikit-learn and known answers."""

from __future__ import annotations

import contextlib
import io
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from clary_algorithms import factorization_machines, knn, models, random_cut_forest
from clary_algorithms.formats import Table
from clary_algorithms.hyperparameters import validate
from clary_algorithms.log import Log
from clary_algorithms.tables import find
from scipy.sparse import csr_matrix
from sklearn import datasets, metrics
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import KNeighborsClassifier


def answers(name: str, features: Any, labels: Any, queries: Any, options: Any = None, **given: Any) -> Any:
    """Of a model that was trained, saved and loaded."""
    declared = find(name)
    assert declared is not None
    asked = {"feature_dim": features.shape[1], **given}
    params = validate(declared.hyperparameters, {name: str(value) for name, value in asked.items()})
    module = import_module(f"clary_algorithms.{declared.module}")
    table = Table(features, None if labels is None else np.asarray(labels, float))
    with contextlib.redirect_stdout(io.StringIO()):
        model = module.train(params, {"train": table}, Log())
    with tempfile.TemporaryDirectory() as folder:
        models.save(model, Path(folder))
        loaded = models.load(Path(folder))
    assert loaded.algorithm == name
    return module.predict(loaded, queries, options or {}).columns


def check_knn_is_scikit_learns() -> None:
    features, labels = datasets.load_digits(return_X_y=True)
    given = {"predictor_type": "classifier", "k": 3, "sample_size": 1000}
    found = answers("knn", features[:1000], labels[:1000], features[1000:], **given)["predicted_label"]
    peer = KNeighborsClassifier(3).fit(features[:1000], labels[:1000]).predict(features[1000:])
    assert (found == peer).mean() > 0.99, "but for ties"


def check_knn_regresses_to_the_neighbours_mean() -> None:
    line = np.arange(10.0)[:, None]
    found = answers(
        "knn", line, line[:, 0] * 10, np.array([[4.0]]), {"verbose": "true"},
        predictor_type="regressor", k=3, sample_size=10,
    )  # fmt: skip
    assert found["predicted_label"].tolist() == [40.0]
    assert found["distances"].tolist() == [[1, 1, 0]], "squared, the farthest first"
    assert sorted(found["labels"][0]) == [30, 40, 50]


def check_knn_metrics() -> None:
    points = np.array([[1.0, 0.1], [10, 10.5], [0, 3]])
    query = np.array([[2.0, 2.0]])
    for metric, first in (("L2", 0), ("COSINE", 1), ("INNER_PRODUCT", 1)):
        assert knn.nearest(points, query, 1, metric)[1].tolist() == [[first]], metric


def check_knn_reduces_dimensions_and_still_knows() -> None:
    features, labels = datasets.load_digits(return_X_y=True)
    for kind in ("sign", "fjlt"):
        found = answers(
            "knn", features[:1000], labels[:1000], features[1000:], predictor_type="classifier", k=5,
            sample_size=1000, dimension_reduction_type=kind, dimension_reduction_target=32,
        )  # fmt: skip
        assert (found["predicted_label"] == labels[1000:]).mean() > 0.85, kind


def check_kmeans_is_as_tight_as_scikit_learns() -> None:
    features, _ = datasets.load_iris(return_X_y=True)
    best = KMeans(3, n_init=10, random_state=0).fit(features).inertia_
    found = answers("kmeans", features, None, features, k=3)
    assert np.isclose((found["distance_to_cluster"] ** 2).sum(), best, rtol=0.01)
    for method in ("random", "kmeans++"):
        given = {"k": 3, "mini_batch_size": 40, "epochs": 5, "init_method": method}
        streamed = answers("kmeans", features, None, features, **given)
        assert (streamed["distance_to_cluster"] ** 2).sum() < 1.3 * best, method


def check_kmeans_forgets_by_half_life() -> None:
    random = np.random.RandomState(0)
    drifting = np.concatenate([random.normal(0, 1, (5000, 2)), random.normal(20, 1, (5000, 2))])
    given = {"k": 2, "mini_batch_size": 500, "half_life_time_size": 300}
    found = answers("kmeans", drifting, None, np.full((1, 2), 20.0), **given)
    assert found["distance_to_cluster"][0] < 3


def check_pca_is_scikit_learns_in_ascending_order() -> None:
    features, _ = datasets.load_wine(return_X_y=True)
    peer = PCA(3).fit_transform(features)[:, ::-1]
    for mode in ("regular", "randomized"):
        found = answers(
            "pca", features, None, features, num_components=3, mini_batch_size=50, algorithm_mode=mode
        )
        assert np.allclose(np.abs(found["projection"]), np.abs(peer), rtol=1e-3, atol=1e-3 * peer.std()), mode
    spread = found["projection"].std(axis=0)
    assert (np.diff(spread) > 0).all(), "the largest component is the last"


def check_pca_without_the_mean() -> None:
    features = np.random.RandomState(0).normal(5, 1, (100, 4))
    found = answers("pca", features, None, features, num_components=1, mini_batch_size=9, subtract_mean=False)
    _, _, directions = np.linalg.svd(features)
    assert np.allclose(np.abs(found["projection"][:, 0]), np.abs(features @ directions[0]))


def check_forest_ranks_outliers_as_isolation_forest_does() -> None:
    random = np.random.RandomState(0)
    usual = random.normal(0, 1, (2000, 4))
    rows = np.concatenate([random.normal(0, 1, (200, 4)), random.uniform(-8, 8, (30, 4))])
    odd = np.arange(230) >= 200
    score = answers("randomcutforest", usual, None, rows, num_trees=50)["score"]
    peer = IsolationForest(random_state=0).fit(usual)
    assert metrics.roc_auc_score(odd, score) > metrics.roc_auc_score(odd, -peer.score_samples(rows)) - 0.01
    assert 0.5 < score[~odd].mean() < 1.2
    assert score[odd].mean() > 2 * score[~odd].mean()


def check_forest_finds_a_spike_in_a_wave() -> None:
    wave = np.sin(np.arange(1000) / 10)[:, None]
    wave[500] = 5
    score = answers("randomcutforest", wave, None, wave, num_trees=100, num_samples_per_tree=128)["score"]
    assert score.argmax() == 500
    assert score[500] > score.mean() + 3 * score.std()


def check_a_tree_holds_its_rows() -> None:
    points = np.random.RandomState(0).normal(size=(64, 3))
    tree = random_cut_forest.grow(points, np.random.RandomState(1))
    leaves = tree["dimension"] == random_cut_forest.LEAF
    assert (leaves.sum(), len(leaves)) == (64, 127)
    assert tree["mass"][leaves].sum() == tree["mass"][0] == 64
    inner = ~leaves
    assert (
        tree["mass"][inner] == tree["mass"][tree["left"][inner]] + tree["mass"][tree["right"][inner]]
    ).all()
    assert np.allclose(tree["low"][0], points.min(axis=0))


def check_a_forest_of_equal_rows() -> None:
    same = np.ones((100, 2))
    score = answers("randomcutforest", same, None, np.array([[1.0, 1.0], [2.0, 2.0]]), num_trees=50)["score"]
    assert score[1] > score[0]


def check_factors_are_recovered() -> None:
    random = np.random.RandomState(0)
    features = (random.rand(3000, 30) < 0.15).astype(float)
    truth = {
        "bias": np.array([1.0]),
        "linear": random.normal(size=30),
        "factors": random.normal(0, 0.5, (30, 2)),
    }
    labels = factorization_machines.raw_scores(truth, features)
    given = {"num_factors": 4, "epochs": 80, "factors_lr": 0.01, "linear_lr": 0.02, "mini_batch_size": 100}
    rates = {"factors_wd": 0, "linear_wd": 0, "bias_wd": 0, "predictor_type": "regressor"}
    held = slice(2500, None)
    for matrix in (features, csr_matrix(features)):
        found = answers(
            "factorization-machines", matrix[:2500], labels[:2500], matrix[held], **given, **rates
        )
        error = ((found["score"] - labels[held]) ** 2).mean() ** 0.5
        assert error < 0.2 * labels.std(), error


def check_factor_slopes() -> None:
    random = np.random.RandomState(0)
    features, labels = random.normal(size=(20, 5)), random.randint(0, 2, 20).astype(float)
    weights = {
        "bias": random.normal(size=1),
        "linear": random.normal(size=5),
        "factors": random.normal(size=(5, 3)),
    }

    def loss() -> float:
        score = factorization_machines.raw_scores(weights, features)
        return float((np.logaddexp(0, score) - labels * score).mean())

    slopes = factorization_machines.gradients(weights, features, labels, True)
    for part, each in weights.items():
        for place in np.ndindex(each.shape):
            each[place] += 1e-6
            above = loss()
            each[place] -= 2e-6
            rise = (above - loss()) / 2e-6
            each[place] += 1e-6
            assert np.isclose(rise, slopes[part][place], atol=1e-6), (part, place)
