"""AWS Signature Version 4: what a request claims, and what its signature should be. Pure.

    claim = header_claim(request) or query_claim(request)         what the client says: key, scope, time, signature
    text = canonical_request(claim, request, payload_hash)        what was signed, spelled the one way
    expected = signature(claim.key(secret), string_to_sign(claim, text))

- S3 signs the path as it is on the wire; every other service normalises it and encodes it once more.
- A query that is already in canonical form is only sorted; any other is decoded and encoded anew.
- Headers are latin-1 text, which keeps the bytes that the client sent; so does the canonical request.
- A chunked upload signs each chunk over the signature before it (`chunk_signature`, `trailer_signature`).

Source: AWS General Reference, "Create a signed AWS API request"; Amazon S3 API Reference, "Authenticating
Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = sha256(b"").hexdigest()

_CANONICAL_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~=&]|%[0-9A-F]{2})*")
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z")


class Malformed(ValueError):
    """A signature that cannot be read; the message says what is wrong with it, as AWS does."""


class Claim(NamedTuple):
    """What a request says of its own signature."""

    access_key: str
    date: str
    region: str
    service: str
    """The signing name (`sagemaker`, `monitoring`, `s3`)."""
    timestamp: str
    """`YYYYMMDDTHHMMSSZ`; its digits are a time."""
    headers: tuple[str, ...]
    """Names of the signed headers, lower case, sorted."""
    signature: str
    token: str | None = None
    expires: int | None = None
    """Seconds for which a presigned URL is good; None for a signature in the headers."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"

    @property
    def time(self) -> float:
        """Epoch seconds."""
        return _epoch(self.timestamp)

    def key(self, secret: str) -> bytes:
        return signing_key(secret, self.date, self.region, self.service)


def header_claim(headers: Mapping[str, str]) -> Claim | None:
    """The claim in the Authorization header; None without one of this algorithm. Raises `Malformed`."""
    authorization = headers.get("authorization", "")
    if not authorization.startswith(ALGORITHM):
        return None
    said, comma, signature = authorization.rpartition(", Signature=")
    if not comma or "," in signature:
        said, signature = _reordered(authorization)
    credential, signed = _said(said)
    if not signature:
        raise Malformed(f"Authorization header requires 'Signature' parameter. Authorization={ALGORITHM}")
    timestamp = headers.get("x-amz-date") or _from_http_date(headers.get("date", ""))
    return _claim(credential, timestamp, signed, signature, headers.get("x-amz-security-token"))


def _reordered(authorization: str) -> tuple[str, str]:
    """The header without its signature, and that: it may stand elsewhere than at the end."""
    parts = [part.strip() for part in authorization[len(ALGORITHM) :].split(",")]
    signatures = [part for part in parts if part.startswith("Signature=")]
    rest = ", ".join(part for part in parts if not part.startswith("Signature="))
    return f"{ALGORITHM} {rest}", signatures[-1].partition("=")[2] if signatures else ""


@lru_cache(maxsize=256)
def _said(text: str) -> tuple[str, str]:
    """Credential and SignedHeaders of an Authorization header; a client's are the same all day. Raises `Malformed`."""
    fields: dict[str, str] = {}
    for part in text[len(ALGORITHM) :].split(","):
        name, _, value = part.strip().partition("=")
        fields[name] = value
    for name in ("Credential", "SignedHeaders"):
        if not fields.get(name):
            raise Malformed(f"Authorization header requires '{name}' parameter. Authorization={ALGORITHM}")
    return fields["Credential"], fields["SignedHeaders"]


def query_claim(query: Mapping[str, str]) -> Claim | None:
    """The claim of a presigned URL, from its decoded query; None without one. Raises `Malformed`."""
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        return None
    for name in ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders"):
        if not query.get(name):
            raise Malformed(f"Query-string authentication requires the {name} parameter.")
    expires = query.get("X-Amz-Expires", "3600" if "s3" not in query["X-Amz-Credential"].split("/") else "")
    if not expires.isascii() or not expires.isdigit():
        raise Malformed("X-Amz-Expires should be a number")
    if not 0 < int(expires) <= 604_800:
        raise Malformed("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be"
                        " less than 604800 seconds")  # fmt: skip
    return _claim(
        query["X-Amz-Credential"], query["X-Amz-Date"], query["X-Amz-SignedHeaders"], query["X-Amz-Signature"],
        query.get("X-Amz-Security-Token"), int(expires),
    )  # fmt: skip


