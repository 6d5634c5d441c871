"""xgboost: https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html

Defaults are XGBoost's own: what is not given is not passed on.
"""

from __future__ import annotations

from ..declaration import CSV, LIBSVM, PARQUET, RECORDIO, Algorithm, Metric
from ..hyperparameters import Choice, Choices, Integer, Real, Text

OBJECTIVES = (
    "reg:linear", "reg:squarederror", "reg:logistic", "reg:squaredlogerror", "reg:pseudohubererror",
    "reg:absoluteerror", "reg:quantileerror", "reg:gamma", "reg:tweedie", "binary:logistic", "binary:logitraw",
    "binary:hinge", "count:poisson", "multi:softmax", "multi:softprob", "rank:pairwise", "rank:ndcg", "rank:map",
    "survival:aft", "survival:cox",
)  # fmt: skip
NATIVE = (
    "rmse", "rmsle", "mae", "mape", "mphe", "logloss", "error", "merror", "mlogloss", "auc", "aucpr", "ndcg",
    "map", "poisson-nloglik", "gamma-nloglik", "gamma-deviance", "tweedie-nloglik", "cox-nloglik",
    "aft-nloglik", "interval-regression-accuracy",
)  # fmt: skip
"""Metrics that XGBoost computes."""
ADDED = (
    "accuracy", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "mse", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip
"""Those that AWS's container adds."""
NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"

ALGORITHM = Algorithm(
    "xgboost",
    "xgboost_trees",
    (
        Integer("num_round", within="[1, inf)"),
        Integer("csv_weights", 0, "[0, 1]"),
        Integer("early_stopping_rounds", None, "[1, inf)"),
        Integer("num_class", None, "[1, inf)"),
        Choice("booster", None, ("gbtree", "gblinear", "dart")),
        Choice("objective", None, OBJECTIVES),
        Choices("eval_metric", None, (*NATIVE, *ADDED)),
        Real("base_score", None),
        *(Real(name, None, "[0, 1]") for name in ("eta", "learning_rate", "rate_drop", "skip_drop")),
        *(Real(name, None, "[0, inf)") for name in ("gamma", "min_split_loss", "min_child_weight", "max_delta_step")),
        *(Real(name, None, "[0, inf)") for name in ("alpha", "reg_alpha", "lambda", "reg_lambda")),
        Real("lambda_bias", None, "[0, 1]"),
        Real("scale_pos_weight", None, "[0, inf)"),
        *(
            Real(name, None, "(0, 1]")
            for name in ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")
        ),
        Integer("max_depth", None, "[0, inf)"),
        Integer("max_leaves", None, "[0, inf)"),
        Integer("max_bin", None, "[2, inf)"),
        Integer("num_parallel_tree", None, "[1, inf)"),
        Choice("tree_method", None, ("auto", "exact", "approx", "hist", "gpu_hist")),
        Choice("device", None, ("cpu", "cuda", "gpu")),
        Choice("sampling_method", None, ("uniform", "gradient_based")),
        Choice("grow_policy", None, ("depthwise", "lossguide")),
        Choice("process_type", None, ("default", "update")),
        Choice("predictor", None, ("auto", "cpu_predictor", "gpu_predictor")),
        Choice("sample_type", None, ("uniform", "weighted")),
        Choice("normalize_type", None, ("tree", "forest")),
        Choice("feature_selector", None, ("cyclic", "shuffle", "random", "greedy", "thrifty")),
        Choice("aft_loss_distribution", None, ("normal", "logistic", "extreme")),
        Real("aft_loss_distribution_scale", None, "(0, inf)"),
        Real("tweedie_variance_power", None, "(1, 2)"),
        Real("huber_slope", None, "(0, inf)"),
        Real("sketch_eps", None, "(0, 1)"),
        Integer("one_drop", None, "[0, 1]"),
        Integer("refresh_leaf", None, "[0, 1]"),
        Integer("top_k", None, "[0, inf)"),
        Integer("seed", None),
        Integer("nthread", None, "[1, inf)"),
        Integer("silent", None, "[0, 1]"),
        Integer("verbosity", None, "[0, 3]"),
        *(
            Text(name, None)
            for name in (
                "updater", "dsplit", "interaction_constraints", "monotone_constraints", "prob_buffer_row",
                "deterministic_histogram", "single_precision_histogram", "seed_per_iteration",
                "save_model_on_termination", "use_dask_gpu_training",
            )
        ),
    ),
    tuple(
        Metric(f"{channel}:{name}", rf"\[[0-9]+\].*#011{channel}-{name}:{NUMBER}")
        for channel in ("train", "validation")
        for name in (*NATIVE, *ADDED)
    ),
    optional=("validation",),
    content_types=(LIBSVM, CSV, PARQUET, RECORDIO),
    default_type=LIBSVM,
    repositories=("xgboost", "sagemaker-xgboost"),
    missing=True,
)  # fmt: skip
