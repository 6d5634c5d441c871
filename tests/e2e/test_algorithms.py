"""Built-in algorithms as boto3 sees them: jobs on AWS's image URIs, trained by a server that a user would start."""

from __future__ import annotations

import io
import json
import random
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.algorithms import XGBOOST, Algorithms, csv, declared, image
from tests.support.endpoints import Endpoints
from tests.support.jobs import BUCKET, Jobs

from clary.debugger import create_trial


@pytest.fixture(scope="module")
def algorithms(jobs: Jobs) -> Algorithms:
    return Algorithms(jobs)


@pytest.fixture(scope="module")
def endpoints(jobs: Jobs) -> Endpoints:
    return Endpoints(jobs.clary)


def points(count: int, seed: int) -> list[list[float]]:
    """Rows of label, x, y: two clouds, which a line divides but for a few."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        label = number % 2
        rows.append([float(label), chance.gauss(3.0 * label, 1), chance.gauss(100 - 200.0 * label, 80)])
    return rows


def test_linear_learner_trains_and_reports_its_own_metrics(algorithms: Algorithms) -> None:
    uri = image("linear-learner")
    job = algorithms.train(
        uri,
        {"predictor_type": "binary_classifier", "feature_dim": 2, "mini_batch_size": 100},
        {"train": (csv(points(400, 1)), "text/csv"), "validation": (csv(points(200, 2)), "text/csv")},
    )
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert {each["Name"] for each in job["AlgorithmSpecification"]["MetricDefinitions"]} == declared(uri)
    metrics = algorithms.metrics(job)
    assert metrics["validation:binary_classification_accuracy"] > 0.95
    assert metrics["validation:roc_auc_score"] > 0.98
    assert 0 < metrics["train:objective_loss"] < 0.3
    assert metrics["train:progress"] > 0
    model = algorithms.jobs.model_files(job)
    assert list(model) == ["model_algo-1"]
    assert zipfile.is_zipfile(io.BytesIO(model["model_algo-1"]))


REFUSED: list[tuple[str, dict[str, Any], tuple[bytes, str], str]] = [
    ("out of range", {"epochs": -1}, (b"0,1,2\n", "text/csv"), "'-1' is not a valid value of 'epochs'"),
    ("a broken record", {}, (b"nonsense", "application/x-recordio-protobuf"), "not RecordIO"),
]
"""More of these in tests/algorithms/checks/refusals.py, without a server."""


@pytest.mark.parametrize(("changes", "train", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_the_user_can_cure_is_a_client_error(
    algorithms: Algorithms, changes: dict[str, Any], train: tuple[bytes, str], words: str
) -> None:
    given = {"predictor_type": "binary_classifier", **changes}
    job = algorithms.train(image("linear-learner"), given, {"train": train})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert words in job["FailureReason"]
    assert job["FailureReason"].endswith(", exit code: 2")


def test_metric_definitions_are_the_algorithms_own(algorithms: Algorithms) -> None:
    with pytest.raises(ClientError) as raised:
        algorithms.train(
            image("linear-learner"),
            {"predictor_type": "regressor"},
            {"train": (b"0,1,2\n", "text/csv")},
            AlgorithmSpecification={
                "TrainingImage": image("linear-learner"),
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
            },
        )
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert "You can't override the metric definitions" in raised.value.response["Error"]["Message"]


def test_one_host_of_several_trains_with_all_shards(algorithms: Algorithms) -> None:
    jobs = algorithms.jobs
    for part in range(2):
        jobs.s3.put_object(Bucket=BUCKET, Key=f"sharded/{part}.csv", Body=csv(points(100, part)))
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/sharded/",
        "S3DataDistributionType": "ShardedByS3Key",
    }
    channel = {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
    job = algorithms.train(
        image("linear-learner"), {"predictor_type": "binary_classifier", "epochs": 3}, {},
        InputDataConfig=[channel],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )  # fmt: skip
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    lines = jobs.lines(job["TrainingJobName"])
    assert any("200 rows" in line for line in lines), lines
    assert list(jobs.model_files(job)) == ["model_algo-1"]


def test_xgboost_without_a_script(algorithms: Algorithms, endpoints: Endpoints) -> None:
    """libsvm to train, CSV to validate; the log is AWS's, and its metrics are found in it; scores are text."""
    rows = points(300, 3)
    libsvm = "".join(f"{row[0]:g} 0:{row[1]!r} 1:{row[2]!r}\n" for row in rows).encode()
    job = algorithms.train(
        XGBOOST,
        {"objective": "binary:logistic", "num_round": 20, "max_depth": 2, "eval_metric": "auc", "eta": 0.5},
        {"train": (libsvm, "text/libsvm"), "validation": (csv(points(200, 4)), "text/csv")},
    )
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert algorithms.metrics(job)["validation:auc"] > 0.97
    assert list(algorithms.jobs.model_files(job)) == ["xgboost-model"]
    lines = [line for line in algorithms.jobs.lines(job["TrainingJobName"]) if line.startswith("[")]
    assert any(line.startswith("[19]#011train-auc:") for line in lines)
    model = endpoints.model(Image=XGBOOST, ModelDataUrl=job["ModelArtifacts"]["S3ModelArtifacts"])
    endpoint = endpoints.up(model)

    def ask(body: bytes, content_type: str, **accept: str) -> str:
        found = endpoints.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=content_type, **accept
        )
        return str(found["Body"].read().decode())

    text = ask(b"0,100\n3,-100", "text/csv")
    low, high = map(float, text.split(","))
    assert low < 0.3 < 0.7 < high
    assert ask(b"0:0 1:100\n0:3 1:-100", "text/libsvm") == text
    scores = {"predictions": [{"score": low}, {"score": high}]}
    assert json.loads(ask(b"0,100\n3,-100", "text/csv", Accept="application/json")) == scores
    endpoints.delete(endpoint)


