"""What a handler raises, as its client sees it. The handlers are the test's own, put into the table for a while."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError
from tests.support.server import Running

import clary.services.logs.events
import clary.services.s3  # noqa: F401
from clary.api import Context, Document, ServiceError, operations
from clary.storage import ports as storage

SIMPLEST = {
    "sts": ("GetCallerIdentity", "get_caller_identity"),
    "iam": ("ListRoles", "list_roles"),
    "logs": ("DescribeLogGroups", "describe_log_groups"),
    "s3": ("ListBuckets", "list_buckets"),
}


def refused(
    server: Running, monkeypatch: pytest.MonkeyPatch, service: str, error: Exception, is_async: bool = False
) -> tuple[str, int, str]:
    """Code, status and message with which a call is answered whose handler raises this."""
    name, method = SIMPLEST[service]

    def plain(ctx: Context, request: Document) -> Document:
        raise error

    async def streaming(ctx: Context, request: Document) -> Document:
        raise error

    entry = operations.Handler(service, name, streaming if is_async else plain, is_async)
    monkeypatch.setitem(operations._TABLE, (service, name), entry)
    with pytest.raises(ClientError) as caught:
        getattr(server.client(service), method)()
    response = caught.value.response
    shown = response["Error"]
    return shown["Code"], response["ResponseMetadata"]["HTTPStatusCode"], shown["Message"]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("service", list(SIMPLEST))
def test_an_error_that_was_meant(
    server: Running, monkeypatch: pytest.MonkeyPatch, service: str, is_async: bool
) -> None:
    error = ServiceError("SomethingKnown", "Said <plainly> & in full: ü", 409)
    assert refused(server, monkeypatch, service, error, is_async) == ("SomethingKnown", 409, error.message)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("service", list(SIMPLEST))
def test_an_error_that_nobody_meant_is_logged_and_keeps_its_secrets(
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    service: str,
    is_async: bool,
) -> None:
    with caplog.at_level(logging.ERROR, "clary.gateway"):
        code, status, message = refused(server, monkeypatch, service, RuntimeError("the secret"), is_async)
    assert (code, status) == ("InternalError" if service == "s3" else "InternalFailure", 500)
    assert "secret" not in message
    assert "RuntimeError: the secret" in caplog.text
    assert SIMPLEST[service][0] in caplog.text


@pytest.mark.parametrize(
    ("service", "error", "code", "status"),
    [
        ("s3", storage.Conflict(), "OperationAborted", 409),
        ("iam", storage.Conflict(), "ConcurrentModification", 409),
        ("logs", storage.Conflict(), "ConflictException", 400),
        ("iam", storage.Missing(), "NoSuchEntity", 404),
        ("iam", storage.Exists(), "EntityAlreadyExists", 409),
        ("logs", storage.Missing(), "ResourceNotFoundException", 400),
        ("s3", storage.BadCursor(), "InvalidArgument", 400),
        ("logs", storage.BadCursor(), "ValidationException", 400),
    ],
)
def test_what_the_store_says_in_the_services_words(
    server: Running, monkeypatch: pytest.MonkeyPatch, service: str, error: Exception, code: str, status: int
) -> None:
    assert refused(server, monkeypatch, service, error)[:2] == (code, status)


def test_an_answer_that_breaks_off_is_seen_to(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"the first half"
        raise OSError("the disk is gone")

    async def get_object(ctx: Context, request: Document) -> Document:
        return {"Body": broken(), "ContentLength": 1000}

    monkeypatch.setitem(
        operations._TABLE, ("s3", "GetObject"), operations.Handler("s3", "GetObject", get_object, True)
    )
    answer: Any = server.client("s3").get_object(Bucket="b", Key="k")
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        answer["Body"].read()
    assert "the disk is gone" in caplog.text
