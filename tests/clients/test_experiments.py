"""Experiments as the SDK v2's Run, smexperiments' Tracker and ExperimentAnalytics use them, and the note's own
programs: example 1, the analysis and the cleanups, under `examples/note/`."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.clients import REPOSITORY, Client, client_python
from tests.support.process import Clary

TRACK = """
    import json, boto3, sagemaker, sagemaker.analytics
    from sagemaker.experiments import Run, list_runs, load_run
    from smexperiments.experiment import Experiment
    from smexperiments.search_expression import Filter, Operator, SearchExpression
    from smexperiments.tracker import Tracker
    from smexperiments.trial import Trial
    from smexperiments.trial_component import TrialComponent

    session, sm = sagemaker.session.Session(), boto3.client("sagemaker")
    open("model_code.py", "w").write("x = 1")

    # A run that is entered twice and once more from inside itself.
    for turn in range(2):
        with Run(experiment_name="Runs", run_name="Run-A", sagemaker_session=session) as run:
            run.log_parameters({"lr": 0.1, "opt": "adam"})
            for step in range(15):
                run.log_metric("loss", 1 / (step + 1), step=step)
            run.log_artifact("data", "s3://b/data", media_type="s3/uri", is_output=False)
            run.log_file("model_code.py", name="code")
            run.log_roc_curve([0, 1, 1], [0.1, 0.9, 0.8], title="roc")
            run.log_precision_recall([0, 1, 1], [0.1, 0.9, 0.8], title="pr")
            run.log_confusion_matrix([0, 1, 1], [0, 1, 0], title="cm")
            with load_run() as inner:
                inner.log_parameter("inner", turn)
    runs = [run.run_name for run in list_runs("Runs", sagemaker_session=session)]

    # A tracker's component, shared by all trials of an experiment.
    experiment = Experiment.create(experiment_name="shared", sagemaker_boto_client=sm)
    trials = [experiment.create_trial(trial_name=f"trial-{n}") for n in range(3)]
    bucket = session.default_bucket()
    with Tracker.create(display_name="meta", artifact_bucket=bucket, sagemaker_boto_client=sm) as tracker:
        tracker.log_parameters({"batch-size": 128, "model": ["resnet", "custom"]})
        tracker.log_input(name="data", media_type="s3/uri", value="s3://b/data")
        tracker.log_artifact(file_path="model_code.py")
    component = tracker.trial_component
    for trial in trials:
        trial.add_trial_component(component)
    with Tracker.load(component.trial_component_name, sagemaker_boto_client=sm) as again:
        again.log_parameter("more", 2)
    wanted = SearchExpression(filters=[Filter("Parameters.batch-size", Operator.EQUALS, "128")])
    found = TrialComponent.search(search_expression=wanted, sagemaker_boto_client=sm)
    owners = Trial.list(trial_component_name=component.trial_component_name, sagemaker_boto_client=sm)
    associations = sm.list_associations(SourceArn=component.trial_component_arn)["AssociationSummaries"]

    table = sagemaker.analytics.ExperimentAnalytics(
        sagemaker_session=session, experiment_name="runs", sort_by="metrics.loss.max"
    ).dataframe()
    shared = sagemaker.analytics.ExperimentAnalytics(sagemaker_session=session, experiment_name="shared")
    print("RESULT" + json.dumps({
        "runs": runs,
        "found": [hit.display_name for hit in found],
        "owners": sorted(trial.trial_name for trial in owners),
        "produced": [item["DestinationName"] for item in associations],
        "row": {name: table[name][0] for name in ("lr", "opt", "inner", "loss - Last", "loss - Min", "code - MediaType")},
        "count": int(table["loss - Count"][0]),
        "trials": shared.dataframe()["Trials"][0],
    }))

    doomed = Experiment.create(experiment_name="doomed", sagemaker_boto_client=sm)
    doomed.create_trial().add_trial_component(component)
    doomed.delete_all(action="--force")
"""
READ_V3 = """
    import json
    from sagemaker.core.analytics import ExperimentAnalytics
    from sagemaker.core.helper.session_helper import Session

    table = ExperimentAnalytics(
        sagemaker_session=Session(), experiment_name="runs", sort_by="metrics.loss.max"
    ).dataframe()
    print("RESULT" + json.dumps({name: table[name][0] for name in ("lr", "opt", "loss - Last", "code - MediaType")}))
