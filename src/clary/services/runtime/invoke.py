"""InvokeEndpoint and InvokeEndpointWithResponseStream.

Names and words of the errors are AWS's; what a model server answers with another status than 2xx is a ModelError
with that status, its body and where the log is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from functools import cache

from clary.api import Context, Document, ServiceError, operation
from clary.api.operations import shortcut
from clary.api.routes import (
    MODEL,
    Invocation,
    InvocationError,
    NotReady,
    Overloaded,
    Reply,
    Route,
    TimedOut,
    Unreadable,
    Variant,
)
from clary.wire import models
from clary.wire.messages import HttpRequest, HttpResponse

FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}
"""Members of a request that the model server is told, and in which header."""
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
STREAM_SECONDS = 480.0
"""How long a streamed answer may take, as on AWS."""


@operation("sagemaker-runtime", "InvokeEndpoint")
async def invoke_endpoint(ctx: Context, request: Document) -> Document:
    route = find(ctx, request["EndpointName"])
    variant = target(route, request)
    if variant.asynchronous:
        raise invalid(f"Endpoint {request['EndpointName']} is asynchronous: use InvokeEndpointAsync.")
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


async def invoke(
    ctx: Context, route: Route, variant: Variant, invocation: Invocation, inference_id: str | None = None
) -> Reply:
    """The variant's reply, of status 2xx; the shadows are told, and the call is captured. Raises as `ask`."""
    reply = await ask(ctx, route, variant, invocation)
    if route.shadows:
        shadow(route, invocation)
    if route.capture is not None:
        route.capture.keep(variant.name, invocation, reply, inference_id)
    return reply


@operation("sagemaker-runtime", "InvokeEndpointWithResponseStream")
async def invoke_with_stream(ctx: Context, request: Document) -> Document:
    route = find(ctx, request["EndpointName"])
    variant = target(route, request)
    invocation = Invocation(
        request.get("Body", b""), await headers(variant, request), stream=True, timeout=STREAM_SECONDS,
        container=container(variant, request),
    )  # fmt: skip
    reply = await ask(ctx, route, variant, invocation)
    assert not isinstance(reply.body, bytes)
    return {
        "Body": parts(reply.body),
        "ContentType": reply.headers.get("content-type", "application/octet-stream"),
        "InvokedProductionVariant": variant.name,
        "CustomAttributes": reply.headers.get("x-amzn-sagemaker-custom-attributes"),
    }


def arn(ctx: Context, name: str) -> str:
    return f"arn:aws:sagemaker:{ctx.region}:{ctx.account}:endpoint/{name.lower()}"


def find(ctx: Context, name: str) -> Route:
    route = ctx.ports.routes.find(arn(ctx, name))
    if route is None:
        raise invalid(f"Endpoint {name} of account {ctx.account} not found.")
    return route


def target(route: Route, request: Document) -> Variant:
    if "InferenceComponentName" in request:
        raise invalid("Clary's endpoints have no inference components.")
    name = request.get("TargetVariant")
    if name is None:
        return route.choose()
    variant = route.named(name)
    if variant is None:
        raise invalid(f"Variant {name} not found for Endpoint {request['EndpointName']}.")
    return variant


def container(variant: Variant, request: Document) -> str:
    """The one that is asked, of those from which callers choose. Raises ValidationError."""
    name = request.get("TargetContainerHostname")
    if name is None and not variant.containers:
        return ""
    if not variant.containers:
        raise invalid(
            f"TargetContainerHostname is not allowed: endpoint {request['EndpointName']} is not configured for direct "
            "invocation."
        )
    there = f"Its containers are {', '.join(variant.containers)}."
    if name is None:
        raise invalid(
            f"TargetContainerHostname must be given: endpoint {request['EndpointName']} is configured for direct "
            f"invocation. {there}"
        )
    if name not in variant.containers:
        raise invalid(f"Container {name} not found for Endpoint {request['EndpointName']}. {there}")
    return str(name)


async def headers(variant: Variant, request: Document) -> Mapping[str, str]:
    """Raises ValidationError for a model that the variant does not have."""
    found = {wire: str(request[member]) for member, wire in FORWARDED.items() if member in request}
    model = request.get("TargetModel")
    if variant.models is None:
        if model is not None:
            raise invalid(
                "Endpoint does not support target models: only endpoints with multi-model variants take TargetModel."
            )
        return found
    if model is None:
        raise invalid("Endpoint has multi-model variants: TargetModel must be given.")
    try:
        found[MODEL] = await variant.models.locate(model)
    except LookupError as error:
        raise invalid(str(error.args[0])) from None
    except NotReady as error:
        raise not_ready(error) from None
    except Unreadable as error:
        raise ServiceError("InternalDependencyException", str(error), 530) from error
    return found


async def ask(ctx: Context, route: Route, variant: Variant, invocation: Invocation) -> Reply:
    """A reply of status 2xx. Raises ModelError, ModelNotReadyException, ServiceUnavailable."""
    meter = variant.meter
    try:
        reply = await variant.backend.invoke(invocation)
    except Overloaded as error:
        if meter is not None:
            meter.failed(None)
        raise ServiceError("ServiceUnavailable", str(error), 503) from None
    except NotReady as error:
        if meter is not None:
            meter.failed(None)
        raise not_ready(error) from None
    except TimedOut as error:
        if meter is not None:
            meter.failed(None)
        raise model_error(
            ctx, route, 0, f"Your invocation timed out while waiting for a response from container {error.source}. Review the "
            "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again.", error.source,
        ) from None  # fmt: skip
    except InvocationError as error:
        if meter is not None:
            meter.failed(500)
        raise model_error(ctx, route, 500, str(error), error.source) from None
    if 200 <= reply.status < 300:
        if meter is not None:
            meter.answered(reply.seconds, time.time() - ctx.now)
        return reply
    if meter is not None:
        meter.failed(reply.status)
    body = reply.body if isinstance(reply.body, bytes) else b"".join([piece async for piece in reply.body])
    raise model_error(ctx, route, reply.status, body.decode("utf-8", "replace"), reply.source)


def model_error(
    ctx: Context, route: Route, status: int, message: str, source: str = "primary"
) -> ServiceError:
    whose = "client" if 400 <= status < 500 else "server"
    return ServiceError(
        "ModelError",
        f'Received {whose} error ({status}) from {source} with message "{message}". See {route.log_group} in account '
        f"{ctx.account} for more information.",
        424,
        OriginalStatusCode=status,
        OriginalMessage=message,
        LogStreamArn=ctx.arn("logs", f"log-group:{route.log_group}"),
    )


def not_ready(error: NotReady) -> ServiceError:
    return ServiceError("ModelNotReadyException", str(error), 429)


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def shadow(route: Route, invocation: Invocation) -> None:
    """The same call to the shadow variants, to the share that their weight is of all traffic; whatever they
    answer is for nobody."""
    for variant in route.shadows:
        if random.random() * max(route.total, 1e-9) < variant.weight:
            task = asyncio.ensure_future(variant.backend.invoke(invocation))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())


async def parts(body: AsyncIterator[bytes]) -> AsyncIterator[Document]:
    try:
        async for piece in body:
            yield {"PayloadPart": {"Bytes": piece}}
    except InvocationError as error:
        raise ServiceError("ModelStreamError", str(error), 400, ErrorCode="ModelInvocationFailed") from None
    finally:
        if close := getattr(body, "aclose", None):
            await close()
