"""HTTP as bytes on a socket, for what no well-behaved client would send."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from tests.support.server import REGION, Running

from clary.domain import signing


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def send(
    server: Running, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """One request on a connection of its own; in transfer chunks of 9,000 bytes where the headers say chunked."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        chunked = headers is not None and "Transfer-Encoding" in headers
        pieces = (body[start : start + 9000] for start in range(0, len(body), 9000))
        connection.request(
            method, target, pieces if chunked else body, dict(headers or {}), encode_chunked=chunked
        )
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def raw(server: Running, data: bytes, answers: int = 1) -> bytes:
    """Send these bytes; what comes back until the server closes, or `answers` answers are whole."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
            if received.count(b"HTTP/1.1") >= answers and _complete(received.rpartition(b"HTTP/1.1")[2]):
                break
        return received


def _complete(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return bool(separator) and len(body) >= int(value)
    return False


def signed(
    server: Running,
    service: str,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    **changes: str,
) -> dict[str, str]:
    """The headers of a request signed by botocore, Host among them."""
    request = AWSRequest(method, server.url + target, dict(headers or {}), body)
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(server.credentials, service, REGION)
    signer.add_auth(request)
    return {"Host": urlsplit(server.url).netloc, **dict(request.headers.items()), **changes}


def signed_at(
    server: Running, service: str, when: float, method: str, target: str, body: bytes = b"", **headers: str
) -> dict[str, str]:
    """As `signed`, by a client whose clock shows `when`. Written out, as botocore asks the clock itself."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))
    payload = sha256(body).hexdigest()
    sent = {"host": urlsplit(server.url).netloc, "x-amz-date": stamp, **headers}
    if service == "s3":
        sent["x-amz-content-sha256"] = payload
    claim = signing.Claim(
        server.key.id, stamp[:8], REGION, service, stamp, tuple(sorted(sent)), "", server.key.token
    )
    path, _, query = target.partition("?")
    text = signing.string_to_sign(claim, signing.canonical_request(claim, method, path, query, sent, payload))
    signature = signing.signature(claim.key(server.key.secret), text)
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={server.key.id}/{claim.scope}, SignedHeaders={';'.join(claim.headers)},"
        f" Signature={signature}"
    )
    return sent
