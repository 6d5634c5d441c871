"""Who calls, over sockets: keys, sessions, clocks and signatures, each refused in its service's words."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError
from msgspec.structs import replace
from tests.gateway.wire import Answer, send, signed, signed_at
from tests.support.server import ACCOUNT, REGION, Running

import clary.services.logs.events
import clary.services.s3  # noqa: F401
from clary.storage.ports import Key

WHO = b"Action=GetCallerIdentity&Version=2011-06-15"
LOGS = {"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Type": "application/x-amz-json-1.1"}


@pytest.fixture(scope="module", autouse=True)
def bucket(server: Running) -> None:
    client = server.client("s3")
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="a key/ü", Body=b"hello")


def call(client: Any) -> tuple[str, int]:
    """The code and status with which a client's simplest call is refused."""
    name = client.meta.service_model.service_name
    simplest = {"sts": "get_caller_identity", "s3": "list_buckets", "logs": "describe_log_groups"}[name]
    with pytest.raises(ClientError) as error:
        getattr(client, simplest)()
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "unknown", "wrong", "stale"),
    [
        ("s3", ("InvalidAccessKeyId", 403), ("SignatureDoesNotMatch", 403), ("ExpiredToken", 400)),
        ("sts", ("InvalidClientTokenId", 403), ("SignatureDoesNotMatch", 403), ("ExpiredToken", 403)),
        (
            "logs",
            ("UnrecognizedClientException", 400),
            ("InvalidSignatureException", 400),
            ("ExpiredTokenException", 400),
        ),
    ],
)
def test_a_bad_key_in_the_words_of_each_family(
    server: Running, service: str, unknown: tuple[str, int], wrong: tuple[str, int], stale: tuple[str, int]
) -> None:
    assert call(server.client(service, replace(server.key, id="AKIAIOSFODNN7EXAMPLE"))) == unknown
    assert call(server.client(service, replace(server.key, secret="x" * 40))) == wrong
    old = Key(
        f"ASIA{service.upper():X<16}", "s" * 40, ACCOUNT, server.key.principal, 0.0, "token", time.time() - 1
    )
    with server.ports.store.begin() as tx:
        tx.keys.put(old)
    assert call(server.client(service, old)) == stale


def test_a_key_of_another_account_is_unknown(server: Running) -> None:
    foreign = Key("AKIAFOREIGNFOREIGNXX", "s" * 40, "210987654321", "arn:aws:iam::210987654321:root", 0.0)
    with server.ports.store.begin() as tx:
        tx.keys.put(foreign)
    assert call(server.client("sts", foreign)) == ("InvalidClientTokenId", 403)


@pytest.mark.parametrize("offset", [-301, 301])
def test_a_clock_that_is_wrong(server: Running, offset: int) -> None:
    when = time.time() + offset
    answer = send(server, "GET", "/", signed_at(server, "s3", when, "GET", "/"))
    assert (answer.status, "<Code>RequestTimeTooSkewed</Code>" in answer.text) == (403, True)
    assert "<ServerTime>" in answer.text
    answer = send(server, "POST", "/", signed_at(server, "sts", when, "POST", "/", WHO), WHO)
    said = "Signature expired" if offset < 0 else "Signature not yet current"
    assert (answer.status, said in answer.text) == (403, True)
    headers = {"x-amz-target": LOGS["X-Amz-Target"]}
    answer = send(server, "POST", "/", signed_at(server, "logs", when, "POST", "/", b"{}", **headers), b"{}")
    assert json.loads(answer.body)["__type"].endswith("InvalidSignatureException")
    assert said in answer.text


@pytest.mark.parametrize("offset", [-290, 290])
def test_a_clock_that_is_nearly_right(server: Running, offset: int) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    signed_then = signed_at(server, "sts", time.time() + offset, "POST", "/", WHO, **headers)
    assert send(server, "POST", "/", signed_then, WHO).status == 200


def test_a_body_that_was_changed_on_the_way(server: Running) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    headers = signed(server, "sts", "POST", "/", form, WHO)
    answer = send(server, "POST", "/", headers, WHO.replace(b"Caller", b"Killer"))
    assert (answer.status, "<Code>SignatureDoesNotMatch</Code>" in answer.text) == (403, True)
    assert send(server, "POST", "/", headers, WHO).status == 200


def test_an_object_that_was_changed_on_the_way_is_not_kept(server: Running) -> None:
    headers = signed(server, "s3", "PUT", "/bucket/changed", {}, b"true")
    answer = send(server, "PUT", "/bucket/changed", headers, b"lies")
    assert (answer.status, "<Code>XAmzContentSHA256Mismatch</Code>" in answer.text) == (400, True)
    assert (
        send(server, "GET", "/bucket/changed", signed(server, "s3", "GET", "/bucket/changed")).status == 404
    )


