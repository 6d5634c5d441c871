"""How each family of services says that it does not know who calls.

    s3      REST-XML: InvalidAccessKeyId, RequestTimeTooSkewed, AccessDenied for the anonymous, ...
    query   sts, iam, old cloudwatch clients: InvalidClientTokenId, SignatureDoesNotMatch, ...
    json    sagemaker, logs, ...: UnrecognizedClientException, InvalidSignatureException, ...

REST-JSON services use the words of `json` with status 403. Sources: "Error responses" of the Amazon S3 API
Reference, "Common errors" of the STS and IAM API References, what boto3 users report of SageMaker.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import Any

from clary.wire.errors import WireError


class Refusal(Enum):
    ANONYMOUS = auto()
    MALFORMED = auto()
    MALFORMED_QUERY = auto()
    UNKNOWN_KEY = auto()
    BAD_TOKEN = auto()
    EXPIRED_SESSION = auto()
    SKEWED = auto()
    EXPIRED_URL = auto()
    MISMATCH = auto()


_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key"
    " and signing method. Consult the service documentation for details."
)
_INVALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"

_WORDS: dict[Refusal, dict[str, tuple[str, int, str]]] = {
    Refusal.ANONYMOUS: {
        "s3": ("AccessDenied", 403, "Access Denied"),
        "query": ("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
        "json": ("MissingAuthenticationTokenException", 400, "Missing Authentication Token"),
    },
    Refusal.MALFORMED: {
        "s3": ("AuthorizationHeaderMalformed", 400, "The authorization header is malformed; {detail}"),
        "query": ("IncompleteSignature", 400, "{detail}"),
        "json": ("IncompleteSignatureException", 400, "{detail}"),
    },
    Refusal.MALFORMED_QUERY: {
        "s3": ("AuthorizationQueryParametersError", 400, "{detail}"),
        "query": ("IncompleteSignature", 400, "{detail}"),
        "json": ("IncompleteSignatureException", 400, "{detail}"),
    },
    Refusal.UNKNOWN_KEY: {
        "s3": (
            "InvalidAccessKeyId",
            403,
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        "query": ("InvalidClientTokenId", 403, _INVALID),
        "json": ("UnrecognizedClientException", 400, _INVALID),
    },
    Refusal.BAD_TOKEN: {
        "s3": ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
        "query": ("InvalidClientTokenId", 403, _INVALID),
        "json": ("UnrecognizedClientException", 400, _INVALID),
    },
    Refusal.EXPIRED_SESSION: {
        "s3": ("ExpiredToken", 400, "The provided token has expired."),
        "query": ("ExpiredToken", 403, _EXPIRED),
        "json": ("ExpiredTokenException", 400, _EXPIRED),
    },
    Refusal.SKEWED: {
        "s3": (
            "RequestTimeTooSkewed",
            403,
            "The difference between the request time and the current time is too large.",
        ),
        "query": ("SignatureDoesNotMatch", 403, "{detail}"),
        "json": ("InvalidSignatureException", 400, "{detail}"),
    },
    Refusal.EXPIRED_URL: {
        "s3": ("AccessDenied", 403, "Request has expired"),
        "query": ("SignatureDoesNotMatch", 403, "Signature expired: {detail}"),
        "json": ("InvalidSignatureException", 400, "Signature expired: {detail}"),
    },
    Refusal.MISMATCH: {
        "s3": (
            "SignatureDoesNotMatch",
            403,
            "The request signature we calculated does not match the signature you provided."
            " Check your key and signing method.",
        ),
        "query": ("SignatureDoesNotMatch", 403, _MISMATCH),
        "json": ("InvalidSignatureException", 400, _MISMATCH),
    },
}


def refuse(refusal: Refusal, protocol: str, detail: str = "", **fields: Any) -> WireError:
    """The error to raise. `protocol`: of the service, as botocore names it."""
    family = {"rest-xml": "s3", "query": "query"}.get(protocol, "json")
    code, status, message = _WORDS[refusal][family]
    if protocol == "rest-json":
        status = 403
    return WireError(code, message.format(detail=detail), status, **fields)


def skew_detail(signed: float, now: float, allowed: float) -> str:
    """AWS's sentence about a signature from another time."""
    at, clock, minutes = compact(signed), compact(now), f"{allowed / 60:g} min."
    if signed < now:
        return f"Signature expired: {at} is now earlier than {compact(now - allowed)} ({clock} - {minutes})"
    return (
        f"Signature not yet current: {at} is still later than {compact(now + allowed)} ({clock} + {minutes})"
    )


def compact(seconds: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
