"""Event streams: frames that botocore decodes, headers and payloads where the model puts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import EventStreamError
from botocore.parsers import PROTOCOL_PARSERS
from hypothesis import given
from hypothesis import strategies as st

from clary.wire.codec import encode
from clary.wire.errors import WireError
from clary.wire.eventstream import frame, header
from clary.wire.messages import Document, HttpResponse
from clary.wire.models import service

HEADERS = st.dictionaries(
    st.text(st.characters(codec="ascii"), min_size=1, max_size=9),
    st.one_of(
        st.text(max_size=20).map(lambda value: ("string", value)),
        st.booleans().map(lambda value: ("boolean", value)),
        st.integers(-(2**31), 2**31 - 1).map(lambda value: ("integer", value)),
        st.integers(-(2**63), 2**63 - 1).map(lambda value: ("long", value)),
        st.binary(max_size=20).map(lambda value: ("blob", value)),
    ),
    max_size=5,
)


@given(messages=st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=4))
def test_frames_are_read_back(messages: list[tuple[dict[str, tuple[str, Any]], bytes]]) -> None:
    buffer = EventStreamBuffer()
    for headers, payload in messages:
        made = [header(name, value, kind) for name, (kind, value) in headers.items()]
        buffer.add_data(frame(made, payload))
    found = [(message.headers, message.payload) for message in buffer]
    assert found == [
        ({name: value for name, (_, value) in headers.items()}, payload) for headers, payload in messages
    ]


def collected(response: HttpResponse) -> bytes:
    body = response.body
    assert not isinstance(body, bytes)

    async def collect() -> bytes:
        return b"".join([part async for part in body])

    return asyncio.run(collect())


class Stream:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]

    def close(self) -> None:
        pass


def read(name: str, operation: str, protocol: str, answer: Document) -> dict[str, Any]:
    where = service(name).operations[operation]
    response = encode(where, protocol, answer, "r")
    assert ("Content-Type", "application/vnd.amazon.eventstream") in response.headers
    message = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": Stream(collected(response)),
        "context": {"operation_name": operation},
    }
    found: dict[str, Any] = PROTOCOL_PARSERS[protocol]().parse(message, where.output)
    return found


async def parts(*events: Document, end: Exception | None = None) -> AsyncIterator[Document]:
    for event in events:
        yield event
    if end is not None:
        raise end


def test_rest_json_payload_members() -> None:
    events: list[Document] = [{"PayloadPart": {"Bytes": b"hel"}}, {"PayloadPart": {"Bytes": b"lo\x00"}}]
    answer = {"Body": parts(*events), "ContentType": "text/plain", "InvokedProductionVariant": "v"}
    found = read("sagemaker-runtime", "InvokeEndpointWithResponseStream", "rest-json", answer)
    assert found["ContentType"] == "text/plain"
    assert list(found["Body"]) == events


def test_rest_xml_structures_and_bare_events() -> None:
    events = [
        {"Records": {"Payload": b"1,2\n"}},
        {"Stats": {"Details": {"BytesScanned": 4, "BytesProcessed": 4, "BytesReturned": 4}}},
        {"End": {}},
    ]
    found = read("s3", "SelectObjectContent", "rest-xml", {"Payload": events})
    assert list(found["Payload"]) == events


def test_json_stream_begins_with_the_initial_response() -> None:
    events: list[Document] = [
        {"sessionStart": {"requestId": "q", "sessionId": "s"}},
        {"sessionUpdate": {"sessionResults": [{"message": "line", "timestamp": 5}]}},
    ]
    found = read("logs", "StartLiveTail", "json", {"responseStream": parts(*events)})
    assert list(found["responseStream"]) == events


def test_modelled_exception_ends_the_stream() -> None:
    end = WireError("ModelStreamError", "model stopped", ErrorCode="ModelInvocationTimeExceeded")
    answer = {"Body": parts({"PayloadPart": {"Bytes": b"x"}}, end=end)}
    stream = iter(read("sagemaker-runtime", "InvokeEndpointWithResponseStream", "rest-json", answer)["Body"])
    assert next(stream) == {"PayloadPart": {"Bytes": b"x"}}
    with pytest.raises(EventStreamError, match=r"\(ModelStreamError\).*model stopped"):
        next(stream)


def test_other_error_ends_the_stream_as_an_error_message() -> None:
    answer = {"Body": parts(end=WireError("Teapot", "short and stout"))}
    stream = iter(read("sagemaker-runtime", "InvokeEndpointWithResponseStream", "rest-json", answer)["Body"])
    with pytest.raises(EventStreamError, match=r"\(Teapot\).*short and stout"):
        next(stream)


def test_bug_in_the_source_is_not_hidden() -> None:
    answer = {"Body": parts(end=ZeroDivisionError())}
    where = service("sagemaker-runtime").operations["InvokeEndpointWithResponseStream"]
    with pytest.raises(ZeroDivisionError):
        collected(encode(where, "rest-json", answer, "r"))
