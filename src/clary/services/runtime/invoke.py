"""InvokeEndpoint, and the short way through it that most calls take."""

from __future__ import annotations

from functools import cache

from clary.api import Context, Document, operation
from clary.api.operations import shortcut
from clary.api.routes import Invocation
from clary.services.runtime.asking import invoke
from clary.services.runtime.targets import arn, container, find, headers, target
from clary.wire import models
from clary.wire.messages import HttpRequest, HttpResponse

RETURNED = {
    "CustomAttributes": "x-amzn-sagemaker-custom-attributes",
    "NewSessionId": "x-amzn-sagemaker-new-session-id",
    "ClosedSessionId": "x-amzn-sagemaker-closed-session-id",
}
"""Members of an answer that the model server gives, and in which header."""
UNKNOWN = "application/octet-stream"
BEFORE_NAME, AFTER_NAME = "/endpoints/", "/invocations"
LONGEST_BODY, LONGEST_HEADER = 6_291_456, 1024
"""What is longer is for the model's constraints to judge."""


@operation("sagemaker-runtime", "InvokeEndpoint")
async def invoke_endpoint(ctx: Context, request: Document) -> Document:
    route = find(ctx, request["EndpointName"])
    variant = target(route, request)
    invocation = Invocation(
        request.get("Body", b""), await headers(variant, request), container=container(variant, request)
    )
    reply = await invoke(ctx, route, variant, invocation, request.get("InferenceId"))
    return {
        "Body": reply.body,
        "ContentType": reply.headers.get("content-type", UNKNOWN),
        "InvokedProductionVariant": variant.name,
        **{member: reply.headers[wire] for member, wire in RETURNED.items() if wire in reply.headers},
    }


@shortcut("sagemaker-runtime", "InvokeEndpoint")
async def invoke_plainly(ctx: Context, http: HttpRequest) -> HttpResponse | None:
    """What most clients send: a body, its type and what they accept, and nothing else that needs to be looked at."""
    given = http.headers
    kind, accept = given.get("content-type", ""), given.get("accept", "")
    route = ctx.ports.routes.find(arn(ctx, http.path[len(BEFORE_NAME) : -len(AFTER_NAME)]))
    if (
        route is None
        or not given.keys().isdisjoint(asked())
        or not isinstance(http.body, bytes)
        or len(http.body) > LONGEST_BODY
        or len(kind) + len(accept) > LONGEST_HEADER
        or not (kind.isascii() and accept.isascii())
    ):
        return None
    variant = route.choose()
    if variant.asynchronous or variant.models is not None or variant.containers:
        return None
    told = {"Content-Type": kind} if kind else {}
    if accept:
        told["Accept"] = accept
    reply = await invoke(ctx, route, variant, Invocation(http.body, told))
    found = [
        ("x-amzn-RequestId", ctx.request_id),
        ("Content-Type", reply.headers.get("content-type", UNKNOWN)),
        ("x-Amzn-Invoked-Production-Variant", variant.name),
    ]
    found += [(wire, reply.headers[wire]) for wire in RETURNED.values() if wire in reply.headers]
    return HttpResponse(200, found, reply.body)


@cache
def asked() -> frozenset[str]:
    """Headers, beside a body's type and what is accepted, by which an invocation asks for something."""
    shape = models.service("sagemaker-runtime").operations["InvokeEndpoint"].input
    assert shape is not None
    return frozenset(
        member.serialization["name"].lower()
        for member in shape.members.values()
        if member.serialization.get("location") == "header"
    ) - {"content-type", "accept"}
