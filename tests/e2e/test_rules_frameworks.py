"""Rules on trainings of real frameworks, whose scripts know nothing of the hook: sound ones, and ones that are not."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from tests.e2e.test_rules import judged, rule
from tests.support.clients import interpreter
from tests.support.jobs import BUCKET, Jobs

pytestmark = pytest.mark.slow
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
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


def run(
    jobs: Jobs, image: str, script: str, collections: tuple[str, ...], rules: tuple[str, ...],
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
        DebugRuleConfigurations=list(map(rule, rules)),
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
KERAS_RULES = ("LossNotDecreasing", "ExplodingTensor", "WeightUpdateRatio")
SPOILT = [("LossNotDecreasing", 0.0), ("WeightUpdateRatio", 0.0), ("ExplodingTensor", 1e38)]


def test_keras(jobs: Jobs) -> None:
    if interpreter("3.7") is None:
        pytest.skip("TensorFlow 1.15 needs Python 3.7")
    saved = ("losses", "weights", "gradients")
    found = run(jobs, TF115, KERAS, saved, KERAS_RULES, EACH)
    assert {name: status for name, status in found.items() if name != "job"} == dict.fromkeys(
        KERAS_RULES, "NoIssuesFound"
    )
    for name, rate in SPOILT:
        assert run(jobs, TF115, KERAS, saved, (name,), EACH, learning_rate=rate)[name] == "IssuesFound", name


def test_xgboost(jobs: Jobs) -> None:
    saved = ("metrics", "feature_importance", "trees", "labels", "predictions", "hyperparameters")
    rules = ("TreeDepth", "FeatureImportanceOverweight", "Overfit", "CreateXgboostReport")
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
