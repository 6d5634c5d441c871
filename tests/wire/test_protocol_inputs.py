"""botocore's input cases backwards: the request that a client must send is read into the client's parameters."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from tests.wire.protocol_cases import Case, cases, parameters

from clary.wire.codec import decode
from clary.wire.messages import HttpRequest

NULL = "a null in the client's code is not sent"
EMPTY = "an empty collection, or no body, leaves no trace in the request"
TOKEN = "the client made the token up, and the server reads it"
GZIP = "the case has no body; test_codec reads one"
QUERY_MAP = "by Smithy, a server's map of query values takes all of them"
NAMES = "botocore's model keeps one of the two names"
IGNORED: dict[str, str] = {
    "json-AwsJson11StructuresDontSerializeNullValues": NULL,
    "rest-json-RestJsonNullAndEmptyHeaders": NULL,
    "rest-json-RestJsonOmitsNullQuery": NULL,
    "rest-json-RestJsonDoesntSerializeNullStructureValues": NULL,
    "rest-xml-NullAndEmptyHeaders": NULL,
    "rest-xml-RestXmlOmitsNullQuery": NULL,
    "smithy-rpc-v2-cbor-RpcV2CborClientDoesntSerializeNullStructureValues": NULL,
    "legacy-rest-json-14:0": NULL,
    "legacy-rest-xml-2:1": NULL,
    "legacy-rest-xml-18:3": NULL,
    "legacy-rest-xml-21:0": NULL,
    "json-SDKAppliedContentEncoding_awsJson1_1": GZIP,
    "json-SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1": GZIP,
    "json_1_0-SDKAppliedContentEncoding_awsJson1_0": GZIP,
    "json_1_0-SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0": GZIP,
    "query-SDKAppliedContentEncoding_awsQuery": GZIP,
    "query-SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery": GZIP,
    "rest-json-SDKAppliedContentEncoding_restJson1": GZIP,
    "rest-json-SDKAppendedGzipAfterProvidedEncoding_restJson1": GZIP,
    "rest-xml-SDKAppliedContentEncoding_restXml": GZIP,
    "rest-xml-SDKAppendedGzipAfterProvidedEncoding_restXml": GZIP,
    "query-QueryProtocolIdempotencyTokenAutoFill": TOKEN,
    "rest-json-RestJsonQueryIdempotencyTokenAutoFill": TOKEN,
    "rest-xml-QueryIdempotencyTokenAutoFill": TOKEN,
    "legacy-json-6:1": TOKEN,
    "legacy-query-12:1": TOKEN,
    "legacy-rest-json-19:1": TOKEN,
    "legacy-rest-xml-23:1": TOKEN,
    "query-QueryEmptyQueryMaps": EMPTY,
    "rest-json-RestJsonHttpPayloadTraitsWithNoBlobBody": EMPTY,
    "rest-json-RestJsonHttpPrefixHeadersAreNotPresent": EMPTY,
    "rest-json-RestJsonOmitsEmptyListQueryValues": EMPTY,
    "rest-json-RestJsonHttpWithEmptyBlobPayload": EMPTY,
    "rest-json-RestJsonHttpWithEmptyStructurePayload": EMPTY,
    "rest-json-RestJsonHttpWithHeadersButNoPayload": EMPTY,
    "rest-xml-HttpPayloadTraitsWithNoBlobBody": EMPTY,
    "rest-xml-HttpPrefixHeadersAreNotPresent": EMPTY,
    "legacy-rest-json-12:1": EMPTY,
    "legacy-rest-json-13:1": EMPTY,
    "legacy-rest-json-25:2": EMPTY,
    "legacy-rest-json-25:4": EMPTY,
    "legacy-rest-json-25:7": EMPTY,
    "legacy-rest-json-26:1": EMPTY,
    "legacy-rest-xml-17:1": EMPTY,
    "legacy-rest-xml-26:1": EMPTY,
    "rest-json-RestJsonQueryParamsStringListMap": QUERY_MAP,
    "rest-json-RestJsonQueryPrecedence": QUERY_MAP,
    "rest-xml-AllQueryStringTypes": QUERY_MAP,
    "rest-xml-RestXmlQueryStringEscaping": QUERY_MAP,
    "rest-xml-RestXmlSupportsNaNFloatQueryValues": QUERY_MAP,
    "rest-xml-RestXmlSupportsInfinityFloatQueryValues": QUERY_MAP,
    "rest-xml-RestXmlSupportsNegativeInfinityFloatQueryValues": QUERY_MAP,
    "rest-xml-RestXmlZeroAndFalseQueryValues": QUERY_MAP,
    "rest-xml-RestXmlQueryParamsStringListMap": QUERY_MAP,
    "rest-xml-RestXmlQueryPrecedence": QUERY_MAP,
    "query-QueryFlattenedListArgWithXmlName": NAMES,
    "rest-xml-BodyWithXmlName": NAMES,
    "rest-json-MediaTypeHeaderInputBase64": "the case has the value as JSON text, and we the value",
    "legacy-rest-json-0:0": "the case has no parameters to compare",
}


def plain(value: Any) -> Any:
    """As the case files write values: blobs as text, numbers that are none by name."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def request_of(case: Case) -> HttpRequest:
    serialized = case.data["serialized"]
    path, _, query = serialized.get("uri", "/").partition("?")
    body = serialized.get("body", "").encode()
    if case.protocol == "smithy-rpc-v2-cbor":
        body = base64.b64decode(body)
    method = serialized.get("method", case.data["given"].get("http", {}).get("method", "POST"))
    headers = {name.lower(): value for name, value in serialized.get("headers", {}).items()}
    return HttpRequest(method, path, query, headers, body)


@pytest.mark.parametrize("case", parameters(cases("input"), IGNORED))
def test_request_is_read_into_the_parameters_it_was_made_of(case: Case) -> None:
    found = plain(decode(case.operation, case.protocol, request_of(case)))
    assert found == case.data["params"]
