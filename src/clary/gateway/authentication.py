"""Who calls: the request's claim, the key it names, and whether the signature is that key's.

Checked in this order, so that nothing costs more than it must: the claim's form, the key, its session's
token and end, the time, and only then the signature. The signature of an S3 request covers the SHA-256 that
its headers declare, and is checked before the body is read; any other service's covers the body itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from clary.api.context import Principal
from clary.domain import signing, signing_v2
from clary.domain.signing import Claim, Malformed
from clary.domain.signing_v2 import LegacyClaim
from clary.gateway import chunked
from clary.gateway.exchange import Exchange
from clary.gateway.refusals import Refusal, compact, iso, refuse, skew_detail
from clary.storage.ports import Key
from clary.wire.errors import WireError


def read_claim(headers: Mapping[str, str], query: Mapping[str, str]) -> Claim | LegacyClaim | None:
    """What the request says of its signature; None if it is not signed. Raises `Malformed`."""
    if "authorization" in headers:
        return signing.header_claim(headers)
    return signing.query_claim(query) or signing_v2.legacy_claim(query)


def malformed(exchange: Exchange, error: Malformed, protocol: str) -> WireError:
    refusal = Refusal.MALFORMED if "authorization" in exchange.request.headers else Refusal.MALFORMED_QUERY
    return refuse(refusal, protocol, str(error))


def check_key(exchange: Exchange, claim: Claim | LegacyClaim, key: Key | None, skew: float) -> Key:
    """The key, if it may act now with this claim. Raises WireError in the service's words."""
    protocol = exchange.service.model.protocol
    now = exchange.now
    if key is None or not key.active:
        raise refuse(Refusal.UNKNOWN_KEY, protocol, AWSAccessKeyId=claim.access_key)
    if (key.token is not None or claim.token is not None) and not signing.matches(
        key.token or "", claim.token or ""
    ):
        raise refuse(Refusal.BAD_TOKEN, protocol)
    if key.expires is not None and key.expires <= now:
        raise refuse(Refusal.EXPIRED_SESSION, protocol)
    if isinstance(claim, LegacyClaim):
        if claim.expires < now:
            raise refuse(Refusal.EXPIRED_URL, protocol, Expires=iso(claim.expires), ServerTime=iso(now))
    elif claim.expires is not None and claim.time + claim.expires < now:
        end = claim.time + claim.expires
        detail = f"{compact(end)} is now earlier than {compact(now)}"
        raise refuse(Refusal.EXPIRED_URL, protocol, detail, Expires=iso(end), ServerTime=iso(now))
    elif claim.time > now + skew or (claim.expires is None and claim.time < now - skew):
        raise refuse(
            Refusal.SKEWED, protocol, skew_detail(claim.time, now, skew), RequestTime=claim.timestamp,
            ServerTime=iso(now), MaxAllowedSkewMilliseconds=str(int(skew * 1000)),
        )  # fmt: skip
    return key


def check_signature(exchange: Exchange, claim: Claim | LegacyClaim, key: Key, payload_hash: str) -> Principal:
    """Raises WireError in the service's words."""
    request = exchange.request
    protocol = exchange.service.model.protocol
    if isinstance(claim, LegacyClaim):
        # Version 2 signs the bucket with the path, also where the host names it.
        text = signing_v2.legacy_string(claim, request.method, request.path, request.query, request.headers)
        expected = signing_v2.legacy_signature(key.secret, text)
        shown = {"StringToSign": text}
    else:
        canonical = signing.canonical_request(
            claim, request.method, exchange.signed_path, request.query, request.headers, payload_hash
        )
        text = signing.string_to_sign(claim, canonical)
        expected = signing.signature(claim.key(key.secret), text)
        shown = {"StringToSign": text, "CanonicalRequest": canonical}
    if not signing.matches(expected, claim.signature):
        fields = {"AWSAccessKeyId": claim.access_key, "SignatureProvided": claim.signature, **shown}
        raise refuse(Refusal.MISMATCH, protocol, **(fields if protocol == "rest-xml" else {}))
    return Principal(key.principal, key.account, key.id)


def s3_payload_hash(exchange: Exchange, claim: Claim | LegacyClaim) -> str:
    """What an S3 request's signature covers of its body. Raises WireError."""
    headers = exchange.request.headers
    if isinstance(claim, LegacyClaim):
        return signing.UNSIGNED_PAYLOAD
    for name in headers:
        # An unsigned one could be anybody's: it would act with the signer's rights.
        if name.startswith("x-amz-") and name not in claim.headers:
            raise WireError(
                "AccessDenied", "There were headers present in the request which were not signed", 403,
                HeadersNotSigned=name,
            )  # fmt: skip
    declared = headers.get("x-amz-content-sha256")
    if claim.expires is not None:
        return declared or exchange.query.get("X-Amz-Content-Sha256") or signing.UNSIGNED_PAYLOAD
    if declared is None:
        raise WireError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if declared != signing.UNSIGNED_PAYLOAD and declared not in chunked.FRAMED and not _is_sha256(declared):
        raise WireError(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD,"
            " STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-UNSIGNED-PAYLOAD-TRAILER or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256", ArgumentValue=declared,
        )  # fmt: skip
    return declared


def body_hash(body: bytes) -> str:
    return sha256(body).hexdigest() if body else signing.EMPTY_SHA256


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and not text.strip("0123456789abcdefABCDEF")
