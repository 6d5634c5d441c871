"""What travels with an object's bytes: content headers, user metadata, storage class, tags.

Kept in the record's document under the model's member names, so an answer is the document again. Tags are
`Tags`, a plain mapping. Encryption with the server's keys (SSE-S3, SSE-KMS) may be asked for and is not
claimed in answers, since Clary does not encrypt; keys of the client (SSE-C) are refused, because such a
client counts on the bytes being unreadable without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from clary.services.s3.faults import fault
from clary.storage.objects import CONTENT_TYPE
from clary.storage.ports import ObjectRecord
from clary.wire.messages import Document

KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "StorageClass",
    "WebsiteRedirectLocation",
)
OVERRIDES = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
)
METADATA_BYTES = 2048
TAGS = 10
_ACLS = ("private", "bucket-owner-full-control", "bucket-owner-read")
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")


def described(request: Document) -> Document:
    """The document of a new object. Raises MetadataTooLarge, InvalidTag, InvalidArgument, InvalidRequest,
    AccessControlListNotSupported, NotImplemented."""
    refuse(request)
    document = {member: request[member] for member in KEPT if request.get(member) is not None}
    document.setdefault("ContentType", CONTENT_TYPE)
    encoding = [part.strip() for part in document.pop("ContentEncoding", "").split(",")]
    kept = ",".join(part for part in encoding if part and part != "aws-chunked")
    if kept:
        document["ContentEncoding"] = kept
    if document.get("StorageClass") == "STANDARD":
        del document["StorageClass"]
    metadata: Mapping[str, str] = document.get("Metadata", {})
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > METADATA_BYTES:
        raise fault("MetadataTooLarge", Size=size, MaxSizeAllowed=METADATA_BYTES)
    if request.get("Tagging"):
        document["Tags"] = header_tags(request["Tagging"])
    return document


def refuse(request: Document) -> None:
    """What would change nothing here though its client counts on it. Raises as `described` says."""
    if request.get("SSECustomerAlgorithm") or request.get("CopySourceSSECustomerAlgorithm"):
        raise fault("NotImplemented", Header="x-amz-server-side-encryption-customer-algorithm")
    if any(request.get(f"ObjectLock{name}") for name in ("Mode", "RetainUntilDate", "LegalHoldStatus")):
        raise fault("InvalidRequest", "Bucket is missing Object Lock Configuration")
    check_acl(request)


def check_acl(request: Document) -> None:
    """The owner has all rights and nobody else any. Raises AccessControlListNotSupported."""
    if request.get("ACL", "private") not in _ACLS or any(request.get(grant) for grant in _GRANTS):
        raise fault("AccessControlListNotSupported")


def shown(record: ObjectRecord, request: Document) -> Document:
    """The members that GetObject and HeadObject have in common, with the request's response-... overrides."""
    document = record.document
    answer: Document = {
        "AcceptRanges": "bytes",
        "ETag": record.etag,
        "LastModified": float(int(record.modified)),
        "ContentLength": record.size,
        "Metadata": {},
        **{member: document[member] for member in KEPT if member in document},
    }
    for member in OVERRIDES:
        if request.get(f"Response{member}") is not None:
            answer[member] = request[f"Response{member}"]
    if document.get("Tags"):
        answer["TagCount"] = len(document["Tags"])
    return answer


def header_tags(header: str) -> dict[str, str]:
    """Of the header x-amz-tagging, encoded as a query. Raises InvalidArgument, InvalidTag."""
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise fault(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
            "without tag name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=header,
        ) from None
    return checked_tags([{"Key": key, "Value": value} for key, value in pairs], TAGS)


def checked_tags(tags: Sequence[Mapping[str, str]], most: int) -> dict[str, str]:
    """Raises InvalidTag, BadRequest's equivalent for too many."""
    if len(tags) > most:
        raise fault("InvalidTag", f"Object tags cannot be greater than {most}")
    checked: dict[str, str] = {}
    for tag in tags:
        key, value = tag["Key"], tag.get("Value", "")
        if not 1 <= len(key) <= 128 or key.startswith("aws:"):
            raise fault("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256:
            raise fault("InvalidTag", "The TagValue you have provided is invalid", TagValue=value)
        if key in checked:
            raise fault("InvalidTag", "Cannot provide multiple Tags with the same key", TagKey=key)
        checked[key] = value
    return checked


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
