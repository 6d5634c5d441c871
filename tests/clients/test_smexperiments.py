"""`sagemaker-experiments` in full: each of its classes made, loaded, listed, searched, changed and deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.clients import Client, client_python
from tests.support.jobs import Jobs
from tests.support.process import Clary

PROGRAM = """
import datetime, json, os, boto3
from smexperiments import api_types
from smexperiments.experiment import Experiment
from smexperiments.search_expression import (
    BooleanOperator, Filter, NestedFilter, Operator, SearchExpression)
from smexperiments.tracker import Tracker
from smexperiments.training_job import TrainingJob
from smexperiments.trial import Trial
from smexperiments.trial_component import TrialComponent

sm = boto3.client("sagemaker")
with_sm = {"sagemaker_boto_client": sm}  # making a client takes longer than most calls
bucket, job = os.environ["BUCKET"], os.environ["JOB"]
found = {}

first = Experiment.create(experiment_name="sm-first", description="why", tags=[{"Key": "team", "Value": "a"}], **with_sm)
first.description = "because"
first.save()
second = Experiment.create(experiment_name="sm-second", **with_sm)
loaded = Experiment.load(experiment_name="sm-first", **with_sm)
hour = datetime.datetime.now() - datetime.timedelta(hours=1)
by_name = {"sort_by": "Name", "sort_order": "Ascending"}
found["experiment"] = [loaded.experiment_name, loaded.description]
found["experiments"] = [e.experiment_name for e in Experiment.list(created_after=hour, **by_name, **with_sm)]
found["none"] = [e.experiment_name for e in Experiment.list(created_before=hour, **with_sm)]
tagged = SearchExpression(filters=[Filter("Tags.team", Operator.EQUALS, "a")])
found["tagged"] = [e.experiment_name for e in Experiment.search(search_expression=tagged, **with_sm)]

part = TrialComponent.create(trial_component_name="sm-part", display_name="shown", tags=[{"Key": "k", "Value": "v"}], **with_sm)
part.parameters = {"lr": 0.1, "optimizer": "adam", "old": 1}
part.input_artifacts = {"data": api_types.TrialComponentArtifact(value="s3://b/d", media_type="s3/uri")}
part.status = api_types.TrialComponentStatus(primary_status="InProgress", message="at work")
part.save()
part.parameters_to_remove, part.output_artifacts = ["old"], {"model": api_types.TrialComponentArtifact(value="s3://b/m")}
part.parameters = {"lr": 0.2}
part.status = api_types.TrialComponentStatus(primary_status="Completed")
part.save()
again = TrialComponent.load(trial_component_name="sm-part", **with_sm)
found["part"] = [again.display_name, again.parameters, list(again.input_artifacts), list(again.output_artifacts),
                 again.status.primary_status]

trial = Trial.create(experiment_name="sm-first", trial_name="sm-trial", trial_components=["sm-part"], **with_sm)
other = first.create_trial(trial_name_prefix="sm-generated")
other.add_trial_component("sm-part")
alone = second.create_trial(trial_name="sm-alone")
trial.display_name = "the-trial"
trial.save()
found["trial"] = Trial.load("sm-trial", **with_sm).display_name
found["trials"] = [t.trial_name for t in Trial.list(experiment_name="sm-second", **with_sm)]
found["trials of part"] = sorted(t.trial_name[:12] for t in Trial.list(trial_component_name="sm-part", **with_sm))
found["part's trials"] = sorted(t.trial_name[:12] for t in part.list_trials())
found["first's trials"] = sorted(t.trial_name[:12] for t in first.list_trials(sort_by="CreationTime"))
named = SearchExpression(filters=[
    Filter("TrialName", Operator.CONTAINS, "sm-"), Filter("ExperimentName", Operator.EQUALS, "sm-second")])
found["trials found"] = [t.trial_name for t in Trial.search(search_expression=named, **with_sm)]

for number in range(25):
    made = TrialComponent.create(trial_component_name=f"sm-many-{number:02}", **with_sm)
    made.parameters = {"number": number}
    made.save()
    alone.add_trial_component(made)
listed = alone.list_trial_components(max_results=10, **by_name)
found["many"] = [c.trial_component_name for c in listed]
found["by source"] = [c.trial_component_name for c in TrialComponent.list(source_arn=os.environ["JOB_ARN"], **with_sm)]
found["by experiment"] = len(list(TrialComponent.list(experiment_name="sm-second", **with_sm)))
high = SearchExpression(filters=[Filter("Parameters.number", Operator.GREATER_THAN_OR_EQUAL, "20")])
low = SearchExpression(filters=[Filter("Parameters.number", Operator.LESS_THAN, "2")])
either = SearchExpression(sub_expressions=[high, low], boolean_operator=BooleanOperator.OR)
hits = TrialComponent.search(
    search_expression=either, sort_by="Parameters.number", sort_order="Ascending", max_results=3, **with_sm)
