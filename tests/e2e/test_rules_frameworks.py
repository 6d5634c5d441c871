"""Rules on trainings of real frameworks, whose scripts know nothing of the hook: sound ones, and ones that are not."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.e2e.test_profiler import judged as profiled
from tests.e2e.test_profiler import rule as profiler_rule
from tests.e2e.test_rules import judged, rule
from tests.support.clients import interpreter
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import ALIASES, Clary
from tests.support.torch import torch_python

pytestmark = pytest.mark.slow
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
TF2 = f"{REGISTRY}/tensorflow-training:2.21.0-cpu-py311"
TORCH = f"{REGISTRY}/pytorch-training:2.13.0-cpu-py311"
TF115 = f"{REGISTRY}/tensorflow-training:1.15-gpu-py3"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"

KERAS = """
import argparse
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.05)
given = parser.parse_args()
np.random.seed(0)
tf.compat.v1.set_random_seed(0)
model = models.Sequential([layers.Dense(16, activation="relu", input_shape=(8,)), layers.Dense(2, activation="softmax")])
model.compile(optimizer=tf.keras.optimizers.SGD(given.learning_rate), loss="categorical_crossentropy", metrics=["acc"])
x = np.random.rand(400, 8).astype("float32") - 0.5
y = np.eye(2)[(x.sum(axis=1) > 0).astype(int)]
model.fit(x, y, batch_size=400, epochs=40, validation_data=(x[:100], y[:100]), verbose=0)
"""
BOOST = """
import argparse
import numpy as np
import xgboost
parser = argparse.ArgumentParser()
parser.add_argument("--max-depth", type=int, default=2)
parser.add_argument("--signals", type=int, default=8)
parser.add_argument("--samples", type=int, default=20000)
given = parser.parse_args()
random = np.random.default_rng(0)
x = random.normal(size=(2 * given.samples, 8))
y = (x[:, :given.signals].sum(axis=1) > 0).astype(int) if given.signals else random.integers(0, 2, len(x))
train, validation = xgboost.DMatrix(x[::2], label=y[::2]), xgboost.DMatrix(x[1::2], label=y[1::2])
parameters = {"objective": "binary:logistic", "max_depth": given.max_depth}
xgboost.train(parameters, train, 21, evals=[(train, "train"), (validation, "validation")])
"""


Rules = Mapping[str, Mapping[str, str]]
"""Parameters by name."""


def plain(*names: str) -> Rules:
    return {name: {} for name in names}


def run(
    jobs: Jobs, image: str, script: str, collections: tuple[str, ...], rules: Rules,
    parameters: dict[str, str], **knobs: Any,
) -> dict[str, str]:  # fmt: skip
    """The status of each rule."""
    request = jobs.request(
        textwrap.dedent(script),
        hyperparameters={name.replace("_", "-"): value for name, value in knobs.items()},
        DebugHookConfig={
            "S3OutputPath": f"s3://{BUCKET}/tensors",
            "CollectionConfigurations": [
                {"CollectionName": name, "CollectionParameters": parameters} for name in collections
            ],
        },
        DebugRuleConfigurations=[rule(name, **given) for name, given in dict(rules).items()],
    )
    request["AlgorithmSpecification"]["TrainingImage"] = image
    jobs.sagemaker.create_training_job(**request)
    job = jobs.wait(request["TrainingJobName"], seconds=1500)
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(job["TrainingJobName"]))
    found = judged(jobs, job["TrainingJobName"])
    assert not any(each["RuleEvaluationStatus"] == "Error" for each in found.values()), found
    return {
        "job": job["TrainingJobName"],
        **{name: each["RuleEvaluationStatus"] for name, each in found.items()},
    }


EACH = {"save_interval": "1"}
GROWN = {"save_interval": "10", "start_step": "10"}
"""The first trees split by few features, whatever the data."""
KERAS_RULES = plain("LossNotDecreasing", "ExplodingTensor", "WeightUpdateRatio")
SPOILT = [("LossNotDecreasing", 0.0), ("WeightUpdateRatio", 0.0), ("ExplodingTensor", 1e38)]


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    aliases = {**ALIASES, "*pytorch-training:2.13.0*": {"interpreter": str(torch_python())}}
    with Clary(tmp_path_factory.mktemp("clary") / "home", image_aliases=json.dumps(aliases)) as server:
        yield server


@pytest.mark.parametrize("image", [TF115, TF2], ids=["TensorFlow 1.15", "Keras 3"])
def test_keras(jobs: Jobs, image: str) -> None:
    if image == TF115 and interpreter("3.7") is None:
        pytest.skip("TensorFlow 1.15 needs Python 3.7")
    saved = ("losses", "weights", "gradients")
    found = run(jobs, image, KERAS, saved, KERAS_RULES, EACH)
    assert {name: status for name, status in found.items() if name != "job"} == dict.fromkeys(
        KERAS_RULES, "NoIssuesFound"
    )
    for name, rate in SPOILT:
        assert run(jobs, image, KERAS, saved, plain(name), EACH, learning_rate=rate)[name] == "IssuesFound", (
            name
        )


PYTORCH = """
import argparse
import torch
import torch.nn as nn
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.2)
parser.add_argument("--bias", type=float, default=0.0)
parser.add_argument("--padding", type=float, default=0.1)
given = parser.parse_args()
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.hidden, self.relu, self.last = nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)
        nn.init.constant_(self.hidden.bias, given.bias)
    def forward(self, tokens):
        return self.last(self.relu(self.hidden(self.embedding(tokens).mean(dim=1))))
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), given.learning_rate)
tokens = torch.randint(1, 20, (256, 10))
labels = (tokens.float().mean(dim=1) > 10).long()
tokens[torch.rand(tokens.shape) < given.padding] = 0
for step in range(40):
    optimizer.zero_grad()
    criterion(net(tokens), labels).backward()
    optimizer.step()