def test_xgboosts_rounds_are_saved_for_the_debugger_and_judged_by_its_rules(
    algorithms: Algorithms, debug: Jobs
) -> None:
    rule = {
        "RuleConfigurationName": "LossNotDecreasing",
        "RuleEvaluatorImage": "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest",
        "RuleParameters": {"rule_to_invoke": "LossNotDecreasing", "collection_names": "metrics"},
    }
    job = algorithms.train(
        XGBOOST,
        {"objective": "binary:logistic", "num_round": 20, "max_depth": 2, "eval_metric": "logloss"},
        {"train": (csv(points(300, 3)), "text/csv"), "validation": (csv(points(200, 4)), "text/csv")},
        DebugHookConfig={
            "S3OutputPath": f"s3://{BUCKET}/debug/",
            "CollectionConfigurations": [
                {"CollectionName": "metrics", "CollectionParameters": {"save_interval": "2"}},
                {"CollectionName": "feature_importance", "CollectionParameters": {"save_interval": "5"}},
            ],
        },
        DebugRuleConfigurations=[rule],
    )
    name = job["TrainingJobName"]
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    trial = create_trial(f"s3://{BUCKET}/debug/{name}/debug-output")
    assert {"train-logloss", "validation-logloss"} <= set(trial.tensor_names())
    losses = trial.tensor("validation-logloss").values()
    assert list(losses) == list(range(0, 20, 2))
    last = next(line for line in algorithms.jobs.lines(name) if line.startswith("[18]"))
    assert last.endswith(f"validation-logloss:{float(losses[18][0]):.5f}")
    assert trial.tensor_names(collection="feature_importance")
    until = time.monotonic() + 60
    while (status := _judged(algorithms, name))["RuleEvaluationStatus"] == "InProgress":
        assert time.monotonic() < until
        time.sleep(0.2)
    assert status["RuleEvaluationStatus"] == "NoIssuesFound", status


def _judged(algorithms: Algorithms, name: str) -> dict[str, Any]:
    described = algorithms.jobs.sagemaker.describe_training_job(TrainingJobName=name)
    statuses: list[dict[str, Any]] = described["DebugRuleEvaluationStatuses"]
    return statuses[0]


def test_xgboost_refuses_as_its_container_does(algorithms: Algorithms) -> None:
    job = algorithms.train(XGBOOST, {"objective": "binary:logistic"}, {"train": (b"1 0:1\n", "text/libsvm")})
    assert "'num_round' which are required hyperparameter(s)" in job["FailureReason"]


CLOUDS = csv([row[1:] for row in points(300, 5)])
FEATURES = "text/csv;label_size=0"


@dataclass(frozen=True)
class Case:
    """An algorithm trained on the clouds: its final metric lies between, and the cloud's middles are answered so."""

    name: str
    hyperparameters: dict[str, Any]
    channels: dict[str, tuple[bytes, str]]
    metric: str
    between: tuple[float, float]
    key: str
    answer: Callable[[list[dict[str, Any]]], bool]
    """Of what is answered for (0, 100) and (3, -100)."""


