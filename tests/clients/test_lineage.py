"""Lineage as the SDKs v2 and v3 ask for it: from what a job read to the endpoint that serves what it made, and back."""

from __future__ import annotations

import json
from typing import Any

from tests.support.clients import Client, client_python
from tests.support.endpoints import ECHO, Endpoints
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import IMAGE, ROLE, Clary

TRAIN = f"""
import os
os.makedirs("/opt/ml/model/code", exist_ok=True)
open("/opt/ml/model/code/inference.py", "w").write({ECHO!r})
open("/opt/ml/model/name", "w").write("trained")
"""
DATA = f"s3://{BUCKET}/lineage/"
ASK = """
import json, os, sagemaker
from sagemaker.lineage.artifact import Artifact, DatasetArtifact, ImageArtifact, ModelArtifact
from sagemaker.lineage.action import Action
from sagemaker.lineage.association import Association
from sagemaker.lineage.context import Context, EndpointContext
from sagemaker.lineage.lineage_trial_component import LineageTrialComponent
from sagemaker.lineage.query import (LineageEntityEnum, LineageFilter, LineageQuery, LineageQueryDirectionEnum,
                                     LineageSourceEnum)
from sagemaker.lineage.visualizer import LineageTableVisualizer

asked, session = json.loads(os.environ["ASKED"]), sagemaker.Session()

def one(kind, uri):
    (summary,) = Artifact.list(source_uri=uri, sagemaker_session=session)
    return kind.load(artifact_arn=summary.artifact_arn, sagemaker_session=session)

data, model, image = one(DatasetArtifact, asked["data"]), one(ModelArtifact, asked["model"]), one(ImageArtifact, asked["image"])
(summary,) = Context.list(source_uri=asked["endpoint"], sagemaker_session=session)
endpoint = EndpointContext.load(context_name=summary.context_name, sagemaker_session=session)
component = LineageTrialComponent.load(trial_component_name=asked["component"], sagemaker_session=session)
both = LineageQueryDirectionEnum
found = {
    "data.endpoint_contexts": [item.context_name for item in data.endpoint_contexts()],
    "data.downstream_trials": data.downstream_trials(sagemaker_session=session),
    "data.downstream_trials_v2": data.downstream_trials_v2(),
    "model.endpoints": [item.destination_arn for item in model.endpoints()],
    "model.endpoint_contexts": [item.context_name for item in model.endpoint_contexts()],
    "model.dataset_artifacts": [item.source.source_uri for item in model.dataset_artifacts()],
    "model.training_job_arns": model.training_job_arns(),
    "image.datasets": [item.source.source_uri for item in image.datasets(both.DESCENDANTS)],
    "endpoint.dataset_artifacts": [item.source.source_uri for item in endpoint.dataset_artifacts()],
    "endpoint.training_job_arns": endpoint.training_job_arns(),
    "endpoint.trial_components": [item.trial_component_name for item in endpoint.trial_components()],
    "endpoint.actions": [item.action_type for item in endpoint.actions(both.ASCENDANTS)],
    "component.dataset_artifacts": [item.source.source_uri for item in component.dataset_artifacts()],
    "component.models": [item.source.source_uri for item in component.models()],
}
table = LineageTableVisualizer(session).show(training_job_name=asked["job"])
found["table"] = sorted(zip(table["Direction"], table["Type"], table["Association Type"]))
query = LineageQuery(session)
whole = query.query(start_arns=[endpoint.context_arn], direction=both.ASCENDANTS, include_edges=True)
nodes = {vertex.arn for vertex in whole.vertices}
found["loose ends"] = [edge.source_arn for edge in whole.edges if not {edge.source_arn, edge.destination_arn} <= nodes]
wanted = LineageFilter(entities=[LineageEntityEnum.TRIAL_COMPONENT], sources=[LineageSourceEnum.TRAINING_JOB])
(vertex,) = query.query(
    start_arns=[endpoint.context_arn], direction=both.ASCENDANTS, query_filter=wanted, include_edges=False
).vertices
found["vertex"] = vertex.to_lineage_object().trial_component_name

# What a user keeps himself.
mine = Artifact.create(artifact_name="mine", source_uri="s3://b/mine", artifact_type="DataSet", properties={"k": "v"},
                       sagemaker_session=session)
mine.properties["k"], mine.artifact_name = "w", "renamed"
mine.save()
mine.set_tag({"Key": "team", "Value": "a"})
step = Action.create(
    action_name="check", action_type="Check", source_uri="s3://b/check", status="Completed", sagemaker_session=session
)
Association.create(
    source_arn=mine.artifact_arn, destination_arn=step.action_arn, association_type="ContributedTo", sagemaker_session=session
)
again = Artifact.load(artifact_arn=mine.artifact_arn, sagemaker_session=session)
inputs = [item.artifact_arn == mine.artifact_arn for item in step.artifacts(both.ASCENDANTS)]
found["mine"] = [again.artifact_name, again.properties, inputs]
mine.delete(disassociate=True)
found["left"] = [item.source_arn for item in Association.list(destination_arn=step.action_arn, sagemaker_session=session)]
step.delete()
print("RESULT" + json.dumps(found))
"""
MOVED = {"sagemaker.lineage.": "sagemaker.core.lineage.", "sagemaker.Session()": "session_helper.Session()",
         "import json, os, sagemaker\n": "import json, os\nfrom sagemaker.core.helper import session_helper\n"}  # fmt: skip
