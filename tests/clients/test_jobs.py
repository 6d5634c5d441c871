"""Jobs as the SDKs start them, v2's estimators and v3's ModelTrainer, unchanged: they really train."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import IMAGE, ROLE, Clary

pytestmark = pytest.mark.slow

INTERPRETER = {"interpreter": sys.executable}
ALIASES = json.dumps({
    "*/sagemaker-scikit-learn:*": INTERPRETER, "*/sagemaker-xgboost:*": INTERPRETER, "*/plain:*": INTERPRETER,
})  # fmt: skip


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    """Images stand for the interpreter that runs the tests: no environment has to be built."""
    with Clary(tmp_path_factory.mktemp("clary") / "home", image_aliases=ALIASES) as server:
        yield server


V2 = """
import json, os, sagemaker
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.estimator import Estimator
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.xgboost.estimator import XGBoost

session, role = sagemaker.Session(), "%(role)s"
os.makedirs("source", exist_ok=True)
open("source/train.py", "w").write('''
import argparse, json, os, helper
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float); parser.add_argument("--model-dir"); parser.add_argument("--kind")
given = parser.parse_args()
for n in range(3): print("loss: %%.2f" %% (given.rate / (n + 1)))
data = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "data.csv")).read().split()
json.dump([given.kind, given.rate, data, helper.NAME], open(os.path.join(os.environ["SM_MODEL_DIR"], "m"), "w"))
''')
open("source/helper.py", "w").write("NAME = 'helper'")
open("data.csv", "w").write("1 2 3")
data = session.upload_data("data.csv", key_prefix="data")
common = dict(role=role, instance_count=1, instance_type="ml.t3.medium", sagemaker_session=session,
              entry_point="train.py", source_dir="source",
              metric_definitions=[{"Name": "loss", "Regex": r"loss: ([0-9\\\\.]+)"}])
estimators = {
    "sklearn": SKLearn(framework_version="1.2-1", hyperparameters={"rate": 0.5, "kind": "sklearn"}, **common),
    "xgboost": XGBoost(framework_version="1.7-1", hyperparameters={"rate": 0.5, "kind": "xgboost"}, **common),
    "generic": Estimator(image_uri="%(image)s", hyperparameters={"rate": 0.5, "kind": "generic"}, **common),
    "spot": SKLearn(framework_version="1.2-1", hyperparameters={"rate": 0.5, "kind": "spot"}, use_spot_instances=True,
                    max_run=600, max_wait=600, checkpoint_s3_uri="s3://%%s/checkpoints" %% session.default_bucket(), **common),
}
for name, estimator in estimators.items():
    estimator.fit({"train": data.rsplit("/", 1)[0]}, wait=name == "generic", logs="All")
import tarfile, time
found = {}
for name, estimator in estimators.items():
    job = estimator.latest_training_job
    job.wait(logs=False)
    session.download_data(name, session.default_bucket(), estimator.model_data.split("/", 3)[3])
    with tarfile.open(os.path.join(name, "model.tar.gz")) as tar:
        found[name] = json.load(tar.extractfile("m"))
frame = TrainingJobAnalytics(estimators["generic"].latest_training_job.name, ["loss"], period=1).dataframe()
print("RESULT" + json.dumps({"models": found, "losses": list(frame["value"])}))
"""


def test_sdk_v2_estimators(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = client.script(client_python("v2"), V2 % {"role": ROLE, "image": IMAGE}).stdout
    result = json.loads(output.split("RESULT")[1].splitlines()[0])
    assert result["models"] == {
        name: [name, 0.5, ["1", "2", "3"], "helper"] for name in ("sklearn", "xgboost", "generic", "spot")
    }
    assert result["losses"]
    assert "loss: 0.17" in output, "fit showed the log"


V3 = """
import json, os
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

session = Session()
bucket = session.default_bucket()
os.makedirs("source", exist_ok=True)
open("source/train.py", "w").write('''
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float); parser.add_argument("--kind")
given = parser.parse_args()
data = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "data.csv")).read().split()
json.dump([given.kind, given.rate, data], open(os.path.join(os.environ["SM_MODEL_DIR"], "m"), "w"))
print("trained", json.loads(os.environ["SM_HPS"]))
''')
session.upload_string_as_file_body("1 2 3", bucket, "v3/data/data.csv")
trainer = ModelTrainer(
    training_image="%(image)s", role="%(role)s", sagemaker_session=session, base_job_name="v3",
    source_code=SourceCode(source_dir="source", entry_script="train.py"), hyperparameters={"rate": 0.5, "kind": "v3"},
    compute=Compute(instance_type="ml.t3.medium", instance_count=1),
)
trainer.train([InputData(channel_name="train", data_source="s3://%%s/v3/data" %% bucket)], wait=True, logs=False)
job = trainer._latest_training_job
job.refresh()
print("RESULT" + json.dumps([job.training_job_status, job.model_artifacts.s3_model_artifacts]))
"""


def test_sdk_v3_model_trainer(
    client: Client, clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = client.script(client_python("v3"), V3 % {"role": ROLE, "image": IMAGE}, check=False)
    assert "RESULT" in done.stdout, (done.stdout[-3000:] + done.stderr[-5000:], _logs(clary))
    status, model = json.loads(done.stdout.split("RESULT")[1].splitlines()[0])
    assert status == "Completed"
    bucket, key = model.removeprefix("s3://").split("/", 1)
    body = clary.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        member = tar.extractfile("m")
        assert member is not None
        assert json.load(member) == ["v3", 0.5, ["1", "2", "3"]]


def _logs(clary: Clary) -> str:
    pages = (
        clary.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName="/aws/sagemaker/TrainingJobs")
    )
    return "\n".join(event["message"] for page in pages for event in page["events"])
