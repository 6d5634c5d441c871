"""Endpoints as boto3 sees them, served for real by a server that a user would start."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints
from tests.support.process import IMAGE, ROLE, Clary


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


@pytest.fixture(scope="module")
def echo(endpoints: Endpoints) -> str:
    """An endpoint that whoever does not change it may use."""
    return endpoints.up(endpoints.model())


def refusal(raised: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_endpoint_comes_up_answers_and_goes(endpoints: Endpoints) -> None:
    name = endpoints.create(endpoints.config(endpoints.model(label="cat")))
    described = endpoints.wait(name)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"
    assert described["EndpointArn"] == arn
    (variant,) = described["ProductionVariants"]
    assert variant["VariantName"] == "v0"
    assert variant["CurrentWeight"] == variant["DesiredWeight"] == 1.0
    assert variant["CurrentInstanceCount"] == 1
    assert variant["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    listed = endpoints.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    assert [(each["EndpointName"], each["EndpointStatus"]) for each in listed] == [(name, "InService")]

    answer = endpoints.invoke(name, "1,2\n3,4,5\n")
    assert json.loads(answer["Body"]) == {
        "predictions": [{"predicted_label": "cat", "cells": 2}, {"predicted_label": "cat", "cells": 3}]
    }
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "v0"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-invoked-production-variant"] == "v0"

    endpoints.delete(name)
    with pytest.raises(ClientError) as raised:
        endpoints.invoke(name)
    assert refusal(raised) == ("ValidationError", f"Endpoint {name} of account 123456789012 not found.")
    with pytest.raises(ClientError) as raised:
        endpoints.describe(name)
    assert refusal(raised) == ("ValidationException", f'Could not find endpoint "{arn}".')


def test_a_name_can_be_used_again(endpoints: Endpoints) -> None:
    config = endpoints.config(endpoints.model())
    name = endpoints.create(config)
    with pytest.raises(ClientError) as raised:
        endpoints.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert refusal(raised)[0] == "ValidationException"
    assert "Cannot create already existing endpoint" in refusal(raised)[1]
    endpoints.delete(name)  # while it is Creating
    endpoints.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    endpoints.wait(name)
    assert endpoints.invoke(name)["ResponseMetadata"]["HTTPStatusCode"] == 200
    endpoints.delete(name)


def test_models_and_configurations_are_kept_and_go(endpoints: Endpoints) -> None:
    sagemaker = endpoints.sagemaker
    model = endpoints.model()
    config = endpoints.config(model)
    assert sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["Image"] == IMAGE
    assert model in [each["ModelName"] for each in sagemaker.list_models()["Models"]]
    described = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert described["ProductionVariants"][0]["ModelName"] == model
    assert config in [
        each["EndpointConfigName"] for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]
    ]
    with pytest.raises(ClientError) as raised:
        sagemaker.create_model(ModelName=model, PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
    assert "Cannot create already existing model" in refusal(raised)[1]
    sagemaker.delete_endpoint_config(EndpointConfigName=config)
    sagemaker.delete_model(ModelName=model)
    with pytest.raises(ClientError) as raised:
        sagemaker.create_endpoint(EndpointName="x", EndpointConfigName=config)
    assert "Could not find endpoint configuration" in refusal(raised)[1]
    with pytest.raises(ClientError) as raised:
        sagemaker.describe_model(ModelName=model)
    assert "Could not find model" in refusal(raised)[1]


FAULTY = """
import sys
class Refused(Exception):
    status_code = 415
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    if body == "raise": raise ValueError("no such row")
    if body == "refuse": raise Refused("only text")
    if body == "die": sys.exit(3)
    return body
