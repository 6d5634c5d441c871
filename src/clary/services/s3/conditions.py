"""Conditional requests: what If-Match and its kin decide. Source: RFC 9110 section 13, S3's GetObject."""

from __future__ import annotations

from clary.services.s3.faults import fault
from clary.storage.ports import ObjectRecord
from clary.wire.messages import Document


def check_read(record: ObjectRecord, request: Document) -> None:
    """Raises PreconditionFailed (412) or NotModified (304)."""
    _hold(record, request, "", not_modified=True)


def check_source(record: ObjectRecord, request: Document) -> None:
    """The CopySource... forms, all of which fail with 412."""
    _hold(record, request, "CopySource", not_modified=False)


def check_write(record: ObjectRecord | None, request: Document, key: str) -> None:
    """If-Match and If-None-Match of a PUT, a completed upload and a DELETE.
    Raises PreconditionFailed, NoSuchKey, NotImplemented."""
    none_match, match = request.get("IfNoneMatch"), request.get("IfMatch")
    if none_match is not None:
        if none_match != "*":
            raise fault("NotImplemented", Header="If-None-Match")
        if record is not None:
            raise fault("PreconditionFailed", Condition="If-None-Match")
    if match is not None:
        if record is None:
            raise fault("NoSuchKey", Key=key)
        if not matches(record.etag, match):
            raise fault("PreconditionFailed", Condition="If-Match")


def matches(etag: str, condition: str) -> bool:
    """`*`, or a list of entity tags, with quotes or without."""
    wanted = (tag.strip().removeprefix("W/").strip('"') for tag in condition.split(","))
    return any(tag in ("*", etag.strip('"')) for tag in wanted)


def _hold(record: ObjectRecord, request: Document, prefix: str, *, not_modified: bool) -> None:
    match, none_match = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfNoneMatch")
    since, until = request.get(f"{prefix}IfModifiedSince"), request.get(f"{prefix}IfUnmodifiedSince")
    modified = int(record.modified)  # HTTP's dates have whole seconds
    header = "x-amz-copy-source-" if prefix else ""
    if match is not None:
        if not matches(record.etag, match):
            raise fault("PreconditionFailed", Condition=f"{header}If-Match")
    elif until is not None and modified > until:
        raise fault("PreconditionFailed", Condition=f"{header}If-Unmodified-Since")
    if none_match is not None:
        unchanged, condition = matches(record.etag, none_match), "If-None-Match"
    else:
        unchanged, condition = since is not None and modified <= since, "If-Modified-Since"
    if unchanged:
        raise (
            fault("NotModified")
            if not_modified
            else fault("PreconditionFailed", Condition=header + condition)
        )