"""


@pytest.fixture
def run(client: Client) -> Any:
    python = client_python("v2")

    def program(path: str, *arguments: str) -> str:
        command = [str(python), "-W", "ignore", str(REPOSITORY / "examples" / "note" / path), *arguments]
        environ = {**client.environ(), "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
        return client.command(command, environ).stdout

    return program


def test_runs_and_trackers(
    client: Client, clary: Clary, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = client.script(client_python("v2"), TRACK).stdout
    result = json.loads(output.split("RESULT")[1].splitlines()[0])
    assert result["runs"] == ["run-a"]
    assert (result["found"], result["owners"]) == (["meta"], ["trial-0", "trial-1", "trial-2"])
    assert result["produced"] == ["model_code.py"]
    assert result["row"] == {
        "lr": 0.1, "opt": "adam", "inner": 1.0, "loss - Last": 1 / 15, "loss - Min": 1 / 15,
        "code - MediaType": "text/x-python",
    }  # fmt: skip
    assert result["count"] == 30
    assert sorted(result["trials"]) == ["trial-0", "trial-1", "trial-2"]
    read = client.script(client_python("v3"), READ_V3).stdout
    same = ("lr", "opt", "loss - Last", "code - MediaType")
    assert json.loads(read.split("RESULT")[1].splitlines()[0]) == {name: result["row"][name] for name in same}
    experiments = clary.client("sagemaker").list_experiments()["ExperimentSummaries"]
    assert "doomed" not in [item["ExperimentName"] for item in experiments]


def test_the_notes_analysis(run: Any, clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of components as the note's jobs leave them, beside two that its trackers leave."""
    monkeypatch.chdir(tmp_path)
    sm, metrics = clary.client("sagemaker"), clary.client("sagemaker-metrics")
    sm.create_experiment(ExperimentName="analysed")
    for number, (model, optimizer) in enumerate(itertools.product(("resnet", "custom"), ("adam", "sgd"))):
        trial, job = f"analysed-{number}", f"cifar10-{model}-{optimizer}-aws-training-job"
        sm.create_trial(TrialName=trial, ExperimentName="analysed")
        texts = {"model": f'"{model}"', "optimizer": f'"{optimizer}"'}
        numbers = {"batch-size": 128.0, "epochs": 30.0, "learning-rate": 0.001}
        parameters: dict[str, Any] = {name: {"StringValue": text} for name, text in texts.items()}
        parameters |= {name: {"NumberValue": value} for name, value in numbers.items()}
        sm.create_trial_component(TrialComponentName=job, Parameters=parameters)
        sm.create_trial_component(TrialComponentName=f"tracker-{number}", Parameters=parameters)
        for component in (job, f"tracker-{number}"):
            sm.associate_trial_component(TrialComponentName=component, TrialName=trial)
        point = {"MetricName": "test_acc", "Timestamp": int(time.time()), "Value": 0.5 + number / 10}
        metrics.batch_put_metrics(TrialComponentName=job, MetricData=[point])
    header, *rows = run("analytics.py", "analysed").splitlines()[-5:]
    assert header.split()[:3] == ["TrialComponentName", "test_acc", "-"]
    assert [row.split()[1:] for row in rows] == [
        ["cifar10-custom-sgd-aws-training-job", "0.8", '"custom"', "128.0", "30.0", "0.001", '"sgd"'],
        ["cifar10-custom-adam-aws-training-job", "0.7", '"custom"', "128.0", "30.0", "0.001", '"adam"'],
        ["cifar10-resnet-sgd-aws-training-job", "0.6", '"resnet"', "128.0", "30.0", "0.001", '"sgd"'],
        ["cifar10-resnet-adam-aws-training-job", "0.5", '"resnet"', "128.0", "30.0", "0.001", '"adam"'],
    ]
    assert (tmp_path / "analytics.png").read_bytes().startswith(b"\x89PNG")


def test_the_notes_runs_and_cleanups(run: Any, clary: Clary) -> None:
    sm = clary.client("sagemaker")
    run("example1_run.py")
    name = "sm-experiments-sample-sklearn"
    runs = sm.list_trial_components(ExperimentName=name)["TrialComponentSummaries"]
    assert sorted(item["TrialComponentName"] for item in runs) == [
        f"{name}-run-{number}" for number in range(5)
    ]
    shown = [sm.describe_trial_component(TrialComponentName=item["TrialComponentName"]) for item in runs]
    assert sorted(item["Parameters"]["estimators"]["NumberValue"] for item in shown) == [10, 20, 30, 40, 50]
    assert all(30 < item["Metrics"][0]["Last"] < 100 for item in shown)
    sm.create_trial_component(TrialComponentName="unassigned")
    assert f"Deleting experiment: {name}" in run("cleanup_experiments.py")
    assert sm.list_experiments()["ExperimentSummaries"] == []
    assert sm.list_trials()["TrialSummaries"] == []
    assert "Deleted: unassigned" in run("cleanup_components.py")
    assert sm.list_trial_components()["TrialComponentSummaries"] == []
