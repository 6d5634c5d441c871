"""Errors through botocore's own parsers: code, message, status and modelled members, for each protocol."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import PROTOCOL_PARSERS

from clary.wire.codec import encode_error
from clary.wire.errors import WireError
from clary.wire.messages import HttpResponse
from clary.wire.models import service


def parsed(name: str, protocol: str, response: HttpResponse, shape: str | None = None) -> dict[str, Any]:
    message = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": response.body,
        "context": {},
    }
    model = service(name).model
    found: dict[str, Any] = PROTOCOL_PARSERS[protocol]().parse(
        message, model.shape_for(shape) if shape else None
    )
    return found


@pytest.mark.parametrize(
    ("name", "operation", "protocol", "error", "code", "status"),
    [
        (
            "sagemaker",
            "CreateTrainingJob",
            "json",
            WireError("ResourceInUse", "in use"),
            "ResourceInUse",
            400,
        ),
        (
            "sagemaker",
            "ListTags",
            "json",
            WireError("ValidationException", "bad"),
            "ValidationException",
            400,
        ),
        (
            "sagemaker",
            None,
            "json",
            WireError("UnknownOperationException", ""),
            "UnknownOperationException",
            400,
        ),
        (
            "sagemaker-runtime",
            "InvokeEndpoint",
            "rest-json",
            WireError("ModelError", "broke"),
            "ModelError",
            424,
        ),
        (
            "sagemaker-runtime",
            None,
            "rest-json",
            WireError("InternalFailure", "oh", 500),
            "InternalFailure",
            500,
        ),
        ("sagemaker-metrics", None, "rest-json", WireError("AccessDeniedException", "no", 403), None, 403),
        (
            "logs",
            None,
            "json",
            WireError("ResourceNotFoundException", "gone"),
            "ResourceNotFoundException",
            400,
        ),
        (
            "sts",
            "AssumeRole",
            "query",
            WireError("ExpiredTokenException", "old"),
            "ExpiredTokenException",
            400,
        ),
        ("sts", None, "query", WireError("InvalidClientTokenId", "who", 403), "InvalidClientTokenId", 403),
        ("iam", "GetRole", "query", WireError("NoSuchEntity", "no <role> & co"), "NoSuchEntity", 404),
        ("iam", "GetRole", "query", WireError("NoSuchEntityException", "no role"), "NoSuchEntity", 404),
        ("s3", "GetObject", "rest-xml", WireError("NoSuchKey", "no key", 404, Key="a&b"), "NoSuchKey", 404),
        ("s3", "PutObject", "rest-xml", WireError("BadDigest", "bad"), "BadDigest", 400),
        (
            "cloudwatch",
            "PutMetricData",
            "query",
            WireError("InvalidParameterValue", "bad"),
            "InvalidParameterValue",
            400,
        ),
        (
            "cloudwatch",
            "PutMetricData",
            "json",
            WireError("InvalidParameterValue", "bad"),
            "InvalidParameterValue",
            400,
        ),
        (
            "cloudwatch",
            "PutMetricData",
            "smithy-rpc-v2-cbor",
            WireError("InvalidParameterValue", "bad"),
            "InvalidParameterValue",
            400,
        ),
    ],
)
def test_botocore_reads_code_message_and_status(
    name: str, operation: str | None, protocol: str, error: WireError, code: str | None, status: int
) -> None:
    where = service(name)
    response = encode_error(
        where, where.operations[operation] if operation else None, protocol, error, "req-1"
    )
    found = parsed(name, protocol, response)
    assert response.status == status
    assert found["Error"]["Code"] == code or error.code
    assert (found["Error"]["Message"] or "") == error.message
    assert found["ResponseMetadata"]["RequestId"] == "req-1"
    assert found["ResponseMetadata"]["HTTPStatusCode"] == status


def test_modelled_members_come_with_the_error() -> None:
    error = WireError(
        "ModelError", "broke", OriginalStatusCode=500, OriginalMessage="x", LogStreamArn="arn:y"
    )
    response = encode_error(service("sagemaker-runtime"), None, "rest-json", error, "r")
    assert parsed("sagemaker-runtime", "rest-json", response, "ModelError") == {
        "Message": "broke",
        "OriginalStatusCode": 500,
        "OriginalMessage": "x",
        "LogStreamArn": "arn:y",
    }


def test_query_code_goes_with_the_newer_protocols() -> None:
    error = WireError("ResourceNotFound", "gone")
    for protocol in ("json", "smithy-rpc-v2-cbor"):
        response = encode_error(service("cloudwatch"), None, protocol, error, "r")
        assert response.status == 404
        assert ("x-amzn-query-error", "ResourceNotFound;Sender") in response.headers


def test_s3_names_the_resource_in_its_error() -> None:
    error = WireError(
        "NoSuchBucket", "The specified bucket does not exist", 404, BucketName="b", Resource=None
    )
    response = encode_error(service("s3"), service("s3").operations["ListObjectsV2"], "rest-xml", error, "r1")
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does '
        b"not exist</Message><BucketName>b</BucketName><RequestId>r1</RequestId><HostId>r1</HostId></Error>"
    )
    assert parsed("s3", "rest-xml", response)["Error"]["BucketName"] == "b"


@pytest.mark.parametrize(
    ("operation", "status"), [("HeadObject", 404), ("HeadBucket", 403), ("GetObject", 304)]
)
def test_no_body_where_http_allows_none(operation: str, status: int) -> None:
    error = WireError("Whatever", "a message", status)
    response = encode_error(service("s3"), service("s3").operations[operation], "rest-xml", error, "r")
    assert (response.status, response.body) == (status, b"")
    assert parsed("s3", "rest-xml", response)["Error"]["Code"] == str(status)
