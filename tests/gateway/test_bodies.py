"""Streamed bodies through a real server into S3: what matches is kept, what does not leaves nothing."""

from __future__ import annotations

import base64
import http.client
import socket
import zlib
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from tests.gateway.wire import Answer, raw, send, signed
from tests.support.server import REGION, Running

import clary.services.s3  # noqa: F401
from clary.domain import signing
from clary.gateway.chunked import SIGNED, SIGNED_TRAILER, UNSIGNED

DATA = bytes(range(256)) * 1024


@pytest.fixture(scope="module")
def s3(server: Running) -> Any:
    client = server.client("s3")
    client.create_bucket(Bucket="bodies")
    return client


class FixedPayload(S3SigV4Auth):  # type: ignore[misc]
    """botocore's signer, with a payload "hash" that it never uses over plain HTTP."""

    def __init__(self, kind: str, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kind = kind

    def payload(self, request: AWSRequest) -> str:
        return self.kind


def upload(
    server: Running,
    kind: str,
    key: str,
    data: bytes,
    trailers: dict[str, str],
    transfer: bool = False,
    **spoil: bytes,
) -> Answer:
    """A chunked upload as SDKs make them: 64 KiB chunks, transfer encoding chunked or a Content-Length."""
    headers = {
        "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(data)), "Content-Type": "text/x",
    }  # fmt: skip
    if trailers:
        headers["x-amz-trailer"] = ",".join(trailers)
    request = AWSRequest("PUT", f"{server.url}/bodies/{key}", headers)
    FixedPayload(kind, server.credentials, "s3", REGION).add_auth(request)
    claim = signing.header_claim({name.lower(): value for name, value in request.headers.items()})
    assert claim is not None
    signing_key, previous = claim.key(server.key.secret), claim.signature
    body = b""
    for start in range(0, len(data) + 65536, 65536):
        chunk = data[start : start + 65536]
        previous = signing.chunk_signature(claim, signing_key, previous, sha256(chunk).hexdigest())
        extension = "" if kind == UNSIGNED else f";chunk-signature={previous}"
        body += f"{len(chunk):x}{extension}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    body += b"".join(f"{name}:{value}\r\n".encode() for name, value in trailers.items())
    if kind == SIGNED_TRAILER:
        signature = signing.trailer_signature(claim, signing_key, previous, trailers)
        body += f"x-amz-trailer-signature:{signature}\r\n".encode()
    body += b"\r\n"
    for old, new in zip(spoil.get("old", b"").split(b"|"), spoil.get("new", b"").split(b"|"), strict=True):
        body = body.replace(old, new, 1) if old else body
    sent = {"Host": urlsplit(server.url).netloc, **dict(request.headers.items())}
    if transfer:
        # As boto3 does over https.
        sent["Transfer-Encoding"] = "chunked"
    return send(server, "PUT", f"/bodies/{key}", sent, body)


def crc32(data: bytes) -> dict[str, str]:
    return {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}


@pytest.mark.parametrize("transfer", [False, True])
@pytest.mark.parametrize(("kind", "checksum"), [(UNSIGNED, True), (SIGNED, False), (SIGNED_TRAILER, True)])
def test_a_chunked_upload(server: Running, s3: Any, kind: str, checksum: bool, transfer: bool) -> None:
    trailers = crc32(DATA[:200_000]) if checksum else {}
    answer = upload(server, kind, kind, DATA[:200_000], trailers, transfer)
    assert answer.status == 200, answer.text
    got = s3.get_object(Bucket="bodies", Key=kind)
    assert got["Body"].read() == DATA[:200_000]
    assert "ContentEncoding" not in got
    assert got["ContentType"] == "text/x"


@pytest.mark.parametrize(
    ("kind", "old", "new", "code"),
    [
        (SIGNED, bytes(range(100, 120)), bytes(20), "SignatureDoesNotMatch"),
        (SIGNED_TRAILER, b"x-amz-checksum-crc32:", b"x-amz-checksum-sha1:", "SignatureDoesNotMatch"),
        (UNSIGNED, b"x-amz-checksum-crc32:", b"x-amz-checksum-crc32:AA", "Bad|Invalid"),
        (UNSIGNED, bytes(range(100, 120)), bytes(20), "BadDigest"),
        (UNSIGNED, b"10000\r\n", b"ffff\r\n", "IncompleteBody"),
    ],
)
def test_a_spoilt_chunked_upload_leaves_nothing(
    server: Running, s3: Any, kind: str, old: bytes, new: bytes, code: str
) -> None:
    trailers = {} if kind == SIGNED else crc32(DATA)
    answer = upload(server, kind, "spoilt", DATA, trailers, old=old, new=new)
    assert 400 <= answer.status < 500, answer.text
    assert any(f"<Code>{part}" in answer.text for part in code.split("|")), answer.text
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="bodies", Key="spoilt")


