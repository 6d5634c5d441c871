"""The lineage that jobs, models and endpoints write on their own, from a data set to what serves the model."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import ECHO, Endpoints
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import IMAGE, ROLE
from tests.support.processing import Processing

TRAIN = f"""
import os
os.makedirs("/opt/ml/model/code", exist_ok=True)
open("/opt/ml/model/code/inference.py", "w").write({ECHO!r})
open("/opt/ml/model/name", "w").write("trained")
"""
DATA = f"s3://{BUCKET}/data/"


@pytest.fixture(scope="module")
def endpoints(jobs: Jobs) -> Endpoints:
    return Endpoints(jobs.clary)


@pytest.fixture(scope="module")
def trained(jobs: Jobs) -> dict[str, Any]:
    """A training job that read `DATA` and has ended."""
    jobs.s3.put_object(Bucket=BUCKET, Key="data/a.csv", Body=b"1,2\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": DATA}}
    return jobs.run(TRAIN, InputDataConfig=[{"ChannelName": "training", "DataSource": source}])


@pytest.fixture(scope="module")
def model(endpoints: Endpoints, trained: dict[str, Any]) -> str:
    """Of what it made."""
    name = endpoints.name("model")
    container = {"Image": IMAGE, "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"]}
    endpoints.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    return name


def artifact(sm: Any, uri: str) -> str:
    (found,) = sm.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
    return str(found["ArtifactArn"])


def reached(sm: Any, start: str, direction: str, **filters: Any) -> dict[str, str]:
    """LineageType and Type by the last part of an ARN."""
    request = {"StartArns": [start], "Direction": direction, "IncludeEdges": False, "Filters": filters}
    return {
        vertex["Arn"].rpartition("/")[2]: f"{vertex['LineageType']} {vertex['Type']}"
        for vertex in sm.query_lineage(**request, MaxResults=50)["Vertices"]
    }


def test_from_the_data_to_the_endpoint_and_back(
    endpoints: Endpoints, trained: dict[str, Any], model: str
) -> None:
    sm = endpoints.sagemaker
    name = endpoints.up(model)
    contexts = sm.list_contexts(SourceUri=endpoints.describe(name)["EndpointArn"])["ContextSummaries"]
    assert [(one["ContextName"], one["ContextType"]) for one in contexts] == [
        (f"{name}-aws-endpoint", "Endpoint")
    ]
    down = reached(sm, artifact(sm, DATA), "Descendants")
    job = f"{trained['TrainingJobName']}-aws-training-job"
    assert down[job] == "TrialComponent SageMakerTrainingJob"
    assert down[f"{model}-aws-model"] == "Context Model"
    assert down[f"{name}-aws-endpoint"] == "Context Endpoint"
    assert list(down.values()).count("Action ModelDeployment") == 1
    up = reached(sm, contexts[0]["ContextArn"], "Ascendants", Types=["DataSet", "TrainingJob"])
    assert up == {
        artifact(sm, DATA).rpartition("/")[2]: "Artifact DataSet",
        job: "TrialComponent SageMakerTrainingJob",
    }

    (deployment,) = sm.list_actions(SourceUri=endpoints.describe(name)["EndpointArn"])["ActionSummaries"]
    assert (deployment["ActionType"], deployment["Status"]) == ("ModelDeployment", "Completed")
    # As the SDK's ModelArtifact.endpoints() asks.
    data = artifact(sm, trained["ModelArtifacts"]["S3ModelArtifacts"])
    (to_action,) = sm.list_associations(SourceArn=data, DestinationType="Action")["AssociationSummaries"]
    assert to_action["DestinationArn"] == deployment["ActionArn"]
    (to_context,) = sm.list_associations(SourceArn=deployment["ActionArn"], DestinationType="Context")[
        "AssociationSummaries"
    ]
    assert to_context["DestinationArn"] == contexts[0]["ContextArn"]

    sm.update_endpoint(EndpointName=name, EndpointConfigName=endpoints.config(endpoints.model(label="b")))
    endpoints.wait(name)
    arn = endpoints.describe(name)["EndpointArn"]
    statuses = [one["Status"] for one in sm.list_actions(SourceUri=arn)["ActionSummaries"]]
    assert statuses == ["Completed", "Completed"], "each deployment is one"

    endpoints.delete(name)
    assert f"{name}-aws-endpoint" in reached(sm, artifact(sm, DATA), "Descendants"), "the record stays"
    sm.delete_action(ActionName=deployment["ActionName"])
    assert f"{name}-aws-endpoint" not in reached(sm, artifact(sm, DATA), "Descendants")
    assert sm.list_associations(SourceArn=deployment["ActionArn"])["AssociationSummaries"] == []


def test_a_deployment_that_fails_says_so(endpoints: Endpoints) -> None:
    sm = endpoints.sagemaker
    name = endpoints.create(endpoints.config(endpoints.model("raise SystemExit('no')")))
    with pytest.raises(AssertionError, match="Failed"):
        endpoints.wait(name)
    (deployment,) = sm.list_actions(SourceUri=endpoints.describe(name)["EndpointArn"])["ActionSummaries"]
    assert deployment["Status"] == "Failed"


def test_a_transform_job_s_component(endpoints: Endpoints, trained: dict[str, Any], model: str) -> None:
    sm, name = endpoints.sagemaker, endpoints.name("transform")
    sm.create_experiment(ExperimentName=f"{name}-exp")
    sm.create_trial(TrialName=f"{name}-trial", ExperimentName=f"{name}-exp")
    request: dict[str, Any] = {
        "TransformJobName": name, "ModelName": model,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": DATA}}, "ContentType": "text/csv",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }  # fmt: skip
    with pytest.raises(ClientError, match="does not exist"):
        sm.create_transform_job(**request, ExperimentConfig={"TrialName": f"{name}-none"})
    sm.create_transform_job(
        **request, ExperimentConfig={"TrialName": f"{name}-trial", "TrialComponentDisplayName": "scores"}
    )
    until = time.monotonic() + 90
    while (job := sm.describe_transform_job(TransformJobName=name))["TransformJobStatus"] == "InProgress":
        assert time.monotonic() < until, endpoints.clary.log[-4000:]
        time.sleep(0.05)
    assert job["TransformJobStatus"] == "Completed", job
    component = sm.describe_trial_component(TrialComponentName=f"{name}-aws-transform-job")
    assert component["DisplayName"] == "scores"
    assert component["Source"] == {
        "SourceArn": job["TransformJobArn"],
        "SourceType": "SageMakerTransformJob",
    }
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["StartTime"] == job["TransformStartTime"]
    assert component["EndTime"] == job["TransformEndTime"]
    assert component["Parameters"]["SageMaker.ModelName"] == {"StringValue": model}
    assert component["InputArtifacts"]["SageMaker.TransformInput"]["Value"] == DATA
    out = component["OutputArtifacts"]["SageMaker.TransformOutput"]["Value"]
    listed = sm.list_trial_components(TrialName=f"{name}-trial")["TrialComponentSummaries"]
    assert [one["TrialComponentName"] for one in listed] == [f"{name}-aws-transform-job"]
    up = reached(sm, artifact(sm, out), "Ascendants")
    assert up[f"{name}-aws-transform-job"] == "TrialComponent SageMakerTransformJob"
    assert up[f"{trained['TrainingJobName']}-aws-training-job"] == "TrialComponent SageMakerTrainingJob"
    filters = [{"Name": "Source.SourceArn", "Operator": "Equals", "Value": job["TransformJobArn"]}]
    (hit,) = sm.search(Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters})["Results"]
    assert hit["TrialComponent"]["SourceDetail"]["TransformJob"]["TransformJobName"] == name


def test_a_processing_job_s_outputs_are_artifacts(jobs: Jobs) -> None:
    processing = Processing(jobs.clary)
    processing.put("raw/a", "1")
    request = processing.request(
        "open('/opt/ml/processing/output/clean/a', 'w').write('2')",
        inputs=[processing.input("raw", "raw/")], outputs=[processing.output("clean", "clean/")],
    )  # fmt: skip
    sm, name = processing.sagemaker, request["ProcessingJobName"]
    sm.create_processing_job(**request)
    sm.get_waiter("processing_job_completed_or_stopped").wait(
        ProcessingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90}
    )
    (output,) = request["ProcessingOutputConfig"]["Outputs"]
    up = reached(sm, artifact(sm, output["S3Output"]["S3Uri"]), "Ascendants")
    assert up[f"{name}-aws-processing-job"] == "TrialComponent SageMakerProcessingJob"
    raw = artifact(sm, request["ProcessingInputs"][1]["S3Input"]["S3Uri"])
    assert up[raw.rpartition("/")[2]] == "Artifact DataSet"


def test_a_job_that_goes_on_from_another_ones_checkpoints(jobs: Jobs) -> None:
    uri = f"s3://{BUCKET}/checkpoints/{time.time_ns()}"
    script = "open('/opt/ml/checkpoints/step', 'a').write('1'); print(len(open('/opt/ml/checkpoints/step').read()))"
    first, second = (jobs.run(script, CheckpointConfig={"S3Uri": uri}) for _ in range(2))
    assert jobs.lines(second["TrainingJobName"]) == ["2"]
    sm = jobs.sagemaker
    names = [f"{job['TrainingJobName']}-aws-training-job" for job in (first, second)]
    described = sm.describe_trial_component(TrialComponentName=names[0])
    assert described["OutputArtifacts"]["SageMaker.Checkpoints"]["Value"] == uri
    found = sm.list_associations(SourceArn=artifact(sm, uri))["AssociationSummaries"]
    assert [(each["DestinationName"], each["AssociationType"]) for each in found] == [
        (names[1], "ContributedTo")
    ]
    found = sm.list_associations(DestinationArn=artifact(sm, uri))["AssociationSummaries"]
    assert {(each["SourceName"], each["AssociationType"]) for each in found} == {
        (name, "Produced") for name in names
    }