def test_what_the_signature_does_not_cover_is_not_believed(server: Running) -> None:
    headers = signed(server, "s3", "PUT", "/bucket/acl", {}, b"x", **{"x-amz-acl": "public-read"})
    answer = send(server, "PUT", "/bucket/acl", headers, b"x")
    assert (answer.status, "<HeadersNotSigned>x-amz-acl" in answer.text) == (403, True)
    for target in ("/bucket/other", "/bucket/acl?acl"):
        answer = send(server, "PUT", target, signed(server, "s3", "PUT", "/bucket/acl", {}, b"x"), b"x")
        assert "<Code>SignatureDoesNotMatch</Code>" in answer.text


def follow(server: Running, url: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """As a browser would: the URL and nothing else."""
    parts = urlsplit(url)
    return send(server, method, f"{parts.path}?{parts.query}", {"Host": parts.netloc, **headers}, body)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("session", [False, True])
def test_presigned_urls_of_both_versions(server: Running, version: str, session: bool) -> None:
    key = server.key
    if session:
        given = server.client("sts").get_session_token()["Credentials"]
        key = Key(given["AccessKeyId"], given["SecretAccessKey"], ACCOUNT, "", 0.0, given["SessionToken"])
    client = server.client("s3", key, config=Config(signature_version=version))
    url = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a key/ü"}, 60)
    assert ("X-Amz-Signature" in url) == (version == "s3v4")
    assert follow(server, url).body == b"hello"
    changed = follow(server, url.replace("a%20key", "b%20key"))
    assert (changed.status, "<Code>SignatureDoesNotMatch</Code>" in changed.text) == (403, True)
    up = client.generate_presigned_url(
        "put_object", {"Bucket": "bucket", "Key": "up", "ContentType": "text/plain"}, 60
    )
    assert follow(server, up, "PUT", b"by URL", **{"Content-Type": "text/plain"}).status == 200
    for other in ("text/html", "application/x-www-form-urlencoded"):
        refused = follow(server, up, "PUT", b"by URL", **{"Content-Type": other})
        assert (refused.status, "<Code>SignatureDoesNotMatch</Code>" in refused.text) == (403, True)
    named = client.generate_presigned_url(
        "get_object",
        {"Bucket": "bucket", "Key": "up", "ResponseContentDisposition": 'attachment; filename="ü b"'},
        60,
    )
    answer = follow(server, named)
    assert answer.body == b"by URL"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_presigned_url_ends(server: Running) -> None:
    client = server.client("s3", config=Config(signature_version="s3"))
    legacy = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a key/ü"}, -5)
    request = AWSRequest("GET", f"{server.url}/bucket/a%20key/%C3%BC")
    current = _signed_before(S3SigV4QueryAuth(server.credentials, "s3", REGION, 30), request, 60)
    for url in (legacy, current):
        answer = follow(server, url)
        assert (answer.status, "Request has expired" in answer.text) == (403, True), answer.text
    request = AWSRequest("GET", f"{server.url}/bucket/a%20key/%C3%BC")
    longer = _signed_before(S3SigV4QueryAuth(server.credentials, "s3", REGION, 7 * 86400), request, 6 * 86400)
    assert follow(server, longer).body == b"hello"


def _signed_before(signer: SigV4QueryAuth, request: AWSRequest, seconds: float) -> str:
    """The URL as this signer made it some seconds ago."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - seconds))
    request.context["timestamp"] = stamp
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return str(request.url)


def test_a_presigned_call_of_another_service(server: Running) -> None:
    """As clusters do to prove who they are."""
    url = server.client("sts").generate_presigned_url("get_caller_identity", {}, 60, HttpMethod="GET")
    assert server.key.principal in follow(server, url).text


@pytest.mark.parametrize(
    "host", ["bucket.s3.us-east-1.amazonaws.com", "bucket.s3.amazonaws.com", "bucket.localhost:4747"]
)
def test_a_bucket_in_the_host_name(server: Running, host: str) -> None:
    """What arrives through the proxy, signed for AWS's own host."""
    headers = signed_at(server, "s3", time.time(), "GET", "/a%20key/%C3%BC", host=host)
    answer = send(server, "GET", "/a%20key/%C3%BC", headers)
    assert (answer.status, answer.body) == (200, b"hello"), answer.text
    listed = send(
        server,
        "GET",
        "/?list-type=2",
        signed_at(server, "s3", time.time(), "GET", "/?list-type=2", host=host),
    )
    assert "<Name>bucket</Name>" in listed.text


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_with_the_bucket_in_its_host(server: Running, version: str) -> None:
    client = boto3.client(
        "s3", region_name=REGION, aws_access_key_id=server.key.id, aws_secret_access_key=server.key.secret,
        config=Config(signature_version=version),
    )  # fmt: skip
    url = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a key/ü"}, 60)
    assert urlsplit(url).netloc.startswith("bucket.s3")
    assert follow(server, url).body == b"hello"
    url = client.generate_presigned_url("list_objects_v2", {"Bucket": "bucket"}, 60)
    assert "<Name>bucket</Name>" in follow(server, url).text
