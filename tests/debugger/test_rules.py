"""Each built-in rule: a history that trips it, and one like it that does not."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.debugger.history import Step, history, judge

from clary.debugger.rules.catalog import BUILT_IN, UnknownRule, find
from clary.debugger.rules.check import BadParameter, converted

RANDOM = np.random.default_rng(0)
Steps = Sequence[Step | tuple[str, Step]]


@dataclass
class Case:
    rule: str
    trips: Steps
    words: str
    """What the finding says, as a pattern."""
    passes: Steps
    parameters: dict[str, str] = field(default_factory=dict)
    at: int | None = None
    """The global step at which it trips."""
    id: str = ""


def series(name: str, values: Any) -> Steps:
    return [{name: value} for value in values]


def normal(*shape: int, scale: float = 1.0, mean: float = 0.0) -> np.ndarray:
    return RANDOM.normal(mean, scale, shape)


def fitting(training: list[float], validation: list[float]) -> Iterator[tuple[str, Step]]:
    for one, other in zip(training, validation, strict=True):
        yield "TRAIN", {"loss": one}
        yield "EVAL", {"loss": other}


LABELS = np.array([0, 1] * 250)
RARE = np.array([0] * 490 + [1] * 10)
DIGITS = np.arange(10).repeat(50)
IMAGES = normal(250, 3, 8, 8)
WEIGHTS = normal(20, 10)
EARLY: dict[str, np.ndarray] = {"a/relu_input": normal(9, 9), "gradient/w": normal(9, 9)}

CASES = [
    Case(
        "LossNotDecreasing", series("loss", [1.0] * 30), "loss is 1 at step 10, after 1 at step 0",
        series("loss", [1 / n for n in range(1, 30)]), at=10,
    ),
    Case(
        "LossNotDecreasing", series("loss", [0.99**n for n in range(30)]), "at step 10",
        series("loss", [0.5**n for n in range(30)]), {"diff_percent": "20"}, id="by a percentage",
    ),
    Case(
        "LossNotDecreasing", [*fitting([0.5**n for n in range(9)], [2.0**n for n in range(9)])], "loss is",
        [*fitting([2.0**n for n in range(9)], [0.5**n for n in range(9)])], {"num_steps": "3"}, id="validation first",
    ),
    Case(
        "Overfit", [*fitting([1.0, 0.5, 0.2], [1.05, 0.52, 0.5])], "exceeds the training loss 0.2",
        [*fitting([1.0, 0.5, 0.2], [1.05, 0.52, 0.21])], at=5,
    ),
    Case(
        "Overfit", [("GLOBAL", {"train-rmse": 1 / n, "validation-rmse": 1.0}) for n in range(1, 5)], "validation loss 1 ",
        [("GLOBAL", {"train-rmse": 1 / n, "validation-rmse": 1.05 / n}) for n in range(1, 5)], id="XGBoost",
    ),
    Case(
        "Overfit", [*fitting([1.0] * 3, [1.2] * 3)], "3 times in a row", [*fitting([1.0] * 3, [1.2, 1.0, 1.2])],
        {"patience": "3"}, id="patience",
    ),
    Case(
        "Overtraining", series("loss", [1.0, 0.5] + [0.45] * 6), "the training loss has not improved on 0.5",
        series("loss", [2.0 - 0.2 * n for n in range(9)]), at=6,
    ),
    Case(
        "VanishingGradient", [{"gradient/w": normal(5, scale=10.0**-n)} for n in range(12)], "absolute values of gradient/w",
        [{"gradient/w": normal(5)} for _ in range(5)],
    ),
    Case(
        "ExplodingTensor", [{"loss": 1.0}, {"loss": 1e30}, {"loss": float("inf")}], "1 of 1 values of loss are NaN or inf",
        series("loss", [1.0, 1e30]), at=2,
    ),
    Case(
        "ExplodingTensor", series("loss", [1.0, float("nan")]), "NaN", series("loss", [1.0, float("inf")]),
        {"only_nan": "True"}, id="only NaN",
    ),
    Case("AllZero", [{"a": np.zeros(4)}], "100.0 % of the values of a", [{"a": np.array([0, 0, 0, 1])}]),
    Case(
        "AllZero", [{"a": [0, 0, 0, 1]}], "75.0 %", [{"a": [0, 0, 1, 1]}, {"b": [0, 0]}],
        {"threshold": "75", "tensor_regex": "^a"}, id="a share of one tensor",
    ),
    Case(
        "TensorVariance", [{"a": [0, 100]}], "variance of a is 2500, above 50", [{"a": [0, 10]}],
        {"max_threshold": "50", "min_threshold": "0.1"},
    ),
    Case("TensorVariance", [{"a": [1, 1]}], "below 0.1", [{"a": [0, 10]}], {"min_threshold": "0.1"}, id="too low"),
    Case("UnchangedTensor", series("w", [1, 2, 3, 3, 3]), "last 3 steps", series("w", [1, 1, 2, 2, 3]), at=4),
    Case(
        "UnchangedTensor", series("w", [1.0, 1.1]), "w has not changed", series("w", [1.0, 1.3]),
        {"num_steps": "2", "atol": "0.2"}, id="tolerance",
    ),
    Case(
        "WeightUpdateRatio", [{"weight/w": WEIGHTS}, {"weight/w": WEIGHTS * -15}], "above 10",
        [{"weight/w": WEIGHTS}, {"weight/w": WEIGHTS * 1.01}],
    ),
    Case(
        "WeightUpdateRatio", [{"weight/w": WEIGHTS}, {"weight/w": WEIGHTS}], "below 1e-08",
        [{"weight/w": WEIGHTS}, ("EVAL", {"weight/w": WEIGHTS}), {"weight/w": WEIGHTS * 1.01}], id="too small",
    ),
    Case(
        "PoorWeightInitialization", [{**EARLY, "b/relu_input": normal(9, 9, scale=9)}], "variance of b/relu_input",
        [{**EARLY, "b/relu_input": normal(9, 9)}],
    ),
    Case(
        "PoorWeightInitialization", [{"gradient/w": normal(9, scale=1e-6)}], "5th and 95th percentiles of gradient/w",
        [EARLY] * 10 + [{"gradient/w": normal(9, scale=1e-6)}], id="gradients, in the first steps only",
    ),
    Case(
        "PoorWeightInitialization", series("loss", [1.0] * 6), "loss has not decreased for 5 steps",
        series("loss", [1.0 - n / 100 for n in range(20)]), id="loss",
    ),
    Case(
        "DeadRelu", [{"relu_output": np.maximum(normal(20, 10) - np.array([100] * 6 + [0] * 4), 0)}],
        "60.0 % of the ReLUs",
        [{"relu_output": np.maximum(normal(20, 10) - np.array([100] * 4 + [0] * 6), 0)}],
    ),
    Case(
        "SaturatedActivation", [{"tanh_input": normal(20, 10) + np.array([50] * 6 + [0] * 4)}], "60.0 % of the nodes",
        [{"tanh_input": normal(20, 10) + np.array([50] * 4 + [0] * 6)}, {"sigmoid_input": normal(20, 10) - 15}],
    ),
    Case("ClassImbalance", [{"labels": RARE}], "class 0 has 490 samples", [{"labels": LABELS}]),
    Case(
        "ClassImbalance", [{"labels": LABELS, "predictions": np.zeros(500)}], "1.00 of the samples of class 1",
        [{"labels": LABELS, "predictions": LABELS * 0.6 + 0.2}], id="mispredictions",
    ),
    Case(
        "Confusion", [{"labels": DIGITS, "predictions": np.roll(DIGITS, 10)}], "predicted as class 0",
        [{"labels": DIGITS, "predictions": DIGITS}],
    ),
    Case(
        "CheckInputImages", [{"images": IMAGES}, {"images": IMAGES + 1}], "over 500 images",
        [{"images": IMAGES}, {"images": IMAGES}, {"images": IMAGES + 0.1}], {"regex": "images"}, at=1,
    ),
    Case(
        "NLPSequenceRatio", [{"embedding0_input_0": [0, 0, 0, 5]}], "75.0 % of embedding0_input_0 are the token 0",
        [{"embedding0_input_0": [0, 0, 4, 5]}],
    ),
    Case(
        "NLPSequenceRatio", [{"words": [3, 3, 1, 5]}], "the token 3", [{"words": [3, 0, 0, 5]}],
        {"tensor_regex": "words", "token_values": "0,3", "token_thresholds_percent": "60, 30"}, id="two tokens",
    ),
    Case(
        "FeatureImportanceOverweight", [{f"feature_importance/weight/f{n}": v for n, v in enumerate([50, 40, 20, 1, 1])}],
        "the 3 largest of 5 features have 0.98", [{f"feature_importance/weight/f{n}": 10 for n in range(9)}],
    ),
    Case("TreeDepth", [{"trees/Node": np.arange(63)}], "depth 5, deeper than 4", [{"trees/Node": np.arange(31)}]),
]  # fmt: skip
IDS = [f"{case.rule} {case.id}".strip() for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_history_that_trips_the_rule(tmp_path: Path, case: Case) -> None:
    found = judge(history(tmp_path, case.trips), case.rule, (), **case.parameters)
    assert found is not None
    assert re.search(case.words, found.words), found.words
    assert case.at is None or found.step == case.at
    assert str(found).startswith(
        f"RuleEvaluationConditionMet: Evaluation of the rule {case.rule} at step {found.step}"
    )


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_history_that_does_not(tmp_path: Path, case: Case) -> None:
    assert judge(history(tmp_path, case.passes), case.rule, (), **case.parameters) is None


def test_similar_across_runs(tmp_path: Path) -> None:
    base, same, other = (
        history(tmp_path / name, [{"w": [1.0, 2.0]}, {"w": [1.0, last]}])
        for name, last in (("base", 3.0), ("same", 3.0), ("other", 3.1))
    )
    assert judge(base, "SimilarAcrossRuns", [same]) is None
    found = judge(base, "SimilarAcrossRuns", [other])
    assert found is not None
    assert (found.step, found.words) == (1, "w differs from that of other")
    with pytest.raises(ValueError, match="needs another trial"):
        judge(base, "SimilarAcrossRuns")


def test_every_rule_has_its_cases() -> None:
    elsewhere = {"SimilarAcrossRuns", "StalledTrainingRule", "CreateXgboostReport"}
    assert {case.rule for case in CASES} | elsewhere == set(BUILT_IN)


def test_parameters_are_checked() -> None:
    with pytest.raises(BadParameter, match=r"no parameter 'treshold'\. Known: threshold"):
        find("VanishingGradient").of({"treshold": "1"})
    with pytest.raises(BadParameter, match="num_steps of LossNotDecreasing is 'many'"):
        find("LossNotDecreasing").of({"num_steps": "many"})
    with pytest.raises(UnknownRule, match=r"'Vanishing'\. There are AllZero, "):
        find("Vanishing")
    rule = find("LossNotDecreasing").of(
        {"rule_to_invoke": "LossNotDecreasing", "use_losses_collection": "False"}
    )
    assert rule == find("LossNotDecreasing")(use_losses_collection=False)  # type: ignore[call-arg]


@given(st.lists(st.from_regex(r"[a-z./*]{1,8}", fullmatch=True), max_size=4))
def test_lists_are_read_in_both_of_their_spellings(names: list[str]) -> None:
    expected = tuple(names)
    assert converted(", ".join(names), "tuple[str, ...]") == expected
    assert converted(repr(names), "tuple[str, ...]") == expected


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=25))
def test_the_loss_rule_trips_just_when_ten_steps_brought_no_decrease(values: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = judge(history(Path(folder), series("loss", values)), "LossNotDecreasing")
    looked = [step for step in (10, 20) if step < len(values)]
    expected = next((step for step in looked if not values[step] < values[step - 10]), None)
    assert (found.step if found else None) == expected
