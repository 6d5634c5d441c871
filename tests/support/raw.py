"""Invocations as bytes, for clients that behave as no library does."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.support.process import Clary

PLAIN, STREAMED = "invocations", "invocations-response-stream"


def request(clary: Clary, endpoint: str, body: bytes, how: str = PLAIN) -> bytes:
    """A signed request, whole; its body is the last `len(body)` bytes."""
    found = clary.connection
    url = f"{found.url}/endpoints/{endpoint}/{how}"
    headers = {"Content-Type": "text/csv", "Host": urlsplit(url).netloc}
    asked = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials(found.access_key, found.secret_key), "sagemaker", found.region).add_auth(asked)
    lines = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
    head = f"POST {urlsplit(url).path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def connect(clary: Clary) -> socket.socket:
    place = urlsplit(clary.connection.url)
    assert place.hostname is not None
    return socket.create_connection((place.hostname, place.port or 80), timeout=60)
