"""What an endpoint or a transform job is asked for is done or refused; nothing is accepted and forgotten."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints
from tests.support.process import IMAGE, ROLE, Clary


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AcceleratorType": "ml.eia2.medium"}, "AcceleratorType"),
        ({"CoreDumpConfig": {"DestinationS3Uri": f"s3://{BUCKET}/core"}}, "CoreDumpConfig"),
        ({"ManagedInstanceScaling": {"Status": "ENABLED"}}, "ManagedInstanceScaling"),
        ({"EnableSSMAccess": True}, "EnableSSMAccess"),
    ],
)
def test_variants_with_what_is_not_done_are_refused(
    endpoints: Endpoints, changes: dict[str, Any], words: str
) -> None:
    model = endpoints.model()
    with pytest.raises(ClientError, match=words) as raised:
        endpoints.config(model, changes=changes)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_containers_with_what_is_not_done_are_refused(endpoints: Endpoints) -> None:
    source = {
        "S3DataSource": {"S3Uri": f"s3://{BUCKET}/x", "S3DataType": "S3Object", "CompressionType": "Gzip"}
    }
    with pytest.raises(ClientError, match="AdditionalModelDataSources"):
        endpoints.sagemaker.create_model(
            ModelName="additional", ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "AdditionalModelDataSources": [{"ChannelName": "more", **source}]},
        )  # fmt: skip


def test_an_asynchronous_configuration_needs_a_place_for_answers(endpoints: Endpoints) -> None:
    with pytest.raises(ClientError, match="S3OutputPath"):
        endpoints.config(endpoints.model(), AsyncInferenceConfig={"OutputConfig": {}})


def test_an_asynchronous_failure_without_a_failure_path_is_in_the_log(endpoints: Endpoints) -> None:
    script = "def model_fn(d): return 1\ndef transform_fn(m, b, c, a): raise ValueError('no such row')"
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/answers"}}
    name = endpoints.up(endpoints.model(script), AsyncInferenceConfig=output)
    endpoints.s3.put_object(Bucket=BUCKET, Key="asked.csv", Body=b"1")
    answer = endpoints.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{BUCKET}/asked.csv"
    )
    assert "FailureLocation" not in answer
    until = time.monotonic() + 60
    while not any(answer["InferenceId"] in line and "no such row" in line for line in endpoints.lines(name)):
        assert time.monotonic() < until, endpoints.lines(name)
        time.sleep(0.05)
    assert endpoints.s3.list_objects_v2(Bucket=BUCKET, Prefix="answers/")["KeyCount"] == 0
    endpoints.delete(name)


def test_the_old_fleet_stays_for_its_termination_wait(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    new = endpoints.config(endpoints.model(label="new"))
    folder = next((endpoints.clary.home / "endpoints").glob(f"{name}-*"))
    policy = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 3,
    }
    endpoints.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig={"BlueGreenUpdatePolicy": policy}
    )
    endpoints.wait(name)
    assert b'"new"' in endpoints.invoke(name)["Body"]
    assert (folder / "1").is_dir()
    until = time.monotonic() + 60
    while (folder / "1").is_dir():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert b'"new"' in endpoints.invoke(name)["Body"]
    endpoints.delete(name)


def test_an_endpoint_goes_without_waiting_for_its_old_fleet(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(label="old"))
    new = endpoints.config(endpoints.model(label="new"))
    policy = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 3600,
    }
    endpoints.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig={"BlueGreenUpdatePolicy": policy}
    )
    endpoints.wait(name)
    endpoints.delete(name)


def test_an_isolated_model_answers_and_reaches_nobody(endpoints: Endpoints) -> None:
    script = """
import os, socket
from urllib.parse import urlsplit

def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    url = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    try:
        socket.create_connection((url.hostname, url.port), 5)
        return "reached", "text/plain"
    except OSError:
        return "alone", "text/plain"
"""
    answers = []
    for isolated in (False, True):
        name = endpoints.name("model")
        endpoints.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, EnableNetworkIsolation=isolated,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": endpoints.data(script)},
        )  # fmt: skip
        endpoint = endpoints.up(name)
        answers.append(endpoints.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1")["Body"].read())
    assert answers == [b"reached", b"alone"]