def test_a_chunked_upload_that_hides_its_length(server: Running) -> None:
    headers = {"Content-Encoding": "aws-chunked"}
    request = AWSRequest("PUT", f"{server.url}/bodies/x", headers)
    FixedPayload(UNSIGNED, server.credentials, "s3", REGION).add_auth(request)
    answer = send(
        server,
        "PUT",
        "/bodies/x",
        {"Host": urlsplit(server.url).netloc, **dict(request.headers)},
        b"0\r\n\r\n",
    )
    assert (answer.status, "<Code>MissingContentLength</Code>" in answer.text) == (411, True)


def test_boto3_waits_for_the_go_ahead_and_sends_the_body(server: Running, s3: Any) -> None:
    s3.put_object(Bucket="bodies", Key="big", Body=DATA * 20)
    head = signed(server, "s3", "PUT", "/bodies/asked", {}, b"x" * 100)
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(
            f"PUT /bodies/asked HTTP/1.1\r\n{lines}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"x" * 100)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert s3.get_object(Bucket="bodies", Key="asked")["Body"].read() == b"x" * 100
    assert s3.get_object(Bucket="bodies", Key="big")["Body"].read() == DATA * 20


def test_a_client_refused_before_its_body_goes_on_with_its_next_call(server: Running, s3: Any) -> None:
    """boto3 waits for `100 Continue`, gets 404 instead, and keeps its connection pool."""
    for _ in range(3):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            s3.put_object(Bucket="no-such-bucket", Key="k", Body=DATA * 4)
        assert s3.head_bucket(Bucket="bodies")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_hidden_half_of_an_upload_leaves_nothing(server: Running, s3: Any) -> None:
    head = signed(server, "s3", "PUT", "/bodies/half", {}, DATA)
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            f"PUT /bodies/half HTTP/1.1\r\n{lines}Content-Length: {len(DATA)}\r\n\r\n".encode() + DATA[:9000]
        )
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="bodies", Key="half")


def test_a_client_that_leaves_in_the_middle_of_an_answer(server: Running, s3: Any) -> None:
    s3.put_object(Bucket="bodies", Key="large", Body=DATA * 64)
    headers = signed(server, "s3", "GET", "/bodies/large")
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/bodies/large", headers=headers)
        assert connection.getresponse().read(1000)
        connection.close()
    assert s3.get_object(Bucket="bodies", Key="large")["Body"].read() == DATA * 64


def test_the_answer_to_head_has_no_body(server: Running, s3: Any) -> None:
    s3.put_object(Bucket="bodies", Key="h", Body=b"12345")
    lines = "".join(f"{k}: {v}\r\n" for k, v in signed(server, "s3", "HEAD", "/bodies/h").items())
    get = "GET /_clary/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = raw(server, f"HEAD /bodies/h HTTP/1.1\r\n{lines}\r\n{get}".encode(), answers=2)
    first, _, second = received.partition(b"\r\n\r\n")
    assert b"content-length: 5" in first.lower()
    assert second.startswith(b"HTTP/1.1 200 OK")
