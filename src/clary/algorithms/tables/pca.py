"""pca: https://docs.aws.amazon.com/sagemaker/latest/dg/PCA-reference.html"""

from __future__ import annotations

from ..declaration import PROGRESS, Algorithm
from ..hyperparameters import Choice, Flag, Integer


class _Extra(Integer):
    """-1 stands for the larger of 10 and `num_components`."""

    def value(self, text: str) -> int:
        return -1 if text == "-1" else self.parse(text)


ALGORITHM = Algorithm(
    "pca",
    "pca",
    (
        Integer("feature_dim", within="[1, inf)"),
        Integer("mini_batch_size", within="[1, inf)"),
        Integer("num_components", within="[1, inf)"),
        Choice("algorithm_mode", "regular", ("regular", "randomized")),
        _Extra("extra_components", -1, "[0, inf)"),
        Flag("subtract_mean", True),
    ),
    PROGRESS,
    optional=("test",),
    labelled=False,
)