found["searched"] = [int(hit.trial_component_name[-2:]) for hit in hits]
nested = NestedFilter(property_name="Parents", filters=[
    Filter("Parents.TrialName", Operator.EQUALS, "sm-trial"), Filter("Parents.ExperimentName", Operator.EQUALS, "sm-first")])
hits = TrialComponent.search(search_expression=SearchExpression(nested_filters=[nested]), **with_sm)
found["nested"] = [hit.trial_component_name for hit in hits]
jobs = SearchExpression(filters=[Filter("TrainingJobName", Operator.EQUALS, job)])
found["jobs"] = [hit.training_job_status for hit in TrainingJob.search(search_expression=jobs, **with_sm)]

os.makedirs("folder", exist_ok=True)
for name in ("a.txt", "b.csv"):
    open(os.path.join("folder", name), "w").write(name)
try:
    with Tracker.create(display_name="tracked", artifact_bucket=bucket, artifact_prefix="kept", **with_sm) as tracker:
        tracker.log_parameters({"batch-size": 128, "bad": float("inf")})
        tracker.log_output("report", "s3://b/report", media_type="text/html")
        tracker.log_artifacts("folder")
        raise ValueError("it went wrong")
except ValueError:
    found["tracker"] = tracker.trial_component.trial_component_name
with Tracker.load(training_job_name=job, **with_sm) as tracker:
    tracker.log_parameter("seen", "yes")

trial.remove_trial_component("sm-part")
found["removed"] = [t.trial_name[:12] for t in part.list_trials()]
part.delete(force_disassociate=True)
trial.delete()
first.delete_all(action="--force")
found["left"] = sorted(e.experiment_name for e in Experiment.list(**with_sm) if e.experiment_name.startswith("sm-"))
print("RESULT" + json.dumps(found))
"""


def test_all_of_its_classes(
    client: Client, clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sm, s3 = clary.client("sagemaker"), clary.client("s3")
    s3.create_bucket(Bucket="smexperiments")
    jobs = Jobs(clary)
    job = jobs.run("pass")
    shell = {"BUCKET": "smexperiments", "JOB": job["TrainingJobName"], "JOB_ARN": job["TrainingJobArn"]}
    done = client.script(client_python("v2"), PROGRAM, shell)
    found: dict[str, Any] = json.loads(done.stdout.split("RESULT")[1].splitlines()[0])
    assert found["experiment"] == ["sm-first", "because"]
    ours = [name for name in found["experiments"] if name.startswith("sm-")]
    assert (ours, found["none"], found["tagged"]) == (["sm-first", "sm-second"], [], ["sm-first"])
    assert found["part"] == ["shown", {"lr": 0.2, "optimizer": "adam"}, ["data"], ["model"], "Completed"]
    assert found["trial"] == "the-trial"
    assert found["trials"] == found["trials found"] == ["sm-alone"]
    both = ["sm-generated", "sm-trial"]
    assert found["trials of part"] == found["part's trials"] == found["first's trials"] == both
    assert found["many"] == [f"sm-many-{number:02}" for number in range(25)]
    assert found["by source"] == [f"{job['TrainingJobName']}-aws-training-job"]
    assert found["by experiment"] == 25
    assert found["searched"] == [0, 1, 20, 21, 22, 23, 24]
    assert (found["nested"], found["jobs"]) == (["sm-part"], ["Completed"])
    assert (found["removed"], found["left"]) == (["sm-generated"], ["sm-second"])

    tracked = sm.describe_trial_component(TrialComponentName=found["tracker"])
    assert tracked["Parameters"] == {"batch-size": {"NumberValue": 128.0}}
    assert tracked["Status"] == {"PrimaryStatus": "Failed", "Message": "it went wrong"}
    assert tracked["OutputArtifacts"]["report"] == {"Value": "s3://b/report", "MediaType": "text/html"}
    produced = sm.list_associations(SourceArn=tracked["TrialComponentArn"])["AssociationSummaries"]
    uris = {
        item["DestinationName"]: sm.describe_artifact(ArtifactArn=item["DestinationArn"])["Source"][
            "SourceUri"
        ]
        for item in produced
    }
    assert sorted(uris) == ["a", "b"]
    for name, content in (("a", b"a.txt"), ("b", b"b.csv")):
        key = uris[name].removeprefix("s3://smexperiments/")
        assert key.startswith("kept/")
        assert s3.get_object(Bucket="smexperiments", Key=key)["Body"].read() == content
    own = sm.describe_trial_component(TrialComponentName=f"{job['TrainingJobName']}-aws-training-job")
    assert own["Parameters"]["seen"] == {"StringValue": "yes"}
