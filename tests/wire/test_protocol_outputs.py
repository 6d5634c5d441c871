"""botocore's output cases backwards: what a client must read is written, and botocore's parser reads it."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.eventstream import EventStream
from botocore.model import NoShapeFoundError
from botocore.parsers import PROTOCOL_PARSERS
from botocore.utils import parse_timestamp
from tests.wire.protocol_cases import Case, cases, parameters
from tests.wire.test_protocol_inputs import plain

from clary.wire.codec import encode, encode_error
from clary.wire.errors import WireError
from clary.wire.messages import HttpResponse

ONE_DATE = "botocore's parser splits a header's list of dates at their own commas"
NAMES = "botocore's model keeps one of the two names of such a list"
EMPTY = "no payload and an empty one are the same on the wire"
ALL_HEADERS = "an empty prefix takes every header, also those that we add"
IGNORED: dict[str, str] = {
    "legacy-json-3:1": "the shapes of the case are a string with the parts of a map",
    "legacy-rest-json-9:0": ALL_HEADERS,
    "rest-json-HttpPrefixHeadersResponse": ALL_HEADERS,
    "legacy-rest-json-17:2": "a member that the model does not know cannot be written",
    "legacy-rest-xml-16:2": "a member that the model does not know cannot be written",
    "query-QueryXmlLists": NAMES,
    "rest-xml-XmlLists": NAMES,
    "rest-json-RestJsonHttpPayloadTraitsWithNoBlobBody": EMPTY,
    "rest-xml-HttpPayloadTraitsWithNoBlobBody": EMPTY,
    "rest-json-RestJsonHttpPayloadWithUnsetUnion": "botocore's parser takes no empty union",
    "rest-xml-RestXmlHttpPayloadWithUnsetUnion": "botocore's parser takes no empty union",
    "rest-json-RestJsonInputAndOutputWithQuotedStringHeaders": "botocore's parser does not know quotes",
    "rest-json-RestJsonInputAndOutputWithTimestampHeaders": ONE_DATE,
    "rest-xml-InputAndOutputWithTimestampHeaders": ONE_DATE,
}


class Streamed:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]


def timestamp(value: Any) -> float:
    return float(parse_timestamp(value).astimezone(UTC).timestamp())


def parse(case: Case, response: HttpResponse, shape: Any) -> dict[str, Any]:
    body: Any = response.body
    if not isinstance(body, bytes):

        async def collect() -> bytes:
            return b"".join([part async for part in response.body])  # type: ignore[union-attr]

        body = Streamed(asyncio.run(collect()))
    parser = PROTOCOL_PARSERS[case.protocol](timestamp_parser=timestamp)
    received = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": body,
        "context": {"operation_name": case.name},
    }
    parsed: dict[str, Any] = parser.parse(received, shape)
    parsed.pop("ResponseMetadata", None)
    return {name: list(value) if isinstance(value, EventStream) else value for name, value in parsed.items()}


def chosen(has_error: bool) -> list[Any]:
    return parameters((case for case in cases("output") if ("error" in case.data) is has_error), IGNORED)


@pytest.mark.parametrize("case", chosen(has_error=False))
def test_answer_is_read_as_the_document_it_was_made_of(case: Case) -> None:
    shape = case.operation.output
    if case.protocol == "query" and shape is not None and shape.members:
        shape.serialization["resultWrapper"] = f"{case.name}Result"
    response = encode(case.operation, case.protocol, case.data["result"], "rid")
    assert plain(parse(case, response, shape)) == case.data["result"]


@pytest.mark.parametrize("case", chosen(has_error=True))
def test_error_is_read_as_it_was_raised(case: Case) -> None:
    code, message = case.data.get("errorCode", ""), case.data.get("errorMessage", "")
    fields = {name: value for name, value in case.data["error"].items() if name.lower() != "message"}
    error = WireError(code, message, case.data["response"]["status_code"], **fields)
    response = encode_error(case.service, case.operation, case.protocol, error, "rid")
    parsed = parse(case, response, case.operation.output)
    try:
        shape = case.service.model.shape_for_error_code(parsed["Error"]["Code"])
    except NoShapeFoundError:
        shape = None
    found = plain(parse(case, response, shape)) if shape is not None else {}
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"] or "") == (code, message)
    assert found == case.data["error"]
