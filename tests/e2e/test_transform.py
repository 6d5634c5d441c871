"""Batch transform and asynchronous invocations as boto3 sees them."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import BUCKET, Endpoints
from tests.support.process import IMAGE, ROLE, Clary

SUMS = """
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    if "bad" in body: raise ValueError("a bad record")
    return "".join("%g\\n" % sum(map(float, line.split(","))) for line in body.splitlines()), "text/csv"
"""


@pytest.fixture(scope="module")
def endpoints(clary: Clary) -> Endpoints:
    return Endpoints(clary)


@pytest.fixture(scope="module")
def sums(endpoints: Endpoints) -> str:
    return endpoints.model(SUMS)


class Transforms:
    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints

    def start(self, model: str, files: dict[str, bytes], **changes: Any) -> str:
        name = self.endpoints.name("transform")
        for key, body in files.items():
            self.endpoints.s3.put_object(Bucket=BUCKET, Key=f"{name}/in/{key}", Body=body)
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"}}
        request = {
            "TransformJobName": name, "ModelName": model,
            "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/{name}/out", "Accept": "text/csv", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }  # fmt: skip
        for member, value in changes.items():
            known = request.get(member)
            request[member] = {**known, **value} if isinstance(known, dict) else value
        self.endpoints.sagemaker.create_transform_job(**request)
        return name

    def wait(self, name: str) -> dict[str, Any]:
        until = time.monotonic() + 90
        while True:
            found: dict[str, Any] = self.endpoints.sagemaker.describe_transform_job(TransformJobName=name)
            if found["TransformJobStatus"] not in ("InProgress", "Stopping"):
                return found
            assert time.monotonic() < until, self.endpoints.clary.log[-4000:]
            time.sleep(0.03)

    def outputs(self, name: str) -> dict[str, str]:
        listed = self.endpoints.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/out/").get("Contents", ())
        return {
            each["Key"].removeprefix(f"{name}/out/"): self.endpoints.s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"]
            .read().decode()
            for each in listed
        }  # fmt: skip


@pytest.fixture(scope="module")
def transforms(endpoints: Endpoints) -> Transforms:
    return Transforms(endpoints)


def test_files_are_transformed_in_order(transforms: Transforms, sums: str) -> None:
    many = b"".join(b"%d,1\n" % n for n in range(500))
    name = transforms.start(
        sums,
        {"a.csv": b"1,2\n3,4\n", "deep/b.csv": many},
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=4,
    )
    found = transforms.wait(name)
    assert found["TransformJobStatus"] == "Completed", found
    assert found["TransformStartTime"] <= found["TransformEndTime"]
    outputs = transforms.outputs(name)
    assert outputs.keys() == {"a.csv.out", "deep/b.csv.out"}
    assert outputs["a.csv.out"] == "3\n7\n"
    assert outputs["deep/b.csv.out"] == "".join(f"{n + 1}\n" for n in range(500))
    listed = transforms.endpoints.sagemaker.list_transform_jobs(NameContains=name)["TransformJobSummaries"]
    assert [(each["TransformJobName"], each["TransformJobStatus"]) for each in listed] == [
        (name, "Completed")
    ]


def test_answers_are_joined_with_their_records(transforms: Transforms, sums: str) -> None:
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    name = transforms.start(
        sums, {"a.csv.gz": gzip.compress(b"id1,1,2\nid2,3,4\n")}, BatchStrategy="MultiRecord",
        DataProcessing=processing, TransformInput={"CompressionType": "Gzip"},
    )  # fmt: skip
    assert transforms.wait(name)["TransformJobStatus"] == "Completed"
    assert transforms.outputs(name) == {"a.csv.gz.out": "id1,3\nid2,7\n"}


def test_a_bad_record_fails_its_file_and_keeps_the_others(transforms: Transforms, sums: str) -> None:
    name = transforms.start(
        sums, {"a.csv": b"1,2\nbad\n3,4\n", "b.csv": b"5,6\n"}, ModelClientConfig={"InvocationsMaxRetries": 0},
        BatchStrategy="SingleRecord",
    )  # fmt: skip
    found = transforms.wait(name)
    assert found["TransformJobStatus"] == "Failed"
    assert "a.csv" in found["FailureReason"]
    assert "a bad record" in found["FailureReason"]
    assert transforms.outputs(name) == {"b.csv.out": "11\n"}


def test_instances_share_the_files(transforms: Transforms) -> None:
    meet = """
