"""The built-in rules by AWS's names."""

from __future__ import annotations

from collections.abc import Mapping

from .activations import DeadRelu, SaturatedActivation
from .check import Check
from .classes import ClassImbalance, Confusion
from .fitting import Overfit, Overtraining
from .gradients import VanishingGradient
from .inputs import CheckInputImages, NLPSequenceRatio
from .losses import LossNotDecreasing
from .runs import SimilarAcrossRuns, StalledTrainingRule
from .tensors import AllZero, ExplodingTensor, TensorVariance, UnchangedTensor
from .trees import FeatureImportanceOverweight, TreeDepth
from .weights import PoorWeightInitialization, WeightUpdateRatio
from .xgboost_report import CreateXgboostReport

BUILT_IN: Mapping[str, type[Check]] = {
    rule.__name__: rule
    for rule in (
        AllZero, CheckInputImages, ClassImbalance, Confusion, CreateXgboostReport, DeadRelu, ExplodingTensor,
        FeatureImportanceOverweight, LossNotDecreasing, NLPSequenceRatio, Overfit, Overtraining,
        PoorWeightInitialization, SaturatedActivation, SimilarAcrossRuns, StalledTrainingRule, TensorVariance,
        TreeDepth, UnchangedTensor, VanishingGradient, WeightUpdateRatio,
    )
}  # fmt: skip


class UnknownRule(LookupError):
    """`rule_to_invoke` names no built-in rule."""


def find(name: str) -> type[Check]:
    """Raises `UnknownRule`."""
    if name not in BUILT_IN:
        raise UnknownRule(f"There is no built-in rule {name!r}. There are {', '.join(BUILT_IN)}.")
    return BUILT_IN[name]