"""


def test_a_model_s_errors_are_told_with_their_status_and_where_the_log_is(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(FAULTY))
    assert endpoints.invoke(name, "fine")["Body"] == b"fine"
    for body, status, whose, words in [
        ("raise", 500, "server", "ValueError: no such row"),
        ("refuse", 415, "client", "Refused: only text"),
    ]:
        with pytest.raises(ClientError) as raised:
            endpoints.invoke(name, body)
        response: Any = raised.value.response
        assert response["Error"]["Code"] == "ModelError"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert (
            f'Received {whose} error ({status}) from primary with message "{words}"'
            in response["Error"]["Message"]
        )
        assert response["OriginalStatusCode"] == status
        assert response["OriginalMessage"] == words
        assert response["LogStreamArn"].endswith(f":log-group:/aws/sagemaker/Endpoints/{name}")
    with pytest.raises(ClientError) as raised:
        endpoints.invoke(name, "die")
    assert refusal(raised)[0] == "ModelError"
    assert endpoints.invoke(name, "fine")["Body"] == b"fine"
    until = time.monotonic() + 30
    while "ValueError: no such row" not in endpoints.lines(name):
        assert time.monotonic() < until, endpoints.lines(name)
        time.sleep(0.05)
    endpoints.delete(name)


def test_what_a_request_names_but_is_not_there(endpoints: Endpoints, echo: str) -> None:
    for members, words in [
        ({"EndpointName": "nowhere"}, "Endpoint nowhere of account 123456789012 not found."),
        ({"EndpointName": echo, "TargetVariant": "v9"}, f"Variant v9 not found for Endpoint {echo}."),
        ({"EndpointName": echo, "TargetModel": "a.tar.gz"}, "multi-model"),
    ]:
        with pytest.raises(ClientError) as raised:
            endpoints.runtime.invoke_endpoint(Body=b"1", ContentType="text/csv", **members)
        assert refusal(raised)[0] == "ValidationError"
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert words in refusal(raised)[1]


def test_the_note_s_client_alias_and_role(endpoints: Endpoints, clary: Clary, echo: str) -> None:
    import boto3

    found = clary.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="SageMakerInferenceSession")[
        "Credentials"
    ]
    runtime = boto3.client(
        service_name="runtime.sagemaker", endpoint_url=clary.connection.url, region_name="us-east-1",
        aws_access_key_id=found["AccessKeyId"], aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
    )  # fmt: skip
    response = runtime.invoke_endpoint(EndpointName=echo, ContentType="text/csv", Body="1,2")
    result = json.loads(response["Body"].read().decode())
    assert [row["predicted_label"] for row in result["predictions"]] == ["a"]
    runtime.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("raise RuntimeError('no weights here')", "no weights here"),
        ("import json", "nothing that can be loaded"),
        ("def model_fn(d):\n    import os; os._exit(7)", "exit code 7"),
    ],
    ids=["a script that raises", "no model_fn and no model", "a program that ends"],
)
def test_a_model_that_does_not_load_fails_the_endpoint_and_says_why(
    endpoints: Endpoints, script: str, words: str
) -> None:
    name = endpoints.create(endpoints.config(endpoints.model(script)))
    found = _until_failed(endpoints, name)
    assert "did not pass the ping health check" in found["FailureReason"]
    assert words in found["FailureReason"]
    with pytest.raises(ClientError) as raised:
        endpoints.invoke(name)
    assert "not found" in refusal(raised)[1]
    endpoints.delete(name)


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"ModelDataUrl": f"s3://{BUCKET}/nothing.tar.gz"}, "Failed to download model data"),
        ({"ModelDataUrl": f"s3://{BUCKET}/text.tar.gz"}, "Failed to extract"),
        ({"Image": "123.dkr.ecr.us-east-1.amazonaws.com/mine:7"}, "mine:7"),
    ],
    ids=["no artifact", "no archive", "an unknown image"],
)
def test_a_model_that_cannot_be_had_fails_the_endpoint(
    endpoints: Endpoints, container: dict[str, Any], words: str
) -> None:
    endpoints.s3.put_object(Bucket=BUCKET, Key="text.tar.gz", Body=b"this is no archive")
    name = endpoints.create(endpoints.config(endpoints.model(**container)))
    assert words in _until_failed(endpoints, name)["FailureReason"]
    endpoints.delete(name)


def _until_failed(endpoints: Endpoints, name: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while (found := endpoints.describe(name))["EndpointStatus"] != "Failed":
        assert found["EndpointStatus"] == "Creating"
        assert time.monotonic() < until, endpoints.clary.log[-4000:]
        time.sleep(0.02)
    return found


def test_variants_by_weight_and_by_name(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="a"), endpoints.model(label="b"))
    for variant, label in [("v0", "a"), ("v1", "b")]:
        answer = endpoints.invoke(name, TargetVariant=variant)
        assert answer["InvokedProductionVariant"] == variant
        assert json.loads(answer["Body"])["predictions"][0]["predicted_label"] == label
    met = {endpoints.invoke(name)["InvokedProductionVariant"] for _ in range(60)}
    assert met == {"v0", "v1"}
    endpoints.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "v0", "DesiredWeight": 0.0},
            {"VariantName": "v1", "DesiredWeight": 3.0, "DesiredInstanceCount": 2},
        ],
    )
    found = endpoints.wait(name)
    assert [(v["CurrentWeight"], v["CurrentInstanceCount"]) for v in found["ProductionVariants"]] == [
        (0, 1),
        (3, 2),
    ]
    assert {endpoints.invoke(name)["InvokedProductionVariant"] for _ in range(20)} == {"v1"}
    with pytest.raises(ClientError) as raised:
        endpoints.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v7", "DesiredWeight": 1.0}]
        )
    assert "v7" in refusal(raised)[1]
    endpoints.delete(name)


STREAMS = """
import time
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    def pieces():
        for word in body.split():
            yield word
            if word == "break": raise ValueError("broken")
    return pieces()
