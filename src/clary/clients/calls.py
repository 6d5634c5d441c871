"""Calls that AWS's clients do not know: what Clary answers under /_clary/, signed as any call is."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from clary.clients.connection import Connection, NotServing

Document = dict[str, Any]
SECONDS = 600.0


class Refused(Exception):
    """The server refused a call: (code, message)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Calls:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._auth = SigV4Auth(
            Credentials(connection.access_key, connection.secret_key, connection.token), "sagemaker",
            connection.region,
        )  # fmt: skip

    def get(self, path: str, **query: str | int | float | None) -> bytes:
        """The body that answers. Parameters that are None are left out. Raises `Refused`, `NotServing`."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", f"{path}?{urlencode(given, quote_via=quote)}" if given else path, b"")

    def post(self, path: str, document: Document) -> Document:
        """Raises `Refused`, `NotServing`."""
        answer: Document = json.loads(self._send("POST", path, json.dumps(document).encode()))
        return answer

    def _send(self, method: str, path: str, body: bytes) -> bytes:
        signed = AWSRequest(
            method, f"{self._connection.url}{path}", {"Content-Type": "application/json"}, body
        )
        self._auth.add_auth(signed)
        parts = urlsplit(self._connection.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        line = kind(parts.hostname or "", parts.port, timeout=SECONDS)
        try:
            line.request(method, path, body, dict(signed.headers.items()))
            response = line.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NotServing(f"The server at {self._connection.url} does not answer: {error}") from error
        finally:
            line.close()
        if response.status >= 400:
            raise _refusal(response, answer)
        return answer


def _refusal(response: http.client.HTTPResponse, answer: bytes) -> Refused:
    code = response.headers.get("x-amzn-errortype", str(response.status))
    try:
        document = json.loads(answer)
        message = document.get("message") or document.get("Message") or code
    except (ValueError, AttributeError):
        message = answer.decode(errors="replace")[:500]
    return Refused(code.partition(":")[0], message)
