"""randomcutforest: https://docs.aws.amazon.com/sagemaker/latest/dg/rcf_hyperparameters.html"""

from __future__ import annotations

from ..declaration import CSV, PARQUET, PROGRESS, RECORDIO, Algorithm, quality
from ..hyperparameters import Choices, Integer

ALGORITHM = Algorithm(
    "randomcutforest",
    "random_cut_forest",
    (
        Integer("feature_dim", within="[1, 10000]"),
        Choices(
            "eval_metrics",
            ("accuracy", "precision_recall_fscore"),
            of=("accuracy", "precision_recall_fscore"),
        ),
        Integer("num_samples_per_tree", 256, "[1, 2048]"),
        Integer("num_trees", 100, "[50, 1000]"),
        Integer("mini_batch_size", 1000, "[1, inf)"),
    ),
    (
        *PROGRESS,
        quality("test", "accuracy", "score"),
        quality("test", "precision", "score"),
        quality("test", "recall", "score"),
        quality("test", "f1", "score"),
    ),
    optional=("test",),
    content_types=(RECORDIO, CSV, PARQUET),
    labelled=False,
)
