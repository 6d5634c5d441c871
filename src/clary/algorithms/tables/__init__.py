"""The algorithms, by their images' repository names."""

from __future__ import annotations

from ..declaration import Algorithm
from . import factorization_machines, kmeans, knn, linear_learner, pca, random_cut_forest, xgboost

ALL: tuple[Algorithm, ...] = (
    linear_learner.ALGORITHM,
    xgboost.ALGORITHM,
    knn.ALGORITHM,
    kmeans.ALGORITHM,
    pca.ALGORITHM,
    random_cut_forest.ALGORITHM,
    factorization_machines.ALGORITHM,
)


def find(repository: str) -> Algorithm | None:
    """By the last part of an image's repository, or an algorithm's name."""
    return next((each for each in ALL if repository in (each.name, *each.repositories)), None)
