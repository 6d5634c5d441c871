"""Real trainings of a small network, sound and spoilt: each rule trips on what it is for, and not on the sound one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.debugger import sequences
from tests.debugger.history import history, judge
from tests.debugger.network import Training

SOUND = Training(seed=2)
IMAGES = {"regex": "^images$"}
SPOILT: list[tuple[str, Training, Training, dict[str, str]]] = [
    ("LossNotDecreasing", Training(rate=0.0), SOUND, {}),
    ("Overfit", Training(noise=6.0, samples=40), SOUND, {}),
    ("Overtraining", Training(), Training(rate=0.02, steps=12), {"delta": "0.01"}),
    ("VanishingGradient", Training(activation="tanh", bias=40.0), SOUND, {}),
    ("ExplodingTensor", Training(rate=1e200), SOUND, {}),
    ("WeightUpdateRatio", Training(rate=1e-12), SOUND, {}),
    ("PoorWeightInitialization", Training(scale=1e-5, rate=1e-5), Training(rate=0.05), {"distribution_range": "0.0001"}),
    ("DeadRelu", Training(bias=-100.0), SOUND, {}),
    ("SaturatedActivation", Training(activation="tanh", bias=40.0), Training(activation="tanh"), {}),
    ("AllZero", Training(bias=-100.0), SOUND, {"tensor_regex": "relu_output"}),
    ("TensorVariance", Training(scale=100.0), SOUND, {"tensor_regex": "^weight/w1$", "max_threshold": "1"}),
    ("UnchangedTensor", Training(rate=0.0), SOUND, {"collection_names": "weights"}),
    ("ClassImbalance", Training(weights=(0.97, 0.01, 0.01, 0.01)), SOUND, {}),
    ("CheckInputImages", Training(shift=1.0), SOUND, IMAGES),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "spoilt", "sound", "parameters"), SPOILT, ids=[each[0] for each in SPOILT])
def test_a_rule_on_a_spoilt_training_and_on_a_sound_one(
    tmp_path: Path, rule: str, spoilt: Training, sound: Training, parameters: dict[str, str]
) -> None:
    assert judge(history(tmp_path / "spoilt", spoilt.run()), rule, (), **parameters) is not None
    assert judge(history(tmp_path / "sound", sound.run()), rule, (), **parameters) is None


def test_sequences_that_are_mostly_padding_and_ones_that_are_not(tmp_path: Path) -> None:
    padded, full = (
        history(tmp_path / str(shortest), sequences.train(shortest)) for shortest in (2, sequences.LENGTH - 2)
    )
    found = judge(padded, "NLPSequenceRatio")
    assert found is not None
    assert "are the token 0" in found.words
    assert judge(full, "NLPSequenceRatio") is None


def test_confusion_of_a_trained_network(tmp_path: Path) -> None:
    steps = list(Training().run())
    assert judge(history(tmp_path / "late", steps[-4:]), "Confusion") is None
    assert judge(history(tmp_path / "early", steps[:4]), "Confusion") is not None


def test_similar_across_runs_of_one_seed_and_of_two(tmp_path: Path) -> None:
    first, again, other = (
        history(tmp_path / name, Training(seed=seed, steps=3).run())
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert judge(first, "SimilarAcrossRuns", [again]) is None
    assert judge(first, "SimilarAcrossRuns", [other], collection_names="weights") is not None
