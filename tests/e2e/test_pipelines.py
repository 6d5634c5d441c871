"""Models of several containers: inference pipelines, and containers that callers choose from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints, archive
from tests.support.process import IMAGE, ROLE, Clary

SCALE = """
import json
def model_fn(model_dir): return 10
def transform_fn(model, body, content_type, accept):
    if body == "refuse": raise ValueError("the scaler refuses")
    rows = [[float(cell) * model for cell in line.split(",")] for line in body.split()]
    return json.dumps({"instances": rows, "asked": [content_type, accept]}), "application/json"
"""
"""The first stage: rows of CSV in, JSON out."""

TOTAL = """
import json, time
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    given = json.loads(body)
    if given["instances"] == [[0.0]]: raise ValueError("the adder refuses")
    if given["instances"] == [[-10.0]]: time.sleep(30)
    sums = [sum(row) for row in given["instances"]]
    if accept == "text/csv": return "".join("%g\\n" % each for each in sums), "text/csv"
    if accept == "text/plain": return (json.dumps(each).encode() for each in sums)
    return json.dumps({"sums": sums, "scaler": given["asked"], "adder": [content_type, accept]}), "application/json"
"""
"""The second: JSON in, a sum for each row out."""


class Pipelines(Endpoints):
    def several(self, *containers: dict[str, Any], mode: str | None = None) -> str:
        name = self.name("pipeline")
        more = {"InferenceExecutionConfig": {"Mode": mode}} if mode else {}
        self.sagemaker.create_model(
            ModelName=name, Containers=list(containers), ExecutionRoleArn=ROLE, **more
        )
        return name

    def container(self, script: str, hostname: str | None = None, **members: Any) -> dict[str, Any]:
        named = {"ContainerHostname": hostname} if hostname else {}
        given = {} if "ModelDataUrl" in members else {"ModelDataUrl": self.data(script)}
        return {"Image": IMAGE, **named, **given, **members}


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Pipelines:
    return Pipelines(clary)


@pytest.fixture(scope="module")
def pipeline(endpoints: Pipelines) -> str:
    """A model."""
    return endpoints.several(endpoints.container(SCALE, "scaler"), endpoints.container(TOTAL, "adder"))


def test_a_request_passes_the_containers_in_order(endpoints: Pipelines, pipeline: str) -> None:
    name = endpoints.up(pipeline)
    answer = endpoints.invoke(name, "1,2\n3,4", Accept="application/jsonlines")
    assert answer["ContentType"] == "application/json"
    assert json.loads(answer["Body"]) == {
        "sums": [30.0, 70.0],
        "scaler": ["text/csv", "application/json"],  # the caller's Accept is for the last
        "adder": ["application/json", "application/jsonlines"],
    }
    assert endpoints.invoke(name, "1,2", Accept="text/csv")["Body"] == b"30\n"
    streamed = endpoints.runtime.invoke_endpoint_with_response_stream(
        EndpointName=name, Body="1\n2\n3", ContentType="text/csv", Accept="text/plain"
    )
    assert b"".join(each["PayloadPart"]["Bytes"] for each in streamed["Body"]) == b"10.020.030.0"

    for body, source in [("refuse", "scaler"), ("0", "adder")]:
        with pytest.raises(ClientError) as raised:
            endpoints.invoke(name, body)
        error = raised.value.response
        assert error["Error"]["Code"] == "ModelError"
        assert (
            f'Received server error (500) from {source} with message "ValueError: the {source} refuses"'
            in (error["Error"]["Message"])
        )
        assert (error["OriginalStatusCode"], error["OriginalMessage"]) == (
            500,
            f"ValueError: the {source} refuses",
        )
    streams = {
        each["logStreamName"]
        for each in endpoints.logs.describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")[
            "logStreams"
        ]
    }
    ours = sorted(each.split("/") for each in streams if each.startswith("v0/"))
    assert [each[2] for each in ours] == ["adder", "scaler"]
    assert ours[0][:2] == ours[1][:2]  # one machine
    endpoints.delete(name)


def test_a_pipeline_is_updated_scaled_and_found_again(own_clary: Clary) -> None:
    endpoints = Pipelines(own_clary)
    pipeline = endpoints.several(endpoints.container(SCALE), endpoints.container(TOTAL))
    name = endpoints.up(pipeline)
    wanted = [{"VariantName": "v0", "DesiredInstanceCount": 2, "DesiredWeight": 1}]
    endpoints.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=wanted
    )
    assert endpoints.wait(name)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    own_clary.kill()
    own_clary.start()
    endpoints.connect()
    assert json.loads(endpoints.invoke(name, "1,2")["Body"])["sums"] == [30.0]
    streams = [
        each["logStreamName"]
        for each in endpoints.logs.describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")[
            "logStreams"
        ]
        if each["logStreamName"].startswith("v0/")
    ]
    assert len(streams) == 4  # those that ran were taken on, none was started anew
    assert {each.rpartition("/")[2] for each in streams} == {"container-1", "container-2"}
    slower = endpoints.several(
        endpoints.container(SCALE.replace("return 10", "return 100")), endpoints.container(TOTAL)
    )
    endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=endpoints.config(slower))
    endpoints.wait(name)
    assert json.loads(endpoints.invoke(name, "1,2")["Body"])["sums"] == [300.0]
    endpoints.delete(name)


def test_a_container_that_does_not_start_is_named(endpoints: Pipelines) -> None:
    broken = endpoints.container("def model_fn(d): raise RuntimeError('no adder today')", "adder")
    name = endpoints.create(endpoints.config(endpoints.several(endpoints.container(SCALE, "scaler"), broken)))
    reason = endpoints.wait(name, "Failed")["FailureReason"]
    assert "The adder container for production variant v0 did not pass the ping health check" in reason
    assert "no adder today" in reason
    endpoints.delete(name)


def test_a_container_that_does_not_answer_is_named(endpoints: Pipelines) -> None:
    slow = endpoints.container(TOTAL, "adder", Environment={"SAGEMAKER_MODEL_SERVER_TIMEOUT": "1"})
    name = endpoints.up(endpoints.several(endpoints.container(SCALE, "scaler"), slow))
    with pytest.raises(ClientError, match="timed out while waiting for a response from container adder"):
        endpoints.invoke(name, "-1")
    endpoints.delete(name)


def test_callers_choose_a_container(endpoints: Pipelines) -> None:
    containers = [endpoints.container(SCALE, "scaler"), endpoints.container(TOTAL, "adder")]
    name = endpoints.up(endpoints.several(*containers, mode="Direct"))
    scaled = endpoints.invoke(name, "1,2", TargetContainerHostname="scaler")["Body"]
    assert json.loads(scaled)["instances"] == [[10.0, 20.0]]
    asked = json.dumps({"instances": [[1, 2]], "asked": []})
    added = endpoints.invoke(name, asked, "application/json", TargetContainerHostname="adder")["Body"]
    assert json.loads(added)["sums"] == [3]
    for members, words in [
        ({}, "TargetContainerHostname must be given"),
        ({"TargetContainerHostname": "divider"}, "Container divider not found"),
    ]:
        with pytest.raises(ClientError, match=words) as raised:
            endpoints.invoke(name, **members)
        assert raised.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="from adder with message"):
        endpoints.invoke(name, "no JSON", TargetContainerHostname="adder")
    endpoints.delete(name)


def test_only_direct_containers_are_chosen(endpoints: Pipelines, pipeline: str) -> None:
    name = endpoints.up(pipeline)
    with pytest.raises(ClientError, match="not configured for direct invocation"):
        endpoints.invoke(name, TargetContainerHostname="adder")
    endpoints.delete(name)


def test_a_stage_of_many_models(endpoints: Pipelines) -> None:
    for factor in (2, 3):
        body = archive({"code/inference.py": SCALE.replace("return 10", f"return {factor}")})
        endpoints.s3.put_object(Bucket=BUCKET, Key=f"scalers/by{factor}.tar.gz", Body=body)
    many = endpoints.container("", Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/scalers/")
    name = endpoints.up(endpoints.several(many, endpoints.container(TOTAL)))
    for factor in (2, 3):
        answer = endpoints.invoke(name, "1,2", TargetModel=f"by{factor}.tar.gz")
        assert json.loads(answer["Body"])["sums"] == [3 * factor]
    endpoints.delete(name)


@pytest.mark.parametrize(
    ("hostnames", "mode", "words"),
    [
        (("a", None), None, "for every container of an inference pipeline, or for none"),
        (("a", "a"), "Serial", "must be unique"),
        ((None, None), "Direct", "needs a ContainerHostname for every container"),
        (("a",), "Direct", "two or more"),
    ],
)
def test_what_a_model_of_several_containers_cannot_be(
    endpoints: Pipelines, hostnames: tuple[str | None, ...], mode: str | None, words: str
) -> None:
    given = [
        {
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/x.tar.gz",
            **({"ContainerHostname": each} if each else {}),
        }
        for each in hostnames
    ]
    with pytest.raises(ClientError, match=words) as raised:
        endpoints.several(*given, mode=mode)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_more_containers_than_fifteen_are_refused(endpoints: Pipelines) -> None:
    with pytest.raises(ClientError, match="15"):
        endpoints.several(*[{"Image": IMAGE}] * 16)
