"""The steps between a request's first header and its answer, in the order in which they run.

    extend         /_clary/...: what is open to all is answered here; the rest goes on to be authenticated
    identify       the service, the region, an S3 bucket out of the host name
    authenticate   who calls; a service other than S3 has its body read here, as its signature covers it
    route          the operation
    authorise      may they
    answer         an authenticated /_clary/... call, whose way ends here
    receive        S3's body: whole, or as a stream
    decode         bytes -> parameters, validated by the model
    dispatch       the operation's function, on a thread or on the loop
    encode         the answer -> bytes, by the model

A step changes the exchange and raises to refuse; one that sets `exchange.response` ends the chain.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec

from clary.api import extensions, operations
from clary.api.context import Context, Ports
from clary.domain import signing
from clary.domain.signing import Claim, Malformed
from clary.domain.signing_v2 import LegacyClaim
from clary.gateway import authentication, chunked, faults
from clary.gateway import extensions as own
from clary.gateway.bodies import whole
from clary.gateway.exchange import Exchange
from clary.gateway.identify import Directory, form_error_protocol, path_style
from clary.gateway.keys import Keys
from clary.gateway.refusals import Refusal, refuse
from clary.gateway.threads import Threads
from clary.wire import codec, routes
from clary.wire.errors import WireError
from clary.wire.messages import HttpRequest, HttpResponse
from clary.wire.models import Operation

Extension = Callable[[HttpRequest], Awaitable[HttpResponse]]
"""Answers what is under its path; the request's body is a `wire.messages.Body`."""

MIB = 1 << 20
BODY_LIMIT = 16 * MIB
BODY_LIMITS = {"sagemaker-runtime": 25 * MIB}
"""Bytes of a body that is read whole, by service."""

HASHED_ASIDE = 1 << 18
"""Bytes of a body from which on it is hashed in a thread (1 MB takes 0.7 ms, for which the loop serves others)."""

FORM_LIMIT = 64 * 1024
"""Bytes of a form that is read to learn what an unsigned caller asks for."""

ROOT = "/_clary/"

T = TypeVar("T")


@dataclass(frozen=True)
class House:
    """What the steps work with."""

    ports: Ports
    directory: Directory
    keys: Keys
    threads: Threads
    hashing: Threads
    """One: it hashes more than the loop can take in, and several would wake in each other's way."""
    extensions: Mapping[str, Extension]


async def extend(house: House, exchange: Exchange) -> None:
    path = exchange.request.path
    if not path.startswith(ROOT):
        return
    for prefix, extension in house.extensions.items():
        if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
            exchange.response = await extension(exchange.request)
            return
    methods = extensions.methods(path)
    if not methods:
        raise WireError("UnknownOperationException", f"There is nothing at {path}.", 404)
    exchange.extension = methods.get(exchange.request.method)
    if exchange.extension is None:
        raise WireError("UnknownOperationException", f"{path} answers {', '.join(methods)}.", 405)


async def identify(house: House, exchange: Exchange) -> None:
    request, directory = exchange.request, house.directory
    exchange.region = house.ports.settings.region
    unreadable = None
    try:
        exchange.claim = authentication.read_claim(request.headers, exchange.query)
    except Malformed as error:
        unreadable = error
    claim = exchange.claim
    if exchange.extension is not None and unreadable is None and not _for_extensions(claim):
        raise refuse(Refusal.ANONYMOUS, "rest-json")
    if isinstance(claim, Claim):
        exchange.region = claim.region
        exchange.services = directory.signed_for(claim.service, request)
        if not exchange.services:
            raise faults.unsupported(claim.service, _asked(request))
    elif claim is not None:
        exchange.services = directory.signed_for("s3", request)
    else:
        exchange.services = directory.unsigned(request)
        if not exchange.services and form_error_protocol(request) == "query":
            anonymous = refuse(Refusal.ANONYMOUS, "query")
            request.body = await whole(exchange.incoming, FORM_LIMIT, lambda: anonymous)
            exchange.services = [s for s in directory.services if routes.find(s, request)][:1]
        elif not exchange.services and "x-amz-target" not in request.headers:
            exchange.services = directory.signed_for("s3", request)
    if unreadable is not None:
        protocol = exchange.service.model.protocol if exchange.services else "json"
        raise authentication.malformed(exchange, unreadable, protocol)
    if not exchange.services:
        raise refuse(Refusal.ANONYMOUS, form_error_protocol(request))
    if exchange.service.name == "s3":
        request.path = path_style(request.path, request.headers.get("host", ""))


def _for_extensions(claim: Claim | LegacyClaim | None) -> bool:
    return isinstance(claim, Claim) and claim.service == extensions.SIGNING_NAME


async def authenticate(house: House, exchange: Exchange) -> None:
    claim = exchange.claim
    protocol = exchange.service.model.protocol
    is_s3 = exchange.service.name == "s3"
    if claim is None and is_s3 and "authorization" in exchange.request.headers:
        raise WireError("InvalidRequest", "The authorization mechanism you have provided is not supported."
                                          " Please use AWS4-HMAC-SHA256.")  # fmt: skip
    if claim is None or (not is_s3 and not isinstance(claim, Claim)):
        match = routes.find(exchange.service, exchange.request)
        if match is not None and match.operation.model.auth_type == "none":
            raise faults.unsupported(exchange.service.name, match.operation.name)
        raise refuse(Refusal.ANONYMOUS, protocol)
    key = house.keys.remembered(claim.access_key)
    if key is None:
        key = await house.threads.run(house.keys.find, claim.access_key)
    key = authentication.check_key(exchange, claim, key, house.ports.settings.clock_skew)
    if is_s3:
        payload_hash = authentication.s3_payload_hash(exchange, claim)
    else:
        exchange.request.body = await _whole(exchange)
        body = exchange.request.body
        if len(body) < HASHED_ASIDE:
            payload_hash = authentication.body_hash(body)
        else:
            payload_hash = await house.hashing.run(authentication.body_hash, body)
    exchange.principal = authentication.check_signature(exchange, claim, key, payload_hash)
    if is_s3:
        _unframe(exchange, claim, key.secret, payload_hash)


