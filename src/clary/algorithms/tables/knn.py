"""knn: https://docs.aws.amazon.com/sagemaker/latest/dg/kNN_hyperparameters.html"""

from __future__ import annotations

from ..declaration import PROGRESS, Algorithm, quality
from ..hyperparameters import Choice, Integer

ALGORITHM = Algorithm(
    "knn",
    "knn",
    (
        Integer("feature_dim", within="[1, inf)"),
        Integer("k", within="[1, inf)"),
        Choice("predictor_type", of=("classifier", "regressor")),
        Integer("sample_size", within="[1, inf)"),
        Integer("dimension_reduction_target", 0, "[1, inf)"),
        Choice("dimension_reduction_type", "", ("sign", "fjlt")),
        Integer("faiss_index_ivf_nlists", "auto", "[1, inf)"),
        Integer("faiss_index_pq_m", 0, "[1, inf)"),
        Choice("index_metric", "L2", ("COSINE", "INNER_PRODUCT", "L2")),
        Choice("index_type", "faiss.Flat", ("faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ")),
        Integer("mini_batch_size", 5000, "[1, inf)"),
    ),
    (
        *PROGRESS,
        quality("test", "accuracy", "score"),
        quality("test", "mse", "loss"),
    ),
    optional=("test",),
)
