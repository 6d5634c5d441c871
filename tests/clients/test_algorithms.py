"""SDK v2's classes for AWS's built-in algorithms, unchanged, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import Clary

START = """
import json, numpy as np, sagemaker
from sagemaker import image_uris
from sagemaker.inputs import TrainingInput

session = sagemaker.session.Session()
given = dict(role=sagemaker.get_execution_role(), instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
rng = np.random.RandomState(0)
labels = (np.arange(600) % 2).astype("float32")
rows = (rng.normal(0, 1, (600, 3)) + 4 * labels[:, None]).astype("float32")
serve = dict(initial_instance_count=1, instance_type="ml.m5.large")
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("algorithms") / "home") as server:
        yield server


@pytest.fixture
def client(clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.chdir(tmp_path)
    connection = clary.connection
    return Client(tmp_path / "user", connection.url, (connection.access_key, connection.secret_key))


def run(client: Client, script: str) -> str:
    return client.script(client_python("v2"), START + script).stdout


@pytest.mark.slow
def test_linear_learner_from_record_set_to_metrics(client: Client) -> None:
    """Data as RecordIO-protobuf with a manifest, hyperparameters of the class, metrics as a dataframe's source."""
    said = run(
        client,
        """
from sagemaker import LinearLearner
learner = LinearLearner(predictor_type="binary_classifier", epochs=5, **given)
learner.fit([learner.record_set(rows, labels), learner.record_set(rows[:200], labels[:200], channel="validation")])
job = session.sagemaker_client.describe_training_job(TrainingJobName=learner.latest_training_job.name)
metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
print("ACCURACY", metrics["validation:binary_classification_accuracy"], job["HyperParameters"]["mini_batch_size"])
""",
    )
    _, accuracy, batch = said[said.index("ACCURACY") :].split()[:3]
    assert float(accuracy) > 0.97
    assert batch == "600"


@pytest.mark.parametrize("name", ["LinearLearner", pytest.param("KNN", marks=pytest.mark.slow)])
def test_the_notes_endpoint_block(client: Client, name: str) -> None:
    """Credentials of an assumed role, CSV in, `predicted_label`s out."""
    made = {
        "LinearLearner": "sagemaker.LinearLearner(predictor_type='binary_classifier', **given)",
        "KNN": "sagemaker.KNN(k=3, sample_size=600, predictor_type='classifier', **given)",
    }[name]
    said = run(
        client,
        f"""
import boto3
estimator = {made}
estimator.fit(estimator.record_set(rows, labels), mini_batch_size=200)
estimator.deploy(endpoint_name="cfa-{name.lower()}", **serve)
cfa_endpoint, role_arn, payload = "cfa-{name.lower()}", given["role"], "0.1,0.2,-0.3\\n4.1,3.9,4.2\\n"

sts_client = boto3.client('sts')
assumed_role_object = sts_client.assume_role(
    RoleArn=role_arn,
    RoleSessionName='SageMakerInferenceSession'
)
credentials = assumed_role_object['Credentials']
kwargs = {{
    'aws_access_key_id': credentials['AccessKeyId'],
    'aws_secret_access_key': credentials['SecretAccessKey'],
    'aws_session_token': credentials['SessionToken']
}}
runtime = boto3.client(service_name="runtime.sagemaker", **kwargs)
response = runtime.invoke_endpoint(
    EndpointName=cfa_endpoint, ContentType="text/csv", Body=payload
)
result = json.loads(response["Body"].read().decode())
test_pred = np.array([r["predicted_label"] for r in result["predictions"]])
print("PREDICTED", test_pred.tolist())
""",
    )
    assert "PREDICTED [0, 1]" in said or "PREDICTED [0.0, 1.0]" in said


def test_a_generic_estimator_trains_xgboost_on_csv_and_libsvm(client: Client) -> None:
    said = run(
        client,
        """
import pathlib
table = np.c_[labels, rows]
np.savetxt("train.csv", table, delimiter=",")
lines = [f"{row[0]:g} " + " ".join(f"{i}:{v}" for i, v in enumerate(row[1:])) for row in table[:200]]
pathlib.Path("validation.svm").write_text("\\n".join(lines))
inputs = {
    "train": TrainingInput(session.upload_data("train.csv", key_prefix="xgboost"), content_type="text/csv"),
    "validation": TrainingInput(session.upload_data("validation.svm", key_prefix="xgboost"), content_type="text/libsvm"),
}
uri = image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
booster = sagemaker.estimator.Estimator(uri, **given)
booster.set_hyperparameters(objective="binary:logistic", num_round=5, eval_metric="error", max_depth=3)
booster.fit(inputs)
job = session.sagemaker_client.describe_training_job(TrainingJobName=booster.latest_training_job.name)
print("METRICS", sorted((each["MetricName"], each["Value"] < 0.1) for each in job["FinalMetricDataList"]))
""",
    )
    assert "METRICS [('train:error', True), ('validation:error', True)]" in said


@pytest.mark.slow
def test_what_is_out_of_range_raises_in_fit(client: Client) -> None:
    said = run(
        client,
        """
uri = image_uris.retrieve("linear-learner", session.boto_region_name)
learner = sagemaker.estimator.Estimator(uri, **given)
learner.set_hyperparameters(predictor_type="regressor", learning_rate=-3)
np.savetxt("train.csv", np.c_[labels, rows], delimiter=",")
try:
    learner.fit({"train": TrainingInput(session.upload_data("train.csv", key_prefix="bad"), content_type="text/csv")})
except sagemaker.exceptions.UnexpectedStatusException as error:
    print("RAISED", error)
""",
    )
    reason = said[said.index("RAISED") :]
    assert "Reason: ClientError: Unable to initialize the algorithm." in reason
    assert "'-3' is not a valid value of 'learning_rate': a number in (0, inf) or auto is expected" in reason


CLASSES = {
    "KMeans": (
        "KMeans(k=2, **given)",
        "rows",
        "record.label['closest_cluster'].float32_tensor.values[0] in (0, 1)",
    ),
    "KNN": (
        "KNN(k=5, sample_size=600, predictor_type='classifier', dimension_reduction_type='sign',"
        " dimension_reduction_target=2, **given)",
        "rows, labels",
        "record.label['predicted_label'].float32_tensor.values[0] == label",
    ),
    "PCA": (
        "PCA(num_components=2, **given)",
        "rows",
        "len(record.label['projection'].float32_tensor.values) == 2",
    ),
    "RandomCutForest": (
        "RandomCutForest(num_trees=50, num_samples_per_tree=100, **given)",
        "rows",
        "0 < record.label['score'].float32_tensor.values[0] < 3",
    ),
    "FactorizationMachines": (
        "FactorizationMachines(num_factors=2, predictor_type='binary_classifier', epochs=100, linear_lr=0.1, **given)",
        "rows, labels",
        "record.label['predicted_label'].float32_tensor.values[0] == label",
    ),
    "LinearLearner": (
        "LinearLearner(predictor_type='binary_classifier', **given)",
        "rows, labels",
        "record.label['predicted_label'].float32_tensor.values[0] == label",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_a_class_trains_deploys_and_predicts(client: Client, name: str) -> None:
    """Its predictor asks in RecordIO-protobuf and reads the answer with the SDK's own protobuf classes."""
    made, data, holds = CLASSES[name]
    said = run(
        client,
        f"""
from sagemaker import {name}
estimator = {made}
options = dict(mini_batch_size=100) if {name!r} in ("KMeans", "KNN", "FactorizationMachines") else {{}}
estimator.fit(estimator.record_set({data}), **options)
predictor = estimator.deploy(**serve)
answer = predictor.predict(np.array([[0, 0, 0], [4, 4, 4]], dtype="float32"))
for record, label in zip(answer, (0, 1)):
    assert {holds}, answer
predictor.delete_endpoint()
print("ANSWERED", len(answer))
""",
    )
    assert "ANSWERED 2" in said


@pytest.mark.slow
def test_sdk_v3_trains_one(client: Client) -> None:
    done = client.script(
        client_python("v3"),
        """
import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
labels = np.arange(100) % 2
np.savetxt("train.csv", np.c_[labels, labels + np.arange(100) / 1000], delimiter=",")
data = session.upload_data("train.csv", key_prefix="v3")
trainer = ModelTrainer(
    training_image=image_uris.retrieve("linear-learner", "us-east-1"), role=get_execution_role(session),
    sagemaker_session=session, compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"predictor_type": "binary_classifier", "epochs": 3},
)
trainer.train(input_data_config=[InputData(channel_name="train", data_source=data, content_type="text/csv")])
found = session.sagemaker_client.list_training_jobs(SortBy="CreationTime", SortOrder="Descending")
print("STATUS", found["TrainingJobSummaries"][0]["TrainingJobStatus"])
""",
    )
    assert "STATUS Completed" in done.stdout


@pytest.mark.slow
def test_a_tuner_finds_the_algorithms_metric(client: Client) -> None:
    said = run(
        client,
        """
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
learner = sagemaker.LinearLearner(predictor_type="binary_classifier", epochs=3, **given)
ranges = {"wd": ContinuousParameter(1e-6, 1.0, scaling_type="Logarithmic")}
metric = "validation:objective_loss"
tuner = HyperparameterTuner(learner, metric, ranges, objective_type="Minimize", max_jobs=2, max_parallel_jobs=2)
tuner.fit([learner.record_set(rows, labels), learner.record_set(rows, labels, channel="validation")], mini_batch_size=100)
tuner.wait()
print("BEST", sorted(tuner.analytics().dataframe()["FinalObjectiveValue"] < 0.5))
""",
    )
    assert "BEST [True, True]" in said
