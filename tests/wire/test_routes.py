"""Which operation a request names: S3's many at one address, the three ways to CloudWatch, and none."""

from __future__ import annotations

import gzip

import pytest

from clary.wire import routes
from clary.wire.codec import decode
from clary.wire.messages import HttpRequest
from clary.wire.models import service


def named(name: str, request: HttpRequest) -> tuple[str, str] | None:
    match = routes.find(service(name), request)
    return None if match is None else (match.operation.name, match.protocol)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/", "x-id=ListBuckets&max-buckets=3", {}, "ListBuckets"),
        ("GET", "/b", "", {}, "ListObjects"),
        ("GET", "/b/", "prefix=a/", {}, "ListObjects"),
        ("GET", "/b", "list-type=2&delimiter=", {}, "ListObjectsV2"),
        ("GET", "/b", "list-type=1", {}, "ListObjects"),
        ("GET", "/b", "location", {}, "GetBucketLocation"),
        ("GET", "/b", "location=", {}, "GetBucketLocation"),
        ("GET", "/b", "uploads", {}, "ListMultipartUploads"),
        ("GET", "/b", "versions", {}, "ListObjectVersions"),
        ("GET", "/b", "tagging", {}, "GetBucketTagging"),
        ("GET", "/b", "lifecycle", {}, "GetBucketLifecycleConfiguration"),
        ("GET", "/b", "notification", {}, "GetBucketNotificationConfiguration"),
        ("GET", "/b", "analytics", {}, "ListBucketAnalyticsConfigurations"),
        ("GET", "/b", "analytics&id=3", {}, "GetBucketAnalyticsConfiguration"),
        ("HEAD", "/b", "", {}, "HeadBucket"),
        ("PUT", "/b", "", {}, "CreateBucket"),
        ("PUT", "/b/", "tagging", {}, "PutBucketTagging"),
        ("DELETE", "/b", "", {}, "DeleteBucket"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("GET", "/b/k", "", {}, "GetObject"),
        ("GET", "/b/k/with/slashes/", "response-content-type=a&X-Amz-Signature=1", {}, "GetObject"),
        ("GET", "/b/k", "tagging", {}, "GetObjectTagging"),
        ("GET", "/b/k", "acl", {}, "GetObjectAcl"),
        ("GET", "/b/k", "uploadId=u", {}, "ListParts"),
        ("GET", "/b/k", "attributes", {}, "GetObjectAttributes"),
        ("HEAD", "/b/k", "", {}, "HeadObject"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "x-id=PutObject", {}, "PutObject"),
        ("PUT", "/b/k", "", {"x-amz-copy-source": "b/o"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {"x-amz-copy-source": "b/o"}, "UploadPartCopy"),
        ("PUT", "/b/k", "tagging", {}, "PutObjectTagging"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b/k", "select&select-type=2", {}, "SelectObjectContent"),
        ("DELETE", "/b/k", "", {}, "DeleteObject"),
        ("DELETE", "/b/k", "versionId=v", {}, "DeleteObject"),
        ("DELETE", "/b/k", "uploadId=u", {}, "AbortMultipartUpload"),
        ("DELETE", "/b/k", "tagging", {}, "DeleteObjectTagging"),
        ("POST", "/WriteGetObjectResponse", "", {}, "WriteGetObjectResponse"),
    ],
)
def test_s3_operation_by_its_most_specific_address(
    method: str, path: str, query: str, headers: dict[str, str], operation: str
) -> None:
    assert named("s3", HttpRequest(method, path, query, headers)) == (operation, "rest-xml")


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/b/k"), ("DELETE", "/"), ("POST", "/"), ("OPTIONS", "/b")]
)
def test_what_s3_has_no_operation_for(method: str, path: str) -> None:
    assert named("s3", HttpRequest(method, path)) is None


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("/b/a%2Fb", "b", "a/b"),
        ("/b/a%20b+c", "b", "a b+c"),
        ("/b/%E6%97%A5%E6%9C%AC", "b", "日本"),
        ("/b/100%2525", "b", "100%25"),
        ("/b//leading", "b", "/leading"),
        ("/b/folder/", "b", "folder/"),
        ("/b/a%0Ab", "b", "a\nb"),
        ("/b/..", "b", ".."),
        ("/b/a%3Fb%23c", "b", "a?b#c"),
    ],
)
def test_key_survives_its_path(path: str, bucket: str, key: str) -> None:
    request = HttpRequest("GET", path)
    match = routes.find(service("s3"), request)
    assert match is not None
    assert decode(match.operation, match.protocol, request) == {"Bucket": bucket, "Key": key}


def test_json_by_target() -> None:
    target = {"x-amz-target": "SageMaker.CreateTrainingJob"}
    assert named("sagemaker", HttpRequest("POST", "/", headers=target)) == ("CreateTrainingJob", "json")
    assert named("logs", HttpRequest("POST", "/", headers=target)) is None
    assert named("sagemaker", HttpRequest("POST", "/", headers={"x-amz-target": "SageMaker.Nothing"})) is None
    assert named("sagemaker", HttpRequest("POST", "/")) is None


FORM = b"Action=PutMetricData&Version=2010-08-01&Namespace=n"


@pytest.mark.parametrize(
    ("request_", "protocol"),
    [
        (
            HttpRequest("POST", "/", headers={"x-amz-target": "GraniteServiceVersion20100801.PutMetricData"}),
            "json",
        ),
        (
            HttpRequest(
                "POST",
                "/service/GraniteServiceVersion20100801/operation/PutMetricData",
                headers={"smithy-protocol": "rpc-v2-cbor"},
            ),
            "smithy-rpc-v2-cbor",
        ),
        (HttpRequest("POST", "/", body=FORM), "query"),
        (HttpRequest("GET", "/", FORM.decode()), "query"),
        (
            HttpRequest("POST", "/", headers={"content-encoding": "gzip"}, body=gzip.compress(FORM, mtime=0)),
            "query",
        ),
    ],
    ids=["json", "cbor", "form", "form in the url", "compressed form"],
)
def test_cloudwatch_speaks_three_protocols(request_: HttpRequest, protocol: str) -> None:
    assert named("cloudwatch", request_) == ("PutMetricData", protocol)


@pytest.mark.parametrize("body", [b"", b"Action=Nothing", b"ReAction=AssumeRole", b"\x1f\x8b\xff"])
def test_form_without_a_known_action(body: bytes) -> None:
    assert named("sts", HttpRequest("POST", "/", body=body)) is None


def test_rest_json_by_path() -> None:
    assert named("sagemaker-metrics", HttpRequest("PUT", "/BatchPutMetrics")) == (
        "BatchPutMetrics",
        "rest-json",
    )
    assert named("sagemaker-metrics", HttpRequest("GET", "/BatchPutMetrics")) is None
    request = HttpRequest("POST", "/endpoints/my%20endpoint/invocations", body=b"1,2")
    match = routes.find(service("sagemaker-runtime"), request)
    assert match is not None
    assert match.operation.name == "InvokeEndpoint"
    assert named("sagemaker-runtime", HttpRequest("POST", "/endpoints/a/b/invocations")) is None
