"""Collections: named groups of tensors, as a job's collections file tells."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


class CollectionKeys:
    DEFAULT = "default"
    ALL = "all"
    INPUTS = "inputs"
    OUTPUTS = "outputs"
    WEIGHTS = "weights"
    GRADIENTS = "gradients"
    LOSSES = "losses"
    BIASES = "biases"
    LAYERS = "layers"
    SM_METRICS = "sm_metrics"
    OPTIMIZER_VARIABLES = "optimizer_variables"
    TENSORFLOW_SUMMARIES = "tensorflow_summaries"
    METRICS = "metrics"
    HYPERPARAMETERS = "hyperparameters"
    PREDICTIONS = "predictions"
    LABELS = "labels"
    FEATURE_IMPORTANCE = "feature_importance"
    AVERAGE_SHAP = "average_shap"
    FULL_SHAP = "full_shap"
    TREES = "trees"


@dataclass
class Collection:
    name: str
    include_regex: list[str] = field(default_factory=list)
    tensor_names: set[str] = field(default_factory=set)
    save_config: dict[str, Any] | None = None
    """By mode's name: save_interval, save_steps, start_step, end_step."""
    reduction_config: dict[str, Any] | None = None
    save_histogram: bool = True

    def __hash__(self) -> int:
        return hash(self.name)


def parse(text: bytes) -> tuple[dict[str, Collection], int]:
    """Collections by name, and how many workers save. Raises `ValueError` for another file."""
    document = json.loads(text)
    try:
        found = {
            str(name): Collection(
                name=str(each.get("name", name)),
                include_regex=[str(pattern) for pattern in each.get("include_regex") or ()],
                tensor_names={str(tensor) for tensor in each.get("tensor_names") or ()},
                save_config=each.get("save_config"),
                reduction_config=each.get("reduction_config"),
                save_histogram=bool(each.get("save_histogram", True)),
            )
            for name, each in document["collections"].items()
        }
        return found, max(1, int(document.get("_meta", {}).get("num_workers", 1)))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no collections: {error!r}") from error