"""


def test_an_answer_in_pieces(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(STREAMS))
    answer = endpoints.runtime.invoke_endpoint_with_response_stream(
        EndpointName=name, ContentType="text/csv", Body=b"one two three"
    )
    assert answer["InvokedProductionVariant"] == "v0"
    assert b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]) == b"onetwothree"
    assert endpoints.invoke(name, "one two")["Body"] == b"onetwo"
    broken = endpoints.runtime.invoke_endpoint_with_response_stream(
        EndpointName=name, ContentType="text/csv", Body=b"one break three"
    )
    with pytest.raises(ClientError, match="ModelStreamError"):
        list(broken["Body"])
    broken["Body"].close()
    assert endpoints.invoke(name, "again")["Body"] == b"again"
    endpoints.delete(name)


def test_bodies_of_any_kind_and_size_pass_unchanged(endpoints: Endpoints) -> None:
    script = "def model_fn(d): return 1\ndef transform_fn(model, body, kind, accept): return body"
    name = endpoints.up(endpoints.model(script))
    for body in (b"", b"\x00\xff\r\n\r\n", bytes(range(256)) * 4096 * 5):
        answer = endpoints.invoke(name, body, kind="application/octet-stream")
        assert answer["Body"] == body
    with pytest.raises(ClientError) as raised:
        endpoints.invoke(name, b"x" * (25 * 1024 * 1024 + 1), kind="application/octet-stream")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    endpoints.delete(name)


def test_captured_data_is_in_aws_s_format(endpoints: Endpoints) -> None:
    capture = {
        "EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }  # fmt: skip
    name = endpoints.up(endpoints.model(), DataCaptureConfig=capture)
    assert endpoints.describe(name)["DataCaptureConfig"]["CaptureStatus"] == "Started"
    endpoints.invoke(name, "1,2", InferenceId="mine")
    endpoints.delete(name)  # what was captured is written before an endpoint goes
    (found,) = endpoints.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"captured/{name}/v0/")["Contents"]
    assert found["Key"].endswith(".jsonl")
    record = json.loads(endpoints.s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read())
    assert record["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv", "mode": "INPUT", "data": "1,2", "encoding": "CSV",
    }  # fmt: skip
    assert record["captureData"]["endpointOutput"]["encoding"] == "JSON"
    assert record["eventMetadata"]["inferenceId"] == "mine"
    assert record["eventVersion"] == "0"
