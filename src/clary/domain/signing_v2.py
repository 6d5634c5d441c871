"""Signature Version 2 of presigned S3 URLs, which boto3's `generate_presigned_url` still makes by default.

    http://host/BUCKET/KEY?AWSAccessKeyId=...&Expires=EPOCH&Signature=BASE64[&x-amz-security-token=...]

The string to sign holds the method, Content-MD5, Content-Type, the expiry, the `x-amz-` headers (or query
parameters of that name) and the path with those sub-resources that select what the request is about.
Source: Amazon S3 API Reference, "Signing and authenticating REST requests (AWS signature version 2)".
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from clary.domain.signing import Malformed, decoded_query

_SUBRESOURCES = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    ]
)


@dataclass(frozen=True, slots=True)
class LegacyClaim:
    access_key: str
    expires: int
    """Epoch seconds after which the URL is no longer good."""
    signature: str
    token: str | None = None


def legacy_claim(query: Mapping[str, str]) -> LegacyClaim | None:
    """The claim of such a URL, from its decoded query; None without one. Raises `Malformed`."""
    if "AWSAccessKeyId" not in query or "Signature" not in query:
        return None
    expires = query.get("Expires", "")
    if not expires.isascii() or not expires.isdigit():
        raise Malformed(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        )
    return LegacyClaim(
        query["AWSAccessKeyId"], int(expires), query["Signature"], query.get("x-amz-security-token")
    )


def legacy_string(claim: LegacyClaim, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """`path` percent-encoded and with its bucket, also where the host named the bucket."""
    given = decoded_query(query)
    amazon = {name: value.strip() for name, value in headers.items() if name.startswith("x-amz-")}
    amazon |= {name.lower(): value for name, value in given.items() if name.lower().startswith("x-amz-")}
    selected: list[tuple[str, str | None]] = []
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if name in _SUBRESOURCES:
            selected.append((name, unquote(value) if equals else None))
    selected.sort(key=lambda pair: pair[0])
    resource = path
    if selected:
        resource += "?" + "&".join(name if value is None else f"{name}={value}" for name, value in selected)
    lines = [
        method,
        headers.get("content-md5", given.get("content-md5", "")).strip(),
        headers.get("content-type", given.get("content-type", "")).strip(),
        str(claim.expires),
        *(f"{name}:{value}" for name, value in sorted(amazon.items())),
        resource,
    ]
    return "\n".join(lines)


def legacy_signature(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