def _claim(
    credential: str,
    timestamp: str,
    signed: str,
    signature: str,
    token: str | None,
    expires: int | None = None,
) -> Claim:
    access_key, date, region, service = _scope(credential)
    try:
        _epoch(timestamp)
    except LookupError:
        raise Malformed(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        ) from None
    except ValueError:
        raise Malformed(f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'.") from None
    if timestamp[:8] != date:
        raise Malformed(f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
                        f" '{date}' != '{timestamp[:8]}', from '{timestamp}'.")  # fmt: skip
    headers = _names(signed)
    if "host" not in headers:
        raise Malformed("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    return Claim(access_key, date, region, service, timestamp, headers, signature, token, expires)


@lru_cache(maxsize=256)
def _scope(credential: str) -> tuple[str, str, str, str]:
    """Access key, date, region, signing name. Raises `Malformed`."""
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise Malformed(f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
                        f" got '{credential}'")  # fmt: skip
    return parts[0], parts[1], parts[2], parts[3]


@lru_cache(maxsize=256)
def _names(signed: str) -> tuple[str, ...]:
    return tuple(sorted(signed.lower().split(";")))


@lru_cache(maxsize=256)
def _epoch(timestamp: str) -> float:
    """Raises LookupError for what has another form, ValueError for what is no time. Written out: strptime takes five
    times as long as all the rest of a check."""
    if not _TIMESTAMP.fullmatch(timestamp):
        raise LookupError(timestamp)
    digits = timestamp[:8] + timestamp[9:15]
    month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
    return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _from_http_date(text: str) -> str:
    if _TIMESTAMP.fullmatch(text):
        return text
    try:
        # Not strptime: its month names follow the process' locale.
        _, day, month, year, clock, _ = text.replace("-", " ").split(" ")
        number = "JanFebMarAprMayJunJulAugSepOctNovDec".index(month) // 3 + 1
        return f"{year}{number:02}{int(day):02}T{clock.replace(':', '')}Z"
    except ValueError:
        return ""


@lru_cache(maxsize=1024)
@lru_cache(maxsize=256)
def canonical_path(path: str) -> str:
    """As services other than S3 sign it: without `.`, `..` and empty segments, percent-encoded once more."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    normal = "/" + "/".join(kept)
    if kept and path.endswith("/"):
        normal += "/"
    return quote(normal, safe="/~")


def canonical_query(query: str) -> str:
    """Sorted by name, then value; the signature itself left out."""
    if not query:
        return ""
    pairs: list[tuple[str, str]] = []
    canonical = _CANONICAL_QUERY.fullmatch(query) is not None
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "X-Amz-Signature":
            continue
        pairs.append((name, value) if canonical else (_encode(name), _encode(value)))
    pairs.sort()
    return "&".join(f"{name}={value}" for name, value in pairs)


def _encode(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ").encode("latin-1")), safe="-_.~")


def decoded_query(query: str) -> dict[str, str]:
    """Names and values of a query; of a repeated name, the first."""
    pairs: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        pairs.setdefault(unquote(name.replace("+", " ")), unquote(value.replace("+", " ")))
    return pairs


def header_value(value: str) -> str:
    """Trimmed, runs of spaces made one. Only ASCII blanks: others are bytes of the client's own encoding."""
    value = value.strip(" \t")
    if "  " in value or "\t" in value:
        return re.sub(r"[ \t]+", " ", value)
    return value


def canonical_request(
    claim: Claim, method: str, path: str, query: str, headers: Mapping[str, str], payload_hash: str
) -> str:
    """`path` and `query` as on the wire. `payload_hash`: SHA-256 of the body, or the constant that stands for it."""
    lines = [f"{name}:{header_value(headers.get(name, ''))}\n" for name in claim.headers]
    uri = (path or "/") if claim.service == "s3" else canonical_path(path)
    return "\n".join(
        (method, uri, canonical_query(query), "".join(lines), ";".join(claim.headers), payload_hash)
    )


def string_to_sign(claim: Claim, canonical: str) -> str:
    return f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{sha256(canonical.encode('latin-1')).hexdigest()}"


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Good for a day; four of the five hashes of a check, so kept."""
    key = hmac.digest(f"AWS4{secret}".encode(), date.encode(), "sha256")
    for part in (region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=1024)
def _pads(key: bytes) -> tuple[Any, Any]:
    """HMAC's two hashes (RFC 2104), begun with the key. `hmac.digest` lets other threads run at every call, and a
    busy server waits long for its turn to come back."""
    block = key.ljust(64, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block))


def signature(key: bytes, text: str) -> str:
    """`key`: 32 bytes, as `signing_key` makes it."""
    begun_inner, begun_outer = _pads(key)
    inner, outer = begun_inner.copy(), begun_outer.copy()
    inner.update(text.encode())
    outer.update(inner.digest())
    return str(outer.hexdigest())


def matches(expected: str, given: str) -> bool:
    """Takes the same time wherever the two differ."""
    if expected.isascii() and given.isascii():
        return hmac.compare_digest(expected, given)
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def chunk_signature(claim: Claim, key: bytes, previous: str, chunk_hash: str) -> str:
    """Of one chunk, whose data has this SHA-256, after the chunk (or request) signed `previous`."""
    return signature(
        key,
        f"{ALGORITHM}-PAYLOAD\n{claim.timestamp}\n{claim.scope}\n{previous}\n{EMPTY_SHA256}\n{chunk_hash}",
    )


def trailer_signature(claim: Claim, key: bytes, previous: str, trailers: Mapping[str, str]) -> str:
    text = "".join(f"{name}:{header_value(value)}\n" for name, value in sorted(trailers.items()))
    digest = sha256(text.encode("latin-1")).hexdigest()
    return signature(key, f"{ALGORITHM}-TRAILER\n{claim.timestamp}\n{claim.scope}\n{previous}\n{digest}")
