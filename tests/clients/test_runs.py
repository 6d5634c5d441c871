"""The Run API of SDK v2 and of v3, which is the same under another name: what it logs, and what is kept of it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import Clary

IMPORTS = {
    "v2": "from sagemaker.experiments import Run, list_runs, load_run; from sagemaker import Session",
    "v3": "from sagemaker.core.experiments.run import Run, list_runs, load_run\n"
    "from sagemaker.core.helper.session_helper import Session",
}
PROGRAM = """
%s
import json

session = Session()
open("notes.txt", "w").write("what was done")
truth, scores, said = [0, 1, 1, 0], [0.1, 0.9, 0.8, 0.4], [0, 1, 0, 0]
refused = []

def expect(kind, call):
    try:
        call()
    except kind as error:
        refused.append(str(error))

def nest():
    with Run(experiment_name="Other", run_name="x", sagemaker_session=session):
        pass

with Run(experiment_name="Runs-Of-%s", run_name="First", run_display_name="The-first", sagemaker_session=session,
         tags=[{"Key": "team", "Value": "a"}]) as run:
    run.log_parameter("lr", 0.1)
    run.log_parameters({"optimizer": "adam", "epochs": 3, "gone": float("nan")})
    for step in range(25):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_metric("accuracy", 0.75)
    run.log_artifact("data", "s3://bucket/data", media_type="s3/uri", is_output=False)
    run.log_file("notes.txt", name="notes")
    run.log_roc_curve(truth, scores, title="roc")
    run.log_precision_recall(truth, scores, title="pr", no_skill=1, is_output=False)
    run.log_confusion_matrix(truth, said, title="cm")
    with load_run(sagemaker_session=session) as same:
        same.log_parameter("inner", "yes")
        assert same is run
    expect(RuntimeError, nest)
    config = run.experiment_config

# Entered again later, by its name and by itself.
with load_run(experiment_name="Runs-Of-%s", run_name="First", sagemaker_session=session) as run:
    run.log_parameter("lr", 0.2)
    run.log_metric("loss", 0.01, step=25)
expect(RuntimeError, lambda: run.log_parameter("outside", 1))
try:
    with Run(experiment_name="Runs-Of-%s", run_name="second", sagemaker_session=session) as run:
        raise ValueError("it went wrong")
except ValueError:
    pass
with Run(experiment_name="Runs-Of-%s", sagemaker_session=session) as run:  # named by the SDK
    run.log_metric("loss", 0.5)
listed = list_runs("Runs-Of-%s", sagemaker_session=session)
paged = list_runs("Runs-Of-%s", sagemaker_session=session, max_results=1)
print("RESULT" + json.dumps({
    "config": config, "refused": refused, "runs": [run.run_name for run in listed], "paged": [run.run_name for run in paged],
    "experiments": [run.experiment_name for run in listed],
}))
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("clary") / "home") as server:
        yield server


def content(clary: Clary, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = clary.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def artifacts(sm: Any, **ends: str) -> dict[str, tuple[str, str, str]]:
    """Association type, artifact type and URI by the artifact's name."""
    (end,) = {"SourceArn", "DestinationArn"} - ends.keys()
    found = {}
    for item in sm.list_associations(**ends)["AssociationSummaries"]:
        artifact = sm.describe_artifact(ArtifactArn=item[end])
        found[artifact["ArtifactName"]] = (
            item["AssociationType"], artifact["ArtifactType"], artifact["Source"]["SourceUri"],
        )  # fmt: skip
    return found


@pytest.mark.parametrize("client_name", ["v2", pytest.param("v3", marks=pytest.mark.slow)])
def test_what_a_run_logs_is_kept(
    client: Client, clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    program = PROGRAM % (IMPORTS[client_name], *[client_name] * 6)
    done = client.script(client_python(client_name), program)
    result = json.loads(done.stdout.split("RESULT")[1].splitlines()[0])
    sm, experiment = clary.client("sagemaker"), f"runs-of-{client_name}"
    group = f"Default-Run-Group-{experiment}"

    assert result["config"] == {
        "ExperimentName": experiment, "TrialName": group, "RunName": f"{experiment}-first",
    }  # fmt: skip
    nested, outside = result["refused"]
    assert "nested" in nested
    assert "inside context" in outside
    assert set(result["runs"]) >= {"first", "second"}
    assert (len(result["runs"]), result["experiments"]) == (3, [experiment] * 3)
    assert result["paged"] == result["runs"], "max_results is the size of a page"

    run = sm.describe_trial_component(TrialComponentName=f"{experiment}-first")
    assert run["DisplayName"] == "The-first"
    assert run["Status"]["PrimaryStatus"] == "Completed"
    assert datetime.timedelta() < run["EndTime"] - run["StartTime"] < datetime.timedelta(minutes=5)
    assert run["Parameters"] == {
        "lr": {"NumberValue": 0.2}, "optimizer": {"StringValue": "adam"}, "epochs": {"NumberValue": 3.0},
        "inner": {"StringValue": "yes"},
    }  # fmt: skip
    metrics = {item["MetricName"]: item for item in run["Metrics"]}
    assert (metrics["loss"]["Count"], metrics["loss"]["Min"], metrics["loss"]["Max"]) == (26, 0.01, 1.0)
    assert (metrics["loss"]["Last"], metrics["accuracy"]["Last"]) == (0.01, 0.75)
    assert run["InputArtifacts"] == {"data": {"MediaType": "s3/uri", "Value": "s3://bucket/data"}}
    notes = run["OutputArtifacts"]["notes"]
    assert notes["MediaType"] == "text/plain"
    assert content(clary, notes["Value"]) == b"what was done"
    tags = {tag["Key"]: tag["Value"] for tag in sm.list_tags(ResourceArn=run["TrialComponentArn"])["Tags"]}
    assert tags == {"team": "a", "sagemaker:trial-component-source": "run"}
    trials = sm.list_trials(TrialComponentName=f"{experiment}-first")["TrialSummaries"]
    assert [trial["TrialName"] for trial in trials] == [group]

    made = artifacts(sm, SourceArn=run["TrialComponentArn"])
    assert {name: found[:2] for name, found in made.items()} == {
        "roc": ("Produced", "ROCCurve"), "cm": ("Produced", "ConfusionMatrix"),
    }  # fmt: skip
    roc, matrix = (json.loads(content(clary, made[name][2])) for name in ("roc", "cm"))
    assert (roc["type"], roc["title"], roc["areaUnderCurve"]) == ("ROCCurve", "roc", 1.0)
    assert matrix["confusionMatrix"] == [[2, 0], [1, 1]]
    ((name, (kind, of, uri)),) = artifacts(sm, DestinationArn=run["TrialComponentArn"]).items()
    assert (name, kind, of) == ("pr", "ContributedTo", "PrecisionRecallCurve")
    curve = json.loads(content(clary, uri))
    assert (curve["averagePrecisionScore"], curve["noSkill"]) == (1.0, 1)

    failed = sm.describe_trial_component(TrialComponentName=f"{experiment}-second")
    assert failed["Status"] == {"PrimaryStatus": "Failed", "Message": "it went wrong"}
