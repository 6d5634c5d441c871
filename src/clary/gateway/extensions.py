"""What the edge itself answers under /_clary/, and its errors for requests that no service can be named for."""

from __future__ import annotations

from xml.sax.saxutils import escape

import msgspec

from clary import __version__
from clary.api import operations as table
from clary.wire.errors import WireError
from clary.wire.messages import HttpRequest, HttpResponse

JSON = ("content-type", "application/json")


async def health(_: HttpRequest) -> HttpResponse:
    """Open to all: says that the server is up, and which version it is."""
    return json_response({"status": "ok", "version": __version__})


async def operations(_: HttpRequest) -> HttpResponse:
    """Open to all: the names of the operations that this server answers, by service."""
    return json_response(table.implemented())


def json_response(document: object) -> HttpResponse:
    return HttpResponse(200, [JSON], msgspec.json.encode(document))


def plain_error(error: WireError, protocol: str, request_id: str) -> HttpResponse:
    """An error without a service's model: in XML for `query`, else in JSON."""
    headers = [("x-amzn-requestid", request_id)]
    if protocol == "query":
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return HttpResponse(error.status, [("content-type", "text/xml"), *headers], body.encode())
    answer = msgspec.json.encode({"__type": error.code, "message": error.message})
    return HttpResponse(
        error.status,
        [("content-type", "application/x-amz-json-1.1"), ("x-amzn-errortype", error.code), *headers],
        answer,
    )
