"""What the protocol cases and round trips leave open."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import cbor2
import pytest
from botocore.model import ServiceModel

from clary.wire.bodies import LARGEST
from clary.wire.codec import decode, encode
from clary.wire.errors import WireError
from clary.wire.messages import Document, HttpRequest
from clary.wire.models import Operation, Service, service

METRIC = {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.5}]}
FORM = b"Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1.5"


class Upload:
    """A request's body on its way."""

    length: int | None = 3
    trailers: Mapping[str, str] = {}

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("the codec must not read a payload")


@pytest.mark.parametrize(
    ("protocol", "body"),
    [("json", json.dumps(METRIC).encode()), ("smithy-rpc-v2-cbor", cbor2.dumps(METRIC)), ("query", FORM)],
)
def test_compressed_body_is_expanded(protocol: str, body: bytes) -> None:
    request = HttpRequest(
        "POST", "/", headers={"content-encoding": "gzip"}, body=gzip.compress(body, mtime=0)
    )
    assert decode(service("cloudwatch").operations["PutMetricData"], protocol, request) == METRIC


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(FORM, mtime=0)[:-9], gzip.compress(b" " * (LARGEST + 1), mtime=0)],
    ids=["no gzip", "cut off", "too large"],
)
def test_body_that_cannot_be_expanded_is_refused(body: bytes) -> None:
    request = HttpRequest("POST", "/", headers={"content-encoding": "gzip"}, body=body)
    with pytest.raises(WireError) as caught:
        decode(service("cloudwatch").operations["PutMetricData"], "query", request)
    assert caught.value.code == "MalformedInput"


def test_payload_is_put_through_untouched() -> None:
    upload = Upload()
    headers = {"content-encoding": "gzip", "content-length": "3", "x-amz-meta-owner": "me"}
    request = HttpRequest("PUT", "/b/k", headers=headers, body=upload)
    assert decode(service("s3").operations["PutObject"], "rest-xml", request) == {
        "Bucket": "b",
        "Key": "k",
        "Body": upload,
        "ContentEncoding": "gzip",
        "ContentLength": 3,
        "Metadata": {"owner": "me"},
    }


def test_announced_length_of_a_payload_is_checked() -> None:
    upload = Upload()
    upload.length = 10_000_000_000
    request = HttpRequest("POST", "/endpoints/e/invocations", body=upload)
    with pytest.raises(WireError, match=r"Value at 'body' .* must have length less than or equal to"):
        decode(service("sagemaker-runtime").operations["InvokeEndpoint"], "rest-json", request)
    upload.length = None
    document = decode(service("sagemaker-runtime").operations["InvokeEndpoint"], "rest-json", request)
    assert document["Body"] is upload


def test_missing_token_is_made_up() -> None:
    operation = service("sagemaker").operations["CreatePipeline"]
    body = {"PipelineName": "p", "RoleArn": "arn:aws:iam::123456789012:role/x"}
    first, second = (
        decode(operation, "json", HttpRequest("POST", "/", body=json.dumps(body).encode())) for _ in "ab"
    )
    assert first["ClientRequestToken"] != second["ClientRequestToken"]
    given = {**body, "ClientRequestToken": "t" * 32}
    assert decode(operation, "json", HttpRequest("POST", "/", body=json.dumps(given).encode())) == given


