"""An invocation carried out: asked, counted, told to the shadows, captured; what goes wrong as AWS names it.

What a model server answers with another status than 2xx is a ModelError with that status, its body and where the log is.
"""

from __future__ import annotations

import asyncio
import random
import time

from clary.api import Context, ServiceError
from clary.api.routes import (
    Invocation,
    InvocationError,
    NotReady,
    Overloaded,
    Reply,
    Route,
    TimedOut,
    Variant,
)
from clary.services.runtime.targets import invalid, not_ready


async def invoke(
    ctx: Context, route: Route, variant: Variant, invocation: Invocation, inference_id: str | None = None
) -> Reply:
    """The variant's reply, of status 2xx; the shadows are told, and the call is captured. Raises as `ask`."""
    if variant.largest is not None and len(invocation.body) > variant.largest:
        raise invalid(f"Request {ctx.request_id} has oversize body.")
    reply = await ask(ctx, route, variant, invocation)
    if route.shadows:
        shadow(route, invocation)
    if route.capture is not None:
        route.capture.keep(variant.name, invocation, reply, inference_id)
    return reply


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


def shadow(route: Route, invocation: Invocation) -> None:
    """The same call to the shadow variants, to the share that their weight is of all traffic; whatever they
    answer is for nobody."""
    for variant in route.shadows:
        if random.random() * max(route.total, 1e-9) < variant.weight:
            task = asyncio.ensure_future(variant.backend.invoke(invocation))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
