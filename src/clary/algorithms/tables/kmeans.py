"""kmeans: https://docs.aws.amazon.com/sagemaker/latest/dg/k-means-api-config.html"""

from __future__ import annotations

from ..declaration import PROGRESS, Algorithm, quality
from ..hyperparameters import Choice, Choices, Flag, Integer, Real

METHODS = ("random", "kmeans++")

ALGORITHM = Algorithm(
    "kmeans",
    "kmeans",
    (
        Integer("feature_dim", within="[1, inf)"),
        Integer("k", within="[2, inf)"),
        Integer("epochs", 1, "[1, inf)"),
        Choices("eval_metrics", ("msd",), of=("msd", "ssd")),
        Integer("extra_center_factor", "auto", "[1, inf)"),
        Flag("force_dense", True),  # the SDK sends it
        Integer("half_life_time_size", 0, "[0, inf)"),
        Choice("init_method", "random", METHODS),
        Choice("local_lloyd_init_method", "kmeans++", METHODS),
        Integer("local_lloyd_max_iter", 300, "[1, inf)"),
        Integer("local_lloyd_num_trials", "auto", "[1, inf)"),
        Real("local_lloyd_tol", 0.0001, "[0, 1]"),
        Integer("mini_batch_size", 5000, "[1, inf)"),
    ),
    (
        *PROGRESS,
        quality("train", "msd", "loss", epochs=True),
        quality("train", "ssd", "loss", epochs=True),
        quality("test", "msd", "loss"),
        quality("test", "ssd", "loss"),
    ),
    optional=("test",),
    labelled=False,
)