@pytest.mark.parametrize(
    ("query", "argument"), [("max-keys=many", "max-keys"), ("encoding-type=rot13", "encoding-type")]
)
def test_s3_names_the_argument_it_refuses(query: str, argument: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(service("s3").operations["ListObjectsV2"], "rest-xml", HttpRequest("GET", "/b", query))
    assert caught.value.code == "InvalidArgument"
    assert caught.value.fields["ArgumentName"] == argument


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete><Object>",
        b"not xml",
        b"<Delete><Object><Key>a</Key></Object><Quiet>maybe</Quiet></Delete>",
        b"<Delete/>",
        b'<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>',
        '<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>'.encode("utf-16"),
    ],
)
def test_s3_refuses_a_body_that_is_not_of_its_schema(body: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode(
            service("s3").operations["DeleteObjects"],
            "rest-xml",
            HttpRequest("POST", "/b", "delete", {}, body),
        )
    assert caught.value.code == "MalformedXML"


def test_form_that_is_misshapen_is_refused() -> None:
    operation = service("sts").operations["AssumeRole"]
    for form in (b"PolicyArns.member.x.arn=a", b"RoleArn.a=b", b"DurationSeconds=1_0", b"PolicyArns=a"):
        with pytest.raises(WireError) as caught:
            decode(operation, "query", HttpRequest("POST", "/", body=form))
        assert caught.value.code == "MalformedInput"


def test_nesting_beyond_reason_is_refused() -> None:
    deep = '{"SubExpressions": [' * 900 + "]}" * 900
    body = f'{{"Resource": "TrialComponent", "SearchExpression": {deep}}}'.encode()
    with pytest.raises(WireError):
        decode(service("sagemaker").operations["Search"], "json", HttpRequest("POST", "/", body=body))


@pytest.mark.parametrize("value", ["1e300", "9" * 400, "-1e15", '"2026-13-01"', '"soon"', "true", "[]"])
def test_what_is_no_date_is_refused(value: str) -> None:
    body = f'{{"CreationTimeAfter": {value}}}'.encode()
    with pytest.raises(WireError) as caught:
        decode(
            service("sagemaker").operations["ListTrainingJobs"], "json", HttpRequest("POST", "/", body=body)
        )
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize("value", ["1795478400", "1795478400.0", '"2026-11-24T00:00:00Z"', '"1795478400"'])
def test_dates_are_read_in_every_format(value: str) -> None:
    body = f'{{"CreationTimeAfter": {value}}}'.encode()
    operation = service("sagemaker").operations["ListTrainingJobs"]
    document = decode(operation, "json", HttpRequest("POST", "/", body=body))
    assert document == {"CreationTimeAfter": 1795478400.0}


def test_integers_end_where_their_type_does() -> None:
    operation = service("sagemaker-metrics").operations["BatchPutMetrics"]
    for step in (2**31, -(2**31) - 1, "1e400", '"3"'):
        point = f'{{"MetricName": "m", "Timestamp": 1, "Value": 1, "Step": {step}}}'
        body = f'{{"TrialComponentName": "a", "MetricData": [{point}]}}'.encode()
        with pytest.raises(WireError) as caught:
            decode(operation, "rest-json", HttpRequest("PUT", "/BatchPutMetrics", body=body))
        assert caught.value.code == "SerializationException"


def test_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(WireError) as caught:
        decode(service("s3").operations["GetObject"], "rest-xml", HttpRequest("GET", "/b/%FF"))
    assert caught.value.fields["ArgumentName"] == "Key"


def test_threads_that_ask_first_together_read_the_same() -> None:
    body = json.dumps(
        {"Resource": "ExperimentTrial", "SearchExpression": {"SubExpressions": [{"Operator": "And"}]}}
    )
    request = HttpRequest("POST", "/", body=body.encode())
    for _ in range(5):
        fresh = Service("sagemaker", ServiceModel(service("sagemaker").model._service_description))
        search = fresh.operations["Search"]
        ready = Barrier(8)

        def read(search: Operation = search, ready: Barrier = ready) -> Document:
            ready.wait()
            return decode(search, "json", request)

        with ThreadPoolExecutor(8) as threads:
            found = [threads.submit(read) for _ in range(8)]
        assert all(one.result() == json.loads(body) for one in found)


def test_one_document_serves_every_shape_that_knows_some_of_it() -> None:
    stored = {
        "TrainingJobName": "job",
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/job",
        "TrainingJobStatus": "Completed",
        "CreationTime": datetime(2026, 11, 24, tzinfo=UTC),
        "LastModifiedTime": 1795458837.25,
        "TrainingEndTime": None,
        "HyperParameters": {"epochs": 30, "shuffle": True},
        "ResourceConfig": {"InstanceCount": "1", "Colour": "red"},
        "pid": 4711,
    }
    operations = service("sagemaker").operations

    def body(operation: str, answer: dict[str, Any]) -> Any:
        response = encode(operations[operation], "json", answer, "r")
        assert isinstance(response.body, bytes)
        return json.loads(response.body)

    assert body("CreateTrainingJob", stored) == {"TrainingJobArn": stored["TrainingJobArn"]}
    assert body("DescribeTrainingJob", stored) == {
        "TrainingJobName": "job",
        "TrainingJobArn": stored["TrainingJobArn"],
        "TrainingJobStatus": "Completed",
        "CreationTime": 1795478400,
        "LastModifiedTime": 1795458837.25,
        "HyperParameters": {"epochs": "30", "shuffle": "true"},
        "ResourceConfig": {"InstanceCount": 1},
    }
    assert body("ListTrainingJobs", {"TrainingJobSummaries": [stored]}) == {
        "TrainingJobSummaries": [
            {
                "TrainingJobName": "job",
                "TrainingJobArn": stored["TrainingJobArn"],
                "TrainingJobStatus": "Completed",
                "CreationTime": 1795478400,
                "LastModifiedTime": 1795458837.25,
            }
        ]
    }


def test_answer_without_members() -> None:
    sagemaker = encode(service("sagemaker").operations["DeleteEndpoint"], "json", None, "r")
    assert (sagemaker.status, sagemaker.body) == (200, b"")
    s3 = encode(service("s3").operations["DeleteObject"], "rest-xml", {"VersionId": "v"}, "r")
    assert (s3.status, s3.body) == (204, b"")
    assert ("x-amz-version-id", "v") in s3.headers
    assert ("x-amz-request-id", "r") in s3.headers


def test_streamed_payload_is_the_body_itself() -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"x"

    stream = content()
    response = encode(
        service("s3").operations["GetObject"], "rest-xml", {"Body": stream, "ContentLength": 1}, "r"
    )
    assert response.body is stream
    assert ("Content-Type", "binary/octet-stream") in response.headers
    assert ("Content-Length", "1") in response.headers


@pytest.mark.parametrize(("region", "text"), [(None, b""), ("eu-west-1", b"eu-west-1")])
def test_location_of_a_bucket_is_its_root(region: str | None, text: bytes) -> None:
    answer = {"LocationConstraint": region}
    response = encode(service("s3").operations["GetBucketLocation"], "rest-xml", answer, "r")
    assert isinstance(response.body, bytes)
    assert response.body.endswith(b'2006-03-01/">' + text + b"</LocationConstraint>")


def test_s3_roots_are_those_of_its_documentation() -> None:
    operations = service("s3").operations
    for operation, root in [
        ("ListObjectsV2", b"<ListBucketResult "),
        ("ListBuckets", b"<ListAllMyBucketsResult "),
        ("CreateMultipartUpload", b"<InitiateMultipartUploadResult "),
        ("CompleteMultipartUpload", b"<CompleteMultipartUploadResult "),
        ("CopyObject", b"<CopyObjectResult "),
        ("DeleteObjects", b"<DeleteResult "),
    ]:
        answer = {"CopyObjectResult": {"ETag": "e"}} if operation == "CopyObject" else {}
        response = encode(operations[operation], "rest-xml", answer, "r")
        assert isinstance(response.body, bytes)
        assert root in response.body
