"""factorization-machines: https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html"""

from __future__ import annotations

from ..declaration import PROGRESS, Algorithm, quality
from ..hyperparameters import Choice, Hyperparameter, Integer, Real


def _initial(part: str) -> tuple[Hyperparameter, ...]:
    return (
        Choice(f"{part}_init_method", "normal", ("normal", "uniform", "constant")),
        Real(f"{part}_init_scale", "auto", "[0, inf)"),
        Real(f"{part}_init_sigma", 0.01, "[0, inf)"),
        Real(f"{part}_init_value", "auto"),
    )


ALGORITHM = Algorithm(
    "factorization-machines",
    "factorization_machines",
    (
        Integer("feature_dim", within="[1, inf)"),
        Integer("num_factors", within="[1, inf)"),
        Choice("predictor_type", of=("binary_classifier", "regressor")),
        Real("bias_lr", 0.1, "[0, inf)"),
        Real("bias_wd", 0.01, "[0, inf)"),
        *_initial("bias"),
        Real("clip_gradient", "auto"),
        Integer("epochs", 1, "[1, inf)"),
        Real("eps", "auto"),
        Real("factors_lr", 0.0001, "[0, inf)"),
        Real("factors_wd", 0.00001, "[0, inf)"),
        *_initial("factors"),
        Real("linear_lr", 0.001, "[0, inf)"),
        Real("linear_wd", 0.001, "[0, inf)"),
        *_initial("linear"),
        Integer("mini_batch_size", 1000, "[1, inf)"),
        Real("rescale_grad", "auto"),
    ),
    (
        *PROGRESS,
        *(
            quality(channel, printed, kind, epochs=channel == "train", name=name)
            for channel in ("train", "test")
            for name, printed, kind in (
                ("rmse", "rmse", "loss"),
                ("binary_classification_accuracy", "binary_classification_accuracy", "score"),
                ("binary_classification_cross_entropy", "binary_classification_cross_entropy", "loss"),
                ("binary_f_beta", r"binary_f_\d\S*", "score"),
            )
        ),
    ),
    optional=("test",),
)
