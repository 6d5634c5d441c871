"""InvokeEndpointWithResponseStream: the model's answer as events, each piece as it comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from clary.api import Context, Document, ServiceError, operation
from clary.api.routes import Invocation, InvocationError, TimedOut
from clary.services.runtime.asking import ask
from clary.services.runtime.targets import container, find, headers, target

log = logging.getLogger(__name__)

STREAM_SECONDS = 480.0
"""How long a streamed answer may take, as on AWS."""


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


async def parts(body: AsyncIterator[bytes]) -> AsyncIterator[Document]:
    """Events. Raises ModelStreamError and InternalStreamFailure, which end the stream as events too."""
    try:
        async for piece in body:
            yield {"PayloadPart": {"Bytes": piece}}
    except TimedOut as error:
        raise ServiceError(
            "ModelStreamError", str(error), 400, ErrorCode="ModelInvocationTimeExceeded"
        ) from None
    except InvocationError as error:
        raise ServiceError("ModelStreamError", str(error), 400, ErrorCode="StreamBroken") from None
    except asyncio.CancelledError:
        # The server stops, or the reader has left, who is told nothing.
        words = "The server was stopped before the answer was complete. Try your request again."
        raise ServiceError("InternalStreamFailure", words, 500) from None
    except Exception as error:
        log.exception("An answer in pieces broke off")
        words = "The stream processing failed because of an unknown error."
        raise ServiceError("InternalStreamFailure", words, 500) from error
    finally:
        if close := getattr(body, "aclose", None):
            await close()
