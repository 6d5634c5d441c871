"""A Run and a Tracker inside a job find its job: SDK v2 and smexperiments in training, processing and transform programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import IMAGE, ROLE, Clary

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    """Jobs' images stand for the environment of the SDK v2: a program has it as its user does."""
    alias = json.dumps({"*/plain:*": {"interpreter": str(client_python("v2"))}})
    with Clary(tmp_path_factory.mktemp("clary") / "home", image_aliases=alias) as server:
        yield server


PROGRAM = """
import json, os, sagemaker, boto3, sagemaker
from sagemaker.experiments import load_run
with load_run(sagemaker_session=sagemaker.Session()) as run:
    run.log_parameter("from", "%s")
    run.log_metric("loss", 0.5, step=3)
    run.log_file(__file__, name="program", is_output=False)
print("in run", run.run_name)
"""
TRACKED = """
from smexperiments.tracker import Tracker
with Tracker.load() as tracker:
    tracker.log_parameter("tracked", 7)
    if "TRAINING_JOB_ARN" in os.environ:
        for step in range(30):
            tracker.log_metric("val_acc", step / 30, iteration_number=step)
    tracker.log_input("data", "s3://b/data", media_type="s3/uri")
    tracker.log_artifact(__file__, name="script")
print("tracked", tracker.trial_component.trial_component_name)
"""
SERVING = """
import sagemaker
from sagemaker.experiments import load_run
def model_fn(folder):
    return None
def input_fn(body, kind):
    return body
def predict_fn(data, model):
    with load_run(sagemaker_session=sagemaker.Session()) as run:
        run.log_metric("served", 1.0)
    return "1"
def output_fn(prediction, accept):
    return prediction
"""
DRIVER = """
import json, os, tarfile, boto3, sagemaker
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run
from sagemaker.model import Model
from sagemaker.processing import ScriptProcessor

session, role, image = sagemaker.Session(), "%(role)s", "%(image)s"
texts = json.loads(os.environ["PROGRAMS"])
os.makedirs("source", exist_ok=True)
open("source/train.py", "w").write(texts["train"])
open("process.py", "w").write(texts["process"])
os.makedirs("model/code", exist_ok=True)
open("model/code/inference.py", "w").write(texts["serve"])
with tarfile.open("model.tar.gz", "w:gz") as tar:
    tar.add("model/code", "code")
data = session.upload_data("model.tar.gz", key_prefix="model")
open("data.csv", "w").write("1,2")
lines = session.upload_data("data.csv", key_prefix="lines")

estimator = Estimator(image_uri=image, role=role, instance_count=1, instance_type="ml.t3.medium", entry_point="train.py",
                      source_dir="source", sagemaker_session=session, hyperparameters={"lr": 0.1})
with Run(experiment_name="In-Jobs", run_name="Trained", sagemaker_session=session) as run:
    run.log_parameter("outside", 1)
    estimator.fit(wait=True, logs=False)
processor = ScriptProcessor(image_uri=image, command=["python3"], role=role, instance_count=1,
                            instance_type="ml.t3.medium", sagemaker_session=session)
with Run(experiment_name="In-Jobs", run_name="Processed", sagemaker_session=session) as run:
    processor.run(code="process.py", wait=True, logs=False)
model = Model(image_uri=image, model_data=data, role=role, sagemaker_session=session)
transformer = None
with Run(experiment_name="In-Jobs", run_name="Scored", sagemaker_session=session) as run:
    model.create(instance_type="ml.m5.large")
    transformer = model.transformer(instance_count=1, instance_type="ml.m5.large", assemble_with="Line",
                                    output_path="s3://%%s/scores" %% session.default_bucket())
    transformer.transform(lines, content_type="text/csv", wait=True, logs=False)
print("RESULT" + json.dumps({"training": estimator.latest_training_job.name, "processing": processor.latest_job.job_name,
                            "transform": transformer.latest_transform_job.name}))
"""


def values(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in parameters.items()}


def test_runs_and_trackers_find_their_jobs(
    client: Client, clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    programs = {
        "train": PROGRAM % "training" + TRACKED, "process": PROGRAM % "processing" + TRACKED, "serve": SERVING,
    }  # fmt: skip
    shell = {"PROGRAMS": json.dumps(programs)}
    done = client.script(client_python("v2"), DRIVER % {"role": ROLE, "image": IMAGE}, shell, check=False)
    assert "RESULT" in done.stdout, (done.stdout[-3000:] + done.stderr[-5000:], clary.log[-3000:])
    jobs = json.loads(done.stdout.split("RESULT")[1].splitlines()[0])
    sm = clary.client("sagemaker")

    def shown(name: str) -> dict[str, Any]:
        found: dict[str, Any] = sm.describe_trial_component(TrialComponentName=name)
        return found

    for run, kind in (("trained", "training"), ("processed", "processing")):
        component = shown(f"in-jobs-{run}")
        assert values(component["Parameters"])["from"] == kind
        (loss,) = component["Metrics"]
        assert (loss["MetricName"], loss["Last"], loss["Count"]) == ("loss", 0.5, 1)
        assert component["Status"]["PrimaryStatus"] == "Completed"
        own = shown(f"{jobs[kind]}-aws-{kind}-job")
        assert values(own["Parameters"])["tracked"] == 7.0
        assert own["InputArtifacts"]["data"] == {"MediaType": "s3/uri", "Value": "s3://b/data"}
        assert own["Source"]["SourceArn"].endswith(f"{kind}-job/{jobs[kind]}")
        associations = sm.list_associations(SourceArn=own["TrialComponentArn"])["AssociationSummaries"]
        assert "script" in {item["DestinationName"] for item in associations}
        parents = sm.list_trials(TrialComponentName=own["TrialComponentName"])["TrialSummaries"]
        assert [trial["TrialName"] for trial in parents] == ["Default-Run-Group-in-jobs"]
    assert values(shown("in-jobs-trained")["Parameters"])["outside"] == 1.0
    (accuracy,) = shown(f"{jobs['training']}-aws-training-job")["Metrics"]
    assert (accuracy["MetricName"], accuracy["Count"], accuracy["Last"]) == ("val_acc", 30, 29 / 30)
    final = sm.describe_training_job(TrainingJobName=jobs["training"])["FinalMetricDataList"]
    assert [(item["MetricName"], round(item["Value"], 4)) for item in final] == [("val_acc", 0.9667)]
    (served,) = shown("in-jobs-scored")["Metrics"]
    assert (served["MetricName"], served["Last"]) == ("served", 1.0)
    assert shown(f"{jobs['transform']}-aws-transform-job")["Status"]["PrimaryStatus"] == "Completed"
