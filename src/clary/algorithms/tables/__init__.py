"""The algorithms, by their images' repository names."""

from __future__ import annotations

from ..declaration import Algorithm
from . import linear_learner

ALL: tuple[Algorithm, ...] = (linear_learner.ALGORITHM,)


def find(repository: str) -> Algorithm | None:
    """By the last part of an image's repository."""
    return next((each for each in ALL if each.name == repository), None)
