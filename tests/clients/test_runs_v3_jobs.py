"""A Run of SDK v3 inside a job finds its job, in training, processing and transform programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients.test_experiments_jobs import values
from tests.support.clients import Client, client_python
from tests.support.jobs import Jobs
from tests.support.process import IMAGE, ROLE, Clary

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    """Jobs' images stand for the environment of the SDK v3: a program has it as its user does."""
    alias = json.dumps({"*/plain:*": {"interpreter": str(client_python("v3"))}})
    with Clary(tmp_path_factory.mktemp("clary") / "home", image_aliases=alias) as server:
        yield server


PROGRAM = """
from sagemaker.core.experiments.run import Run, load_run
with load_run() as run:
    run.log_parameter("from", "%s")
    for step in range(3):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_file(__file__, name="program", is_output=False)
with Run(experiment_name="In-Jobs-3", run_name="own-%s") as own:
    own.log_parameters({"lr": 0.1, "made": "in the job"})
    with load_run() as again:
        assert again is own
        again.log_metric("accuracy", 0.75)
print("in run", run.run_name)
"""
SERVING = """
from sagemaker.core.experiments.run import load_run
def model_fn(folder):
    return None
def input_fn(body, kind):
    return body
def predict_fn(data, model):
    with load_run() as run:
        run.log_metric("served", 1.0)
    return "1"
def output_fn(prediction, accept):
    return prediction
"""
DRIVER = """
import json, os, tarfile
from sagemaker.core import shapes
from sagemaker.core.experiments.run import Run
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Model, ProcessingJob, TrainingJob, TransformJob

session, role, image = Session(), "%(role)s", "%(image)s"
bucket, texts = session.default_bucket(), json.loads(os.environ["PROGRAMS"])

def packed(name, path, text):
    os.makedirs(os.path.dirname(name + "/" + path), exist_ok=True)
    open(name + "/" + path, "w").write(text)
    with tarfile.open(name + ".tar.gz", "w:gz") as tar:
        tar.add(name, ".")
    return session.upload_data(name + ".tar.gz", bucket=bucket, key_prefix=name)

def config(run):
    given = run.experiment_config
    return shapes.ExperimentConfig(
        experiment_name=given["ExperimentName"], trial_name=given["TrialName"], run_name=given["RunName"])

source, model = packed("source", "train.py", texts["train"]), packed("model", "code/inference.py", texts["serve"])
program = session.upload_string_as_file_body(texts["process"], bucket, "code/process.py")
lines = session.upload_string_as_file_body("1,2", bucket, "lines/data.csv")

with Run(experiment_name="In-Jobs-3", run_name="Trained", sagemaker_session=session) as run:
    run.log_parameter("outside", 1)
    trained = TrainingJob.create(
        training_job_name="v3-trained", role_arn=role, experiment_config=config(run),
        algorithm_specification=shapes.AlgorithmSpecification(training_image=image, training_input_mode="File"),
        hyper_parameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": source},
        output_data_config=shapes.OutputDataConfig(s3_output_path="s3://%%s/out" %% bucket),
        resource_config=shapes.ResourceConfig(instance_type="ml.t3.medium", instance_count=1, volume_size_in_gb=5),
        stopping_condition=shapes.StoppingCondition(max_runtime_in_seconds=300),
    )
    trained.wait()
with Run(experiment_name="In-Jobs-3", run_name="Processed", sagemaker_session=session) as run:
    processed = ProcessingJob.create(
        processing_job_name="v3-processed", role_arn=role, experiment_config=config(run),
        app_specification=shapes.AppSpecification(
            image_uri=image, container_entrypoint=["python3", "/opt/ml/processing/input/code/process.py"]),
        processing_inputs=[shapes.ProcessingInput(input_name="code", s3_input=shapes.ProcessingS3Input(
            s3_uri=program, local_path="/opt/ml/processing/input/code", s3_data_type="S3Prefix", s3_input_mode="File"))],
        processing_resources=shapes.ProcessingResources(cluster_config=shapes.ProcessingClusterConfig(
            instance_type="ml.t3.medium", instance_count=1, volume_size_in_gb=5)),
    )
    processed.wait()
Model.create(model_name="v3-model", execution_role_arn=role,
             primary_container=shapes.ContainerDefinition(image=image, model_data_url=model))
with Run(experiment_name="In-Jobs-3", run_name="Scored", sagemaker_session=session) as run:
    scored = TransformJob.create(
        transform_job_name="v3-scored", model_name="v3-model", experiment_config=config(run),
        transform_input=shapes.TransformInput(content_type="text/csv", data_source=shapes.TransformDataSource(
            s3_data_source=shapes.TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=lines))),
        transform_output=shapes.TransformOutput(s3_output_path="s3://%%s/scores" %% bucket),
        transform_resources=shapes.TransformResources(instance_type="ml.m5.large", instance_count=1),
    )
    scored.wait()
print("RESULT" + json.dumps([job.training_job_status for job in [trained]]))
"""