CASES = [
    Case(
        "linear-learner", {"predictor_type": "binary_classifier"}, {"train": (csv(points(300, 5)), "text/csv")},
        "train:progress", (1, 100), "predictions",
        lambda found: [each["predicted_label"] for each in found] == [0, 1]
        and found[0]["score"] < 0.5 < found[1]["score"],
    ),
    Case(
        "knn", {"predictor_type": "classifier", "feature_dim": 2, "k": 5, "sample_size": 300},
        {"train": (csv(points(300, 5)), "text/csv"), "test": (csv(points(100, 6)), "text/csv")},
        "test:accuracy", (0.8, 1), "predictions",
        lambda found: found == [{"predicted_label": 0.0}, {"predicted_label": 1.0}],
    ),
    Case(
        "kmeans", {"k": 2, "feature_dim": 2, "mini_batch_size": 100}, {"train": (CLOUDS, FEATURES)},
        "train:msd", (3000, 9000), "predictions",
        lambda found: {each["closest_cluster"] for each in found} == {0.0, 1.0}
        and all(0 <= each["distance_to_cluster"] < 100 for each in found),
    ),
    Case(
        "pca", {"num_components": 1, "feature_dim": 2, "mini_batch_size": 100}, {"train": (CLOUDS, FEATURES)},
        "train:progress", (100, 100), "projections",
        lambda found: abs(found[0]["projection"][0] - found[1]["projection"][0]) == pytest.approx(200, rel=0.01),
    ),
    Case(
        "randomcutforest", {"feature_dim": 2, "num_trees": 50},
        {"train": (CLOUDS, FEATURES), "test": (csv([*points(100, 7)[::2], [1.0, 90.0, 9000.0]]), "text/csv;label_size=1")},
        "test:recall", (1, 1), "scores",
        lambda found: all(0 < each["score"] < 1.5 for each in found),
    ),
    Case(
        "factorization-machines",
        {"predictor_type": "binary_classifier", "feature_dim": 2, "num_factors": 2, "epochs": 200, "linear_lr": 0.1},
        {"train": (csv([[row[0], row[1], row[2] / 100] for row in points(300, 5)]), "text/csv")},
        "train:binary_classification_accuracy", (0.8, 1), "predictions",
        lambda found: found[0]["score"] < 0.5 and [each["predicted_label"] for each in found] == [0.0, 1.0],
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_trains_and_answers(algorithms: Algorithms, endpoints: Endpoints, case: Case) -> None:
    job = algorithms.train(image(case.name), case.hyperparameters, case.channels)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    low, high = case.between
    assert low <= algorithms.metrics(job)[case.metric] <= high, algorithms.metrics(job)
    data = job["ModelArtifacts"]["S3ModelArtifacts"]
    endpoint = endpoints.up(endpoints.model(Image=image(case.name), ModelDataUrl=data))
    found = invoke(endpoints, endpoint, b"0,100\n3,-100")
    assert case.answer(found[case.key]), found
    instances = json.dumps(
        {"instances": [{"features": [0, 100]}, {"data": {"features": {"values": [3, -100]}}}]}
    )
    assert invoke(endpoints, endpoint, instances.encode(), "application/json") == found
    lines = endpoints.runtime.invoke_endpoint(
        EndpointName=endpoint, Body=b'{"features": [0, 100]}\n{"features": [3, -100]}\n',
        ContentType="application/jsonlines", Accept="application/jsonlines",
    )["Body"].read()  # fmt: skip
    assert [json.loads(line) for line in lines.splitlines()] == found[case.key]
    endpoints.delete(endpoint)


def invoke(endpoints: Endpoints, name: str, body: bytes, content_type: str = "text/csv") -> Any:
    answer = endpoints.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType=content_type)
    assert answer["ContentType"] == "application/json"
    return json.loads(answer["Body"].read())


def test_what_a_model_cannot_read_is_the_callers_error(algorithms: Algorithms, endpoints: Endpoints) -> None:
    job = algorithms.train(image("pca"), CASES[3].hyperparameters, CASES[3].channels)
    model = endpoints.model(Image=image("pca"), ModelDataUrl=job["ModelArtifacts"]["S3ModelArtifacts"])
    endpoint = endpoints.up(model)
    for body, content_type, status, words in (
        (b"1,2,3", "text/csv", 400, "3 features, and the model has 2"),
        (b"x,y", "text/csv", 400, "'x' in row 1 of the CSV is not a number"),
        (b"<a/>", "text/xml", 415, "text/xml"),
    ):
        with pytest.raises(ClientError) as raised:
            invoke(endpoints, endpoint, body, content_type)
        answer: Any = raised.value.response
        assert (answer["Error"]["Code"], answer["OriginalStatusCode"]) == ("ModelError", status)
        assert words in answer["OriginalMessage"]
    assert invoke(endpoints, endpoint, b"0,100")["projections"], "it goes on answering"
    endpoints.delete(endpoint)


@pytest.mark.parametrize("mode", ["Pipe", "FastFile"])
def test_data_come_in_every_mode(algorithms: Algorithms, mode: str) -> None:
    job = algorithms.train(
        image("kmeans"), {"k": 2, "feature_dim": 2}, {"train": (CLOUDS, FEATURES)},
        AlgorithmSpecification={"TrainingImage": image("kmeans"), "TrainingInputMode": mode},
    )  # fmt: skip
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert 3000 < algorithms.metrics(job)["train:msd"] < 9000