"""
PYTORCH_RULES: Rules = {
    **plain("LossNotDecreasing", "ExplodingTensor", "DeadRelu", "VanishingGradient"),
    "UnchangedTensor": {"tensor_regex": "weight$"},
    "NLPSequenceRatio": {"tensor_regex": "embedding_input_0"},
}
PYTORCH_SPOILT: list[tuple[str, dict[str, Any]]] = [
    ("LossNotDecreasing", {"learning_rate": 0.0}),
    ("UnchangedTensor", {"learning_rate": 0.0}),
    ("ExplodingTensor", {"learning_rate": 1e38}),
    ("DeadRelu", {"bias": -100.0}),
    ("NLPSequenceRatio", {"padding": 0.8}),
]


def test_pytorch(jobs: Jobs) -> None:
    """Layers' inputs and outputs are asked for by the patterns that the rules look for."""
    parameters = {**EACH, "include_regex": "relu|embedding"}
    saved = ("losses", "weights", "gradients", "layers")

    def judged_with(rules: Rules, **knobs: Any) -> dict[str, str]:
        return run(jobs, TORCH, PYTORCH, saved, rules, parameters, **knobs)

    found = judged_with(PYTORCH_RULES)
    found.pop("job")
    assert found == dict.fromkeys(PYTORCH_RULES, "NoIssuesFound")
    for name, knobs in PYTORCH_SPOILT:
        assert judged_with({name: PYTORCH_RULES[name]}, **knobs)[name] == "IssuesFound", name


def test_xgboost(jobs: Jobs) -> None:
    saved = ("metrics", "feature_importance", "trees", "labels", "predictions", "hyperparameters")
    rules = plain("TreeDepth", "FeatureImportanceOverweight", "Overfit", "CreateXgboostReport")
    sound = run(jobs, XGBOOST, BOOST, saved, rules, GROWN)
    name = sound.pop("job")
    assert sound == dict.fromkeys(rules, "NoIssuesFound")
    key = f"output/{name}/rule-output/CreateXgboostReport/xgboost_report.html"
    page = jobs.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    for words in ("validation-logloss", "max_depth", "Accuracy", "f0"):
        assert words in page, words
    assert run(jobs, XGBOOST, BOOST, saved, rules, GROWN, max_depth=9)["TreeDepth"] == "IssuesFound"
    assert (
        run(jobs, XGBOOST, BOOST, saved, rules, GROWN, signals=1)["FeatureImportanceOverweight"]
        == "IssuesFound"
    )
    assert (
        run(jobs, XGBOOST, BOOST, saved, rules, GROWN, signals=0, max_depth=6, samples=300)["Overfit"]
        == "IssuesFound"
    )


STEPS = """
import argparse
import time
import torch
from torch.utils.data import DataLoader, TensorDataset
parser = argparse.ArgumentParser()
parser.add_argument("--workers", type=int)
parser.add_argument("--pauses", type=int)
given = parser.parse_args()
network = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(network.parameters(), 0.01)
data = TensorDataset(torch.rand(800, 4), torch.rand(800, 1))
for step, (x, y) in enumerate(DataLoader(data, batch_size=4, num_workers=given.workers)):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(network(x), y).backward()
    optimizer.step()
    time.sleep(0.3 if given.pauses and step % 40 == 20 else 0.005)
time.sleep(1)
"""


def test_step_times_and_data_loaders(jobs: Jobs) -> None:
    """Of every step, though losses are saved in the first only."""

    def told(**knobs: int) -> dict[str, Any]:
        request = jobs.request(
            STEPS,
            hyperparameters={name: str(value) for name, value in knobs.items()},
            DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"},
            ProfilerConfig={"S3OutputPath": f"s3://{BUCKET}/profiles"},
            ProfilerRuleConfigurations=[
                profiler_rule("StepOutlier", n_outliers="3" if knobs["pauses"] else "20"), profiler_rule("Dataloader"),
                profiler_rule("ProfilerReport"),
            ],
        )  # fmt: skip
        request["AlgorithmSpecification"]["TrainingImage"] = TORCH
        jobs.sagemaker.create_training_job(**request)
        job = jobs.wait(request["TrainingJobName"], seconds=300)
        assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(job["TrainingJobName"]))
        return {name: each["StatusDetails"] for name, each in profiled(jobs, job["TrainingJobName"]).items()}

    slow = told(workers=0, pauses=1)
    assert "5 of 199 TRAIN steps took longer" in slow["StepOutlier"], slow
    assert "0 processes load data, too few" in slow["Dataloader"]
    fine = told(workers=os.cpu_count() or 1, pauses=0)
    assert all("found no issue" in fine[name] for name in ("StepOutlier", "Dataloader")), fine