def test_runs_find_their_jobs(
    client: Client, clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    programs = {
        "train": PROGRAM % ("training", "training"), "process": PROGRAM % ("processing", "processing"),
        "serve": SERVING,
    }  # fmt: skip
    shell = {"PROGRAMS": json.dumps(programs)}
    done = client.script(client_python("v3"), DRIVER % {"role": ROLE, "image": IMAGE}, shell, check=False)
    assert "RESULT" in done.stdout, (done.stdout[-3000:] + done.stderr[-5000:], clary.log[-3000:])
    sm = clary.client("sagemaker")

    def shown(name: str) -> dict[str, Any]:
        found: dict[str, Any] = sm.describe_trial_component(TrialComponentName=name)
        return found

    for run, kind in (("trained", "training"), ("processed", "processing")):
        component = shown(f"in-jobs-3-{run}")
        assert values(component["Parameters"])["from"] == kind
        (loss,) = component["Metrics"]
        assert (loss["MetricName"], loss["Last"], loss["Count"]) == ("loss", 1 / 3, 3)
        assert component["Status"]["PrimaryStatus"] == "Completed"
        own = shown(f"in-jobs-3-own-{kind}")
        assert values(own["Parameters"]) == {"lr": 0.1, "made": "in the job"}
        assert [(metric["MetricName"], metric["Last"]) for metric in own["Metrics"]] == [("accuracy", 0.75)]
        job = shown(f"v3-{run}-aws-{kind}-job")
        assert job["Source"]["SourceArn"].endswith(f"{kind}-job/v3-{run}")
        parents = sm.list_trials(TrialComponentName=job["TrialComponentName"])["TrialSummaries"]
        assert [trial["TrialName"] for trial in parents] == ["Default-Run-Group-in-jobs-3"]
    assert values(shown("in-jobs-3-trained")["Parameters"])["outside"] == 1.0
    (served,) = shown("in-jobs-3-scored")["Metrics"]
    assert (served["MetricName"], served["Last"]) == ("served", 1.0)
    assert shown("v3-scored-aws-transform-job")["Status"]["PrimaryStatus"] == "Completed"


WITH_REQUIREMENTS = """
from sagemaker.core.experiments.run import load_run
with load_run() as run:
    run.log_metric("loss", 0.5, step=1)
from smexperiments.tracker import Tracker
with Tracker.load() as tracker:
    tracker.log_parameter("tracked", 7)
    tracker.log_metric("accuracy", 0.75, iteration_number=1)
"""
REQUIREMENTS = "sagemaker-core==2.27.0\nsagemaker-experiments==0.1.45\n"


def test_both_come_with_a_jobs_requirements(tmp_path: Path) -> None:
    """Where an image has neither."""
    with Clary(tmp_path / "home") as server:
        jobs = Jobs(server)
        sm, trial = jobs.sagemaker, "Default-Run-Group-exp"
        sm.create_experiment(ExperimentName="exp")
        sm.create_trial(TrialName=trial, ExperimentName="exp")
        sm.create_trial_component(TrialComponentName="exp-run")
        sm.associate_trial_component(TrialComponentName="exp-run", TrialName=trial)
        config = {"ExperimentName": "exp", "TrialName": trial, "RunName": "exp-run"}
        files = {"requirements.txt": REQUIREMENTS}
        name = jobs.start(WITH_REQUIREMENTS, files=files, ExperimentConfig=config)
        assert jobs.wait(name, seconds=600)["TrainingJobStatus"] == "Completed", jobs.lines(name)
        run = sm.describe_trial_component(TrialComponentName="exp-run")
        assert [(metric["MetricName"], metric["Last"]) for metric in run["Metrics"]] == [("loss", 0.5)]
        own = sm.describe_trial_component(TrialComponentName=f"{name}-aws-training-job")
        assert values(own["Parameters"])["tracked"] == 7.0
        assert [(metric["MetricName"], metric["Last"]) for metric in own["Metrics"]] == [("accuracy", 0.75)]