import os, time
def model_fn(model_dir): return os.getpid()
def transform_fn(model, body, content_type, accept):
    return body
"""
    model = transforms.endpoints.model(meet)
    files = {f"{n}.csv": b"%d\n" % n for n in range(6)}
    name = transforms.start(model, files, TransformResources={"InstanceCount": 2})
    assert transforms.wait(name)["TransformJobStatus"] == "Completed"
    assert transforms.outputs(name) == {f"{n}.csv.out": f"{n}\n" for n in range(6)}
    streams = transforms.endpoints.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=f"{name}/i-"
    )["logStreams"]
    assert len(streams) == 2


def test_a_transform_s_data_is_not_captured(transforms: Transforms, sums: str) -> None:
    with pytest.raises(ClientError, match="DataCaptureConfig"):
        transforms.start(sums, {}, DataCaptureConfig={"DestinationS3Uri": f"s3://{BUCKET}/captured"})


def test_a_transform_is_stopped(transforms: Transforms, endpoints: Endpoints) -> None:
    slow = endpoints.model(
        "import time\ndef model_fn(d): return 1\ndef transform_fn(m, b, c, a): time.sleep(60); return b"
    )
    name = transforms.start(slow, {"a.csv": b"1\n"})
    endpoints.sagemaker.stop_transform_job(TransformJobName=name)
    assert transforms.wait(name)["TransformJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="in status Stopped"):
        endpoints.sagemaker.stop_transform_job(TransformJobName=name)


def test_what_a_transform_cannot_do_is_refused(transforms: Transforms, sums: str) -> None:
    with pytest.raises(ClientError, match="JSONPath"):
        transforms.start(sums, {}, DataProcessing={"InputFilter": "$..x"})
    with pytest.raises(ClientError, match="Could not find model"):
        transforms.start("nothing", {})
    assert transforms.wait(transforms.start(sums, {}))["FailureReason"].startswith(
        "ClientError: Data download failed: No S3 objects"
    )


def test_an_asynchronous_invocation_answers_in_s3(endpoints: Endpoints, sums: str) -> None:
    output = {"S3OutputPath": f"s3://{BUCKET}/async/out", "S3FailurePath": f"s3://{BUCKET}/async/failed"}
    name = endpoints.up(sums, AsyncInferenceConfig={"OutputConfig": output})
    with pytest.raises(ClientError, match="asynchronous"):
        endpoints.invoke(name)
    endpoints.s3.put_object(Bucket=BUCKET, Key="async/in/good.csv", Body=b"1,2\n3,4\n")
    endpoints.s3.put_object(Bucket=BUCKET, Key="async/in/bad.csv", Body=b"bad")
    answers = {
        which: endpoints.runtime.invoke_endpoint_async(
            EndpointName=name, ContentType="text/csv", InputLocation=f"s3://{BUCKET}/async/in/{which}.csv"
        )
        for which in ("good", "bad")
    }
    assert all(answer["ResponseMetadata"]["HTTPStatusCode"] == 202 for answer in answers.values())
    assert all(answer["InferenceId"] for answer in answers.values())
    assert read(endpoints, answers["good"]["OutputLocation"]) == b"3\n7\n"
    assert b"a bad record" in read(endpoints, answers["bad"]["FailureLocation"])
    inline = endpoints.runtime.invoke_endpoint_async(EndpointName=name, ContentType="text/csv", Body=b"5,6\n")
    assert read(endpoints, inline["OutputLocation"]) == b"11\n"
    named = endpoints.runtime.invoke_endpoint_async(
        EndpointName=name, ContentType="text/csv", Body=b"7", Filename="seven.csv"
    )
    assert named["OutputLocation"] == f"s3://{BUCKET}/async/out/seven.csv"
    assert read(endpoints, named["OutputLocation"]) == b"7\n"
    with pytest.raises(ClientError, match="either an InputLocation or a Body"):
        endpoints.runtime.invoke_endpoint_async(
            EndpointName=name, Body=b"1", InputLocation=f"s3://{BUCKET}/async/in/good.csv"
        )
    with pytest.raises(ClientError, match="no object at InputLocation"):
        endpoints.runtime.invoke_endpoint_async(EndpointName=name, InputLocation=f"s3://{BUCKET}/nothing")
    endpoints.delete(name)
    plain = endpoints.up(sums)
    with pytest.raises(ClientError, match="not asynchronous"):
        endpoints.runtime.invoke_endpoint_async(
            EndpointName=plain, InputLocation=f"s3://{BUCKET}/async/in/good.csv"
        )
    endpoints.delete(plain)


def read(endpoints: Endpoints, uri: str) -> bytes:
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    until = time.monotonic() + 60
    while True:
        try:
            body: bytes = endpoints.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            return body
        except ClientError:
            assert time.monotonic() < until, endpoints.clary.log[-4000:]
            time.sleep(0.03)


MANY = """
import os
def model_fn(model_dir): return open(os.path.join(model_dir, "name")).read()
def transform_fn(model, body, content_type, accept): return model
"""


def test_an_endpoint_of_many_models(endpoints: Endpoints) -> None:
    from tests.support.endpoints import archive

    for label in ("a", "b"):
        body = archive({"name": label, "code/inference.py": MANY})
        endpoints.s3.put_object(Bucket=BUCKET, Key=f"many/{label}.tar.gz", Body=body)
    name = endpoints.up(endpoints.model(Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/many/"))
    for label in "abab":
        assert endpoints.invoke(name, TargetModel=f"{label}.tar.gz")["Body"].decode() == label
    other = MANY.replace(
        "return model\n", "return 'other ' + model\n"
    )  # a script of its own, added while it serves
    endpoints.s3.put_object(
        Bucket=BUCKET, Key="many/c.tar.gz", Body=archive({"name": "c", "code/inference.py": other})
    )
    assert endpoints.invoke(name, TargetModel="c.tar.gz")["Body"] == b"other c"
    assert endpoints.invoke(name, TargetModel="a.tar.gz")["Body"] == b"a"
    for members, words in [
        ({}, "TargetModel must be given"),
        ({"TargetModel": "d.tar.gz"}, "Failed to download model data"),
    ]:
        with pytest.raises(ClientError) as raised:
            endpoints.invoke(name, **members)
        assert words in raised.value.response["Error"]["Message"]
    endpoints.delete(name)


def test_a_serverless_endpoint_answers(endpoints: Endpoints) -> None:
    name = endpoints.name("config")
    endpoints.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{
            "VariantName": "v0", "ModelName": endpoints.model(label="s"),
            "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 2},
        }],
    )  # fmt: skip
    endpoint = endpoints.create(name)
    found = endpoints.wait(endpoint)
    assert found["ProductionVariants"][0]["CurrentServerlessConfig"]["MemorySizeInMB"] == 2048
    assert json.loads(endpoints.invoke(endpoint)["Body"])["predictions"][0]["predicted_label"] == "s"
    endpoints.delete(endpoint)


def test_files_pass_a_pipeline(transforms: Transforms) -> None:
    endpoints = transforms.endpoints
    double = "import json\ndef model_fn(d): return 2\ndef transform_fn(m, body, kind, accept):\n" \
             "    return json.dumps([[m * float(cell) for cell in row.split(',')] for row in body.split()])"  # fmt: skip
    total = "import json\ndef model_fn(d): return 2\ndef transform_fn(m, body, kind, accept):\n" \
            "    assert kind == 'application/json', kind\n" \
            "    return ''.join('%g\\n' % sum(row) for row in json.loads(body)), 'text/csv'"  # fmt: skip
    model = endpoints.name("pipeline")
    containers = [{"Image": IMAGE, "ModelDataUrl": endpoints.data(script)} for script in (double, total)]
    endpoints.sagemaker.create_model(ModelName=model, Containers=containers, ExecutionRoleArn=ROLE)
    name = transforms.start(model, {"a.csv": b"1,2\n3,4\n"})
    found = transforms.wait(name)
    assert found["TransformJobStatus"] == "Completed", found
    assert transforms.outputs(name) == {"a.csv.out": "6\n14\n"}
    listed = endpoints.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=f"{name}/i-"
    )
    assert [each["logStreamName"].rpartition("/")[2] for each in listed["logStreams"]] == [
        "container-1",
        "container-2",
    ]
