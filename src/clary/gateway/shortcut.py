"""The short way through the edge, for calls whose path names their operation: invocations of endpoints, points of
metrics.

The steps that find out what is asked for are left out; those that may refuse it are the same ones. An operation
with a `shortcut` (`clary.api.operations`) may then answer the request as it is, without a document made of it. What
is odd in any way takes the whole way, whose steps have the words for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from clary.api import operations
from clary.domain import signing
from clary.domain.signing import Malformed
from clary.gateway.chain import House, Step, authenticate, authorise, context, decode, dispatch, encode
from clary.gateway.exchange import Exchange
from clary.wire import models

SIGNING_NAME, PROTOCOL = "sagemaker", "rest-json"


class Way(NamedTuple):
    method: str
    path: re.Pattern[str]
    service: str
    operation: str


WAYS = (
    Way(
        "POST", re.compile(r"/endpoints/[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?/invocations"),
        "sagemaker-runtime", "InvokeEndpoint",
    ),
    Way("PUT", re.compile("/BatchPutMetrics"), "sagemaker-metrics", "BatchPutMetrics"),
)  # fmt: skip


def taken(exchange: Exchange) -> bool:
    """Whether this call goes the short way; then what `identify` and `route` would find is known of it."""
    request = exchange.request
    for way in WAYS:
        if request.method == way.method and way.path.fullmatch(request.path) is not None:
            break
    else:
        return False
    if request.query:
        return False
    try:
        claim = signing.header_claim(request.headers)
    except Malformed:
        return False
    if (
        claim is None
        or claim.service != SIGNING_NAME
        or operations.handler(way.service, way.operation) is None
    ):
        return False
    service = models.service(way.service)
    exchange.claim, exchange.region = claim, claim.region
    exchange.services = (service,)
    exchange.operation, exchange.protocol = service.operations[way.operation], PROTOCOL
    return True


async def answer_directly(house: House, exchange: Exchange) -> None:
    operation = exchange.operation
    assert operation is not None
    shortcut = operations.shortcut_of(operation.service, operation.name)
    if shortcut is not None:
        exchange.response = await shortcut(context(house, exchange), exchange.request)


CHAIN: Sequence[Step] = (authenticate, authorise, answer_directly, decode, dispatch, encode)
