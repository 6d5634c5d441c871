"""The edge over sockets: every request gets one answer, in a form that its client reads."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.gateway.wire import raw, send, signed
from tests.support.server import ACCOUNT, Running

from clary.services.iam import ROLE

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WHO = b"Action=GetCallerIdentity&Version=2011-06-15"


def test_health_is_open(server: Running) -> None:
    answer = send(server, "GET", "/_clary/health")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["status"] == "ok"


def test_the_answered_operations_are_listed(server: Running) -> None:
    listed = json.loads(send(server, "GET", "/_clary/operations").body)
    assert "GetCallerIdentity" in listed["sts"]
    assert send(server, "GET", "/_clary/nothing").status == 404


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "method", "arguments", "named"),
    [
        ("sagemaker", "list_code_repositories", {}, "ListCodeRepositories of sagemaker"),
        ("sts", "get_access_key_info", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}, "GetAccessKeyInfo of sts"),
        (
            "s3",
            "get_bucket_analytics_configuration",
            {"Bucket": "b", "Id": "x"},
            "GetBucketAnalyticsConfiguration of s3",
        ),
        ("cloudwatch", "list_dashboards", {}, "ListDashboards of cloudwatch"),
        ("logs", "list_log_groups", {}, "ListLogGroups of logs"),
        ("ecr", "describe_repositories", {}, "of ecr"),
        ("ec2", "describe_instances", {}, "of ec2"),
    ],
)
def test_what_is_not_answered_is_a_client_error_that_names_it(
    server: Running, service: str, method: str, arguments: dict[str, Any], named: str
) -> None:
    client = server.client(service)
    with pytest.raises(ClientError) as error:
        getattr(client, method)(**arguments)
    assert code_of(error) == ("UnsupportedOperation", 400)
    assert named in str(error.value) or service == "ec2"


def test_unknown_operations_are_client_errors(server: Running) -> None:
    headers = {"X-Amz-Target": "SageMaker.MakeTea", "Content-Type": "application/x-amz-json-1.1"}
    answer = send(server, "POST", "/", signed(server, "sagemaker", "POST", "/", headers, b"{}"), b"{}")
    assert answer.status == 400
    assert json.loads(answer.body)["__type"].endswith("UnknownOperationException")
    body = b"Action=MakeTea&Version=2011-06-15"
    answer = send(server, "POST", "/", signed(server, "sts", "POST", "/", FORM, body), body)
    assert answer.status == 400
    assert "<Code>InvalidAction</Code>" in answer.text


def test_a_form_that_is_not_utf8_is_a_client_error(server: Running) -> None:
    body = WHO + b"&x=\xff"
    answer = send(server, "POST", "/", signed(server, "sts", "POST", "/", FORM, body), body)
    assert 400 <= answer.status < 500
    ElementTree.fromstring(answer.body)


@pytest.mark.parametrize(
    ("method", "target", "headers", "code", "status"),
    [
        ("GET", "/", {}, "AccessDenied", 403),
        ("GET", "/bucket/key", {}, "AccessDenied", 403),
        ("GET", "/favicon.ico", {"Accept": "text/html"}, "AccessDenied", 403),
        ("GET", "/%ff/../x?%zz&=&a", {}, "AccessDenied", 403),
        ("POST", "/", {"X-Amz-Target": "SageMaker.ListTrials"}, "MissingAuthenticationTokenException", 400),
        ("POST", "/", {"X-Amz-Target": "Nobody.Knows"}, "MissingAuthenticationTokenException", 400),
        ("POST", "/", FORM, "MissingAuthenticationToken", 403),
        ("POST", "/", {**FORM, "Host": "iam.amazonaws.com"}, "MissingAuthenticationToken", 403),
        ("GET", "/", {"Authorization": "Basic YTpi"}, "InvalidRequest", 400),
        ("GET", "/", {"Authorization": "AWS4-HMAC-SHA256 x"}, "AuthorizationHeaderMalformed", 400),
        ("POST", "/", {"Authorization": "AWS4-HMAC-SHA256 x", "X-Amz-Target": "SageMaker.ListTrials"},
         "IncompleteSignatureException", 400),
        ("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", {}, "AuthorizationQueryParametersError", 400),
        ("GET", "/?AWSAccessKeyId=x&Signature=y&Expires=z", {}, "AuthorizationQueryParametersError", 400),
    ],
)  # fmt: skip
def test_the_anonymous_and_the_malformed_are_refused_in_their_own_form(
    server: Running, method: str, target: str, headers: dict[str, str], code: str, status: int
) -> None:
    body = b"Action=ListRoles" if headers.get("Host") else b""
    answer = send(server, method, target, headers, body)
    assert answer.status == status, answer.text
    kind = answer.headers["content-type"]
    if "json" in kind:
        assert json.loads(answer.body)["__type"].endswith(code)
    else:
        assert "xml" in kind
        assert f"<Code>{code}</Code>" in answer.text
        ElementTree.fromstring(answer.body)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_garbage_gets_a_client_error_and_the_server_goes_on(server: Running, garbage: bytes) -> None:
    received = raw(server, garbage)
    assert received.startswith(b"HTTP/1.1 4"), received
    assert b"<html" not in received.lower()
    assert send(server, "GET", "/_clary/health").status == 200


def test_many_requests_on_one_connection(server: Running) -> None:
    head = "\r\n".join(f"{k}: {v}" for k, v in signed(server, "sts", "POST", "/", FORM, WHO).items())
    one = f"POST / HTTP/1.1\r\n{head}\r\nContent-Length: {len(WHO)}\r\n\r\n".encode() + WHO
    received = raw(server, one * 3, answers=3)
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.count(ACCOUNT.encode()) >= 3


def test_a_client_that_hangs_up_is_forgotten(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    headers = signed(server, "sts", "POST", "/", FORM, WHO)
    head = "\r\n".join(f"{k}: {v}" for k, v in headers.items())
    for sent in (WHO[:5], b""):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(f"POST / HTTP/1.1\r\n{head}\r\nContent-Length: 43\r\n\r\n".encode() + sent)
    assert send(server, "GET", "/_clary/health").status == 200
    assert not [record for record in caplog.records if record.name.startswith("clary")]


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(server: Running) -> None:
    headers = signed(server, "sagemaker", "POST", "/", {"X-Amz-Target": "SageMaker.ListTrials"}, b"{}")
    head = "\r\n".join(f"{k}: {v}" for k, v in headers.items())
    received = raw(server, f"POST / HTTP/1.1\r\n{head}\r\nContent-Length: 16777217\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 413")
    assert b"RequestEntityTooLargeException" in received


def test_a_refused_client_that_waits_to_send_its_body_keeps_no_connection(server: Running) -> None:
    """Its next request would be taken for the body."""
    head = "PUT /b/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
    received = raw(server, head.encode())
    assert received.startswith(b"HTTP/1.1 403")
    assert b"connection: close" in received.lower()
    assert b"100 Continue" not in received


def test_a_refused_client_that_sends_its_body_anyway_keeps_its_connection(server: Running) -> None:
    refused = b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    received = raw(server, refused + b"GET /_clary/health HTTP/1.1\r\nHost: x\r\n\r\n", answers=2)
    assert received.startswith(b"HTTP/1.1 403")
    assert b'"status":"ok"' in received


def test_many_clients_at_once(server: Running) -> None:
    iam, sts = server.client("iam"), server.client("sts")
    barrier = threading.Barrier(16)

    def work(n: int) -> str:
        barrier.wait()
        name: str = iam.create_user(UserName=f"crowd-{n}")["User"]["UserName"]
        assert sts.get_caller_identity()["Account"] == ACCOUNT
        assert iam.get_role(RoleName=ROLE)["Role"]["RoleName"] == ROLE
        return name

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(work, range(16))) == sorted(f"crowd-{n}" for n in range(16))
    names = {user["UserName"] for user in iam.list_users()["Users"]}
    assert names >= {f"crowd-{n}" for n in range(16)}


def test_of_two_who_make_the_same_thing_one_is_told_so(server: Running) -> None:
    iam = server.client("iam")
    barrier = threading.Barrier(8)

    def work(_: int) -> str:
        barrier.wait()
        try:
            iam.create_user(UserName="race")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "made"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(work, range(8)))
    assert sorted(outcomes) == ["EntityAlreadyExists"] * 7 + ["made"]


def test_cloudwatch_of_every_age_is_told_in_its_own_protocol(server: Running) -> None:
    body = b"Action=ListDashboards&Version=2010-08-01"
    answer = send(server, "POST", "/", signed(server, "monitoring", "POST", "/", FORM, body), body)
    assert "<Code>UnsupportedOperation</Code>" in answer.text
    target = {"X-Amz-Target": "GraniteServiceVersion20100801.ListDashboards"}
    answer = send(server, "POST", "/", signed(server, "monitoring", "POST", "/", target, b"{}"), b"{}")
    assert json.loads(answer.body)["__type"].endswith("UnsupportedOperation")


def test_the_services_signed_as_sagemaker_are_told_apart(server: Running) -> None:
    with pytest.raises(ClientError, match="GetRecord of sagemaker-featurestore-runtime"):
        server.client("sagemaker-featurestore-runtime").get_record(
            FeatureGroupName="g", RecordIdentifierValueAsString="1"
        )
    with pytest.raises(ClientError, match="CreateCodeRepository of sagemaker"):
        server.client("sagemaker").create_code_repository(
            CodeRepositoryName="r", GitConfig={"RepositoryUrl": "https://example.com/r.git"}
        )


def test_clients_that_ask_for_a_region_get_it_in_their_arns(server: Running) -> None:
    client = server.client("sts", config=Config(region_name="eu-west-3"))
    assert client.get_caller_identity()["Account"] == ACCOUNT