def _unframe(exchange: Exchange, claim: object, secret: str, payload_hash: str) -> None:
    """Have the body checked against what was signed, and freed of `aws-chunked` framing."""
    request = exchange.request
    if payload_hash not in chunked.FRAMED:
        if payload_hash != signing.UNSIGNED_PAYLOAD:
            exchange.incoming.expected_sha256 = payload_hash.lower()
        return
    assert isinstance(claim, Claim)
    decoded = request.headers.get("x-amz-decoded-content-length", "")
    if not decoded.isascii() or not decoded.isdigit():
        raise WireError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    signer = None if payload_hash == chunked.UNSIGNED else chunked.Signer(claim, claim.key(secret))
    request.body = chunked.Unchunked(
        exchange.incoming, int(decoded), signer, trailer_signed=payload_hash == chunked.SIGNED_TRAILER
    )
    encodings = [part.strip() for part in request.headers.get("content-encoding", "").split(",")]
    headers = {**request.headers, "content-length": decoded}
    headers.pop("content-encoding", None)
    kept = [encoding for encoding in encodings if encoding and encoding != "aws-chunked"]
    request.headers = {**headers, "content-encoding": ",".join(kept)} if kept else headers


async def route(_: House, exchange: Exchange) -> None:
    if exchange.extension is not None:
        return
    request = exchange.request
    for service in exchange.services:
        match = routes.find(service, request)
        if match is not None:
            exchange.services = (service,)
            exchange.operation, exchange.protocol = match.operation, match.protocol
            break
    else:
        code = {"rest-xml": "MethodNotAllowed", "query": "InvalidAction"}.get(exchange.service.model.protocol)
        raise WireError(
            code or "UnknownOperationException", f"{exchange.service.name} has no operation that answers {_asked(request)}.",
            405 if code == "MethodNotAllowed" else 400,
        )  # fmt: skip
    if operations.handler(exchange.operation.service, exchange.operation.name) is None:
        raise faults.unsupported(exchange.operation.service, exchange.operation.name)


async def authorise(house: House, exchange: Exchange) -> None:
    """Every authenticated principal of the account may do everything: the one place where policies will decide."""
    principal = _known(exchange.principal)
    if principal.account != house.ports.settings.account:
        raise refuse(Refusal.UNKNOWN_KEY, exchange.service.model.protocol)


async def answer(house: House, exchange: Exchange) -> None:
    """The signature covered the body, so it has been read."""
    if exchange.extension is None:
        return
    body = exchange.request.body
    assert isinstance(body, bytes)
    try:
        document = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
    except msgspec.DecodeError as error:
        raise WireError("SerializationException", f"The body is not a JSON object: {error}") from None
    asked = extensions.Asked(exchange.query, document)
    found = await house.threads.run(exchange.extension, context(house, exchange), asked)
    exchange.response = found if isinstance(found, HttpResponse) else own.json_response(found)


async def receive(_: House, exchange: Exchange) -> None:
    if isinstance(exchange.request.body, bytes) or _streams(_known(exchange.operation)):
        return
    exchange.request.body = await _whole(exchange)


async def decode(_: House, exchange: Exchange) -> None:
    exchange.document = codec.decode(_known(exchange.operation), exchange.protocol, exchange.request)


async def dispatch(house: House, exchange: Exchange) -> None:
    operation = _known(exchange.operation)
    handler = _known(operations.handler(operation.service, operation.name))
    ctx = context(house, exchange)
    try:
        if handler.is_async:
            exchange.answer = await handler.function(ctx, exchange.document)
        else:
            exchange.answer = await house.threads.run(handler.function, ctx, exchange.document)
    finally:
        if operation.service == "iam":
            house.keys.forget()


def context(house: House, exchange: Exchange) -> Context:
    principal = _known(exchange.principal)
    return Context(
        account=principal.account, region=exchange.region, principal=principal, request_id=exchange.request_id,
        now=exchange.now, ports=house.ports, user_agent=exchange.request.headers.get("user-agent", ""),
    )  # fmt: skip


async def encode(_: House, exchange: Exchange) -> None:
    exchange.response = codec.encode(
        _known(exchange.operation), exchange.protocol, exchange.answer, exchange.request_id
    )


Step = Callable[[House, Exchange], Awaitable[None]]
CHAIN: Sequence[Step] = (
    extend,
    identify,
    authenticate,
    route,
    authorise,
    answer,
    receive,
    decode,
    dispatch,
    encode,
)


async def _whole(exchange: Exchange) -> bytes:
    service, body = exchange.service, exchange.request.body
    limit = max([BODY_LIMITS.get(candidate.name, BODY_LIMIT) for candidate in exchange.services])
    assert not isinstance(body, bytes)
    return await whole(body, limit, lambda: faults.too_large(service.name, service.model.protocol))


def _asked(request: HttpRequest) -> str:
    return request.headers.get("x-amz-target") or f"{request.method} {request.path}"


def _known(value: T | None) -> T:
    """What an earlier step of the chain has set."""
    assert value is not None
    return value


@cache
def _streams(operation: Operation) -> bool:
    return bool(operation.model.has_streaming_input)
