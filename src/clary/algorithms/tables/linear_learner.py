"""linear-learner: https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html"""

from __future__ import annotations

from ..declaration import PROGRESS, Algorithm, quality
from ..hyperparameters import Choice, Flag, Integer, Real

LOSSES = (
    "auto", "logistic", "squared_loss", "absolute_loss", "hinge_loss", "eps_insensitive_squared_loss",
    "eps_insensitive_absolute_loss", "quantile_loss", "huber_loss", "softmax_loss",
)  # fmt: skip
CRITERIA = (
    "accuracy", "f1", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "loss_function",
    "cross_entropy_loss",
)  # fmt: skip


class _Weight(Real):
    """A number, or `balanced`."""

    def value(self, text: str) -> object:
        return text if text in ("auto", "balanced") else self.parse(text)


ALGORITHM = Algorithm(
    "linear-learner",
    "linear_learner",
    (
        Choice("predictor_type", of=("binary_classifier", "multiclass_classifier", "regressor")),
        Integer("num_classes", 0, "[3, 1000000]"),
        Integer("feature_dim", "auto", "[1, inf)"),
        Integer("accuracy_top_k", 3, "[1, inf)"),
        Flag("balance_multiclass_weights", False),
        Real("beta_1", "auto", "[0, 1)"),
        Real("beta_2", "auto", "[0, 1)"),
        Real("bias_lr_mult", "auto", "(0, inf)"),
        Real("bias_wd_mult", "auto", "[0, inf)"),
        Choice("binary_classifier_model_selection_criteria", "accuracy", CRITERIA),
        Integer("early_stopping_patience", 3, "[1, inf)"),
        Real("early_stopping_tolerance", 0.001, "(0, inf)"),
        Integer("epochs", 15, "[1, inf)"),
        Real("f_beta", 1.0, "(0, inf)"),
        Real("huber_delta", 1.0, "[0, inf)"),
        Real("init_bias", 0.0),
        Choice("init_method", "uniform", ("uniform", "normal")),
        Real("init_scale", 0.07, "(0, inf)"),
        Real("init_sigma", 0.01, "(0, inf)"),
        Real("l1", "auto", "[0, inf)"),
        Real("learning_rate", "auto", "(0, inf)"),
        Choice("loss", "auto", LOSSES),
        Real("loss_insensitivity", 0.01, "(0, inf)"),
        Real("lr_scheduler_factor", "auto", "(0, 1)"),
        Real("lr_scheduler_minimum_lr", "auto", "(0, inf)"),
        Integer("lr_scheduler_step", "auto", "[1, inf)"),
        Real("margin", 1.0, "[0, inf)"),
        Integer("mini_batch_size", 1000, "[1, inf)"),
        Real("momentum", "auto", "[0, 1)"),
        Flag("normalize_data", "auto"),
        Flag("normalize_label", "auto"),
        Integer("num_calibration_samples", "auto", "[1, inf)"),
        Integer("num_models", "auto", "[1, inf)"),
        Integer("num_point_for_scaler", 10000, "[1, inf)"),
        Choice("optimizer", "auto", ("auto", "sgd", "adam", "rmsprop")),
        _Weight("positive_example_weight_mult", 1.0, "(0, inf)"),
        Real("quantile", 0.5, "(0, 1)"),
        Real("target_precision", 0.8, "[0, 1]"),
        Real("target_recall", 0.8, "[0, 1]"),
        Flag("unbias_data", "auto"),
        Flag("unbias_label", "auto"),
        Flag("use_bias", True),
        Flag("use_lr_scheduler", True),
        Real("wd", "auto", "[0, inf)"),
    ),
    (
        *PROGRESS,
        quality("train", r"\S+_objective", "loss", epochs=True, name="objective_loss"),
        quality("validation", r"\S+_objective", "loss", epochs=True, name="objective_loss"),
        *(
            quality(channel, printed, kind, name=name)
            for channel in ("validation", "test")
            for name, printed, kind in (
                ("objective_loss:final", r"\S+_objective", "loss"),
                ("binary_classification_accuracy", "binary_classification_accuracy", "score"),
                ("binary_f_beta", r"binary_f_\d\S*", "score"),
                ("precision", "precision", "score"),
                ("recall", "recall", "score"),
                ("roc_auc_score", "roc_auc_score", "score"),
                ("multiclass_accuracy", "multiclass_accuracy", "score"),
                ("multiclass_top_k_accuracy", r"multiclass_top_k_accuracy_\S+", "score"),
                ("macro_f_beta", r"macro_f_\d\S*", "score"),
                ("macro_precision", "macro_precision", "score"),
                ("macro_recall", "macro_recall", "score"),
                ("dcg", "dcg", "score"),
                ("mse", "mse", "loss"),
                ("rmse", "rmse", "loss"),
                ("absolute_loss", "absolute_loss", "loss"),
                ("r2", "r2", "score"),
            )
        ),
    ),
    optional=("validation", "test"),
)