"""Where v3 has it."""


def asks(version: str) -> str:
    """The same of both; v3 finds trials with `smexperiments` alone, which is not installed beside it."""
    if version == "v2":
        return ASK
    text = "".join(line for line in ASK.splitlines(keepends=True) if "downstream_trials" not in line)
    for old, new in MOVED.items():
        text = text.replace(old, new)
    return text


def test_the_sdk_walks_from_data_to_endpoint_and_back(client: Client, clary: Clary) -> None:
    jobs, endpoints = Jobs(clary), Endpoints(clary)
    sm = jobs.sagemaker
    sm.create_experiment(ExperimentName="lineage")
    sm.create_trial(TrialName="lineage-trial", ExperimentName="lineage")
    jobs.s3.put_object(Bucket=BUCKET, Key="lineage/a.csv", Body=b"1,2\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": DATA}}
    job = jobs.run(
        TRAIN, InputDataConfig=[{"ChannelName": "training", "DataSource": source}],
        ExperimentConfig={"TrialName": "lineage-trial"},
    )  # fmt: skip
    made, model = job["ModelArtifacts"]["S3ModelArtifacts"], endpoints.name("model")
    container = {"Image": IMAGE, "ModelDataUrl": made}
    sm.create_model(ModelName=model, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    name = endpoints.up(model)
    component = f"{job['TrainingJobName']}-aws-training-job"
    asked = {
        "data": DATA, "model": made, "image": IMAGE, "endpoint": endpoints.describe(name)["EndpointArn"],
        "component": component, "job": job["TrainingJobName"],
    }  # fmt: skip
    (context,) = sm.list_contexts(SourceUri=asked["endpoint"])["ContextSummaries"]
    ours = {
        "data.endpoint_contexts": [context["ContextName"]],
        "data.downstream_trials": ["lineage-trial"],
        "data.downstream_trials_v2": ["lineage-trial"],
        "model.endpoints": [context["ContextArn"]],
        "model.endpoint_contexts": [context["ContextName"]],
        "model.dataset_artifacts": [DATA],
        "model.training_job_arns": [job["TrainingJobArn"]],
        "image.datasets": [],
        "endpoint.dataset_artifacts": [DATA],
        "endpoint.training_job_arns": [job["TrainingJobArn"]],
        "endpoint.trial_components": [component],
        "endpoint.actions": ["ModelDeployment"],
        "component.dataset_artifacts": [DATA],
        "component.models": [made],
        "table": [
            ["Input", "DataSet", "ContributedTo"], ["Input", "Image", "ContributedTo"], ["Output", "Model", "Produced"],
        ],
        "loose ends": [],
        "vertex": component,
        "mine": ["renamed", {"k": "w"}, [True]],
        "left": [],
    }  # fmt: skip
    for version, missing in (("v2", set()), ("v3", {"data.downstream_trials", "data.downstream_trials_v2"})):
        done = client.script(client_python(version), asks(version), {"ASKED": json.dumps(asked)})
        found: dict[str, Any] = json.loads(done.stdout.split("RESULT")[1].splitlines()[0])
        assert ours.keys() - found.keys() == missing
        for question, answer in found.items():
            assert answer == ours[question], (version, question)
