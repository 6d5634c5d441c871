"""ListObjects (both versions), ListObjectVersions: keys in byte order, grouped at a delimiter.

A common prefix stands for all keys below it, so the walk seeks past them instead of reading them: a page
costs what it shows, whatever lies below. Continuation tokens name the last entry that was shown.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from clary.api.context import Context
from clary.services.s3.access import bucket_of
from clary.services.s3.faults import answers, fault
from clary.services.s3.names import KEY_BYTES
from clary.services.s3.objects import canonical_user
from clary.storage.ports import ObjectRecord, Transaction
from clary.wire.messages import Document

MOST = 1000
PAST = "\U0010ffff" * (KEY_BYTES // 4 + 1)
"""Appended to a prefix, sorts after every key that starts with it."""


@dataclass(slots=True)
class Page:
    records: list[ObjectRecord] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    truncated: bool = False

    @property
    def count(self) -> int:
        return len(self.records) + len(self.prefixes)


def walk(tx: Transaction, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """Up to `limit` entries after `after`, which is a key or a common prefix shown before."""
    page = Page()
    if limit == 0:
        return page
    if delimiter and after.startswith(prefix) and after.endswith(delimiter) and len(after) > len(prefix):
        after += PAST
    step = limit + 1 if not delimiter else 16
    while True:
        rows = tx.objects.list(bucket, prefix=prefix, after=after, limit=step)
        group = None
        for record in rows:
            if group is not None and record.key.startswith(group):
                continue
            if page.count == limit:
                page.truncated = True
                return page
            cut = record.key.find(delimiter, len(prefix)) if delimiter else -1
            group = record.key[: cut + len(delimiter)] if cut >= 0 else None
            if group is None:
                page.records.append(record)
            else:
                page.prefixes.append(group)
            page.last = group or record.key
        if len(rows) < step:
            return page
        # Rows that end inside a group: seek past it, and carefully, for the next group may be as large.
        after = rows[-1].key if group is None else group + PAST
        step = min(step * 2, MOST + 1) if group is None else 16


@answers("ListObjectsV2")
def list_objects_v2(ctx: Context, request: Document) -> Document:
    token, start = request.get("ContinuationToken"), request.get("StartAfter") or ""
    after = max(_opened(token), start) if token is not None else start
    page, answer = _listed(ctx, request, after)
    owner = {"Owner": {"ID": canonical_user(ctx.account)}} if request.get("FetchOwner") else {}
    answer |= {
        "KeyCount": page.count,
        "ContinuationToken": token,
        "StartAfter": _encoded(request, request.get("StartAfter")),
        "Contents": [{**_entry(request, record), **owner} for record in page.records],
    }
    if page.truncated:
        answer["NextContinuationToken"] = _sealed(page.last)
    return answer


@answers("ListObjects")
def list_objects(ctx: Context, request: Document) -> Document:
    page, answer = _listed(ctx, request, request.get("Marker") or "")
    owner = {"ID": canonical_user(ctx.account)}
    answer |= {
        "Marker": _encoded(request, request.get("Marker") or ""),
        "Contents": [{**_entry(request, record), "Owner": owner} for record in page.records],
    }
    if page.truncated and request.get("Delimiter"):
        answer["NextMarker"] = _encoded(request, page.last)
    return answer


@answers("ListObjectVersions")
def list_object_versions(ctx: Context, request: Document) -> Document:
    """Every object has one version, `null`."""
    page, answer = _listed(ctx, request, request.get("KeyMarker") or "")
    version = {"VersionId": "null", "IsLatest": True, "Owner": {"ID": canonical_user(ctx.account)}}
    answer |= {
        "KeyMarker": _encoded(request, request.get("KeyMarker") or ""),
        "VersionIdMarker": request.get("VersionIdMarker") or "",
        "Versions": [{**_entry(request, record), **version} for record in page.records],
    }
    if page.truncated:
        answer |= {"NextKeyMarker": _encoded(request, page.last), "NextVersionIdMarker": "null"}
    return answer


def _listed(ctx: Context, request: Document, after: str) -> tuple[Page, Document]:
    prefix, delimiter = request.get("Prefix") or "", request.get("Delimiter") or ""
    most = request.get("MaxKeys", MOST)
    if most < 0:
        raise fault(
            "InvalidArgument",
            "Argument maxKeys must be an integer between 0 and 2147483647",
            ArgumentName="maxKeys",
            ArgumentValue=most,
        )
    most = min(most, MOST)
    with ctx.read() as tx:
        bucket_of(ctx, tx, request)
        page = walk(tx, request["Bucket"], prefix, delimiter, after, most)
    return page, {
        "Name": request["Bucket"],
        "Prefix": _encoded(request, prefix),
        "Delimiter": _encoded(request, delimiter) if delimiter else None,
        "MaxKeys": most,
        "EncodingType": request.get("EncodingType"),
        "IsTruncated": page.truncated,
        "CommonPrefixes": [{"Prefix": _encoded(request, each)} for each in page.prefixes],
    }


def _entry(request: Document, record: ObjectRecord) -> Document:
    checksums = list(record.document.get("Checksums", ()))
    return {
        "Key": _encoded(request, record.key),
        "LastModified": float(int(record.modified)),
        "ETag": record.etag,
        "Size": record.size,
        "StorageClass": record.document.get("StorageClass", "STANDARD"),
        "ChecksumAlgorithm": checksums,
        "ChecksumType": record.document.get("ChecksumType", "FULL_OBJECT") if checksums else None,
    }


def _encoded(request: Document, text: str | None) -> str | None:
    """By encoding-type=url, since XML cannot hold every character that a key can."""
    if text is None or request.get("EncodingType") != "url":
        return text
    return quote_plus(text, safe="/")


def _sealed(last: str) -> str:
    return urlsafe_b64encode(last.encode()).decode()


def _opened(token: str) -> str:
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        raise fault("InvalidArgument", "The continuation token provided is incorrect") from None


@answers("ListMultipartUploads")
def list_multipart_uploads(ctx: Context, request: Document) -> Document:
    prefix, delimiter = request.get("Prefix") or "", request.get("Delimiter") or ""
    most = min(request.get("MaxUploads", MOST), MOST)
    marker = request.get("KeyMarker") or ""
    after = (marker, request.get("UploadIdMarker") or "") if marker else ("", "")
    if marker and not after[1]:
        after = (marker, PAST)  # a key alone: its uploads are behind it
    uploads: list[Document] = []
    groups: list[str] = []
    owner = {"ID": canonical_user(ctx.account)}
    last, truncated = after, False
    with ctx.read() as tx:
        bucket_of(ctx, tx, request)
        while rows := tx.objects.list_uploads(request["Bucket"], prefix=prefix, after=last, limit=MOST):
            for upload in rows:
                cut = upload.key.find(delimiter, len(prefix)) if delimiter else -1
                group = upload.key[: cut + len(delimiter)] if cut >= 0 else None
                if group is not None and (group in groups or group == marker):
                    last = (upload.key, upload.id)
                    continue
                if len(uploads) + len(groups) >= most:
                    truncated = True
                    break
                last = (upload.key, upload.id)
                if group is not None:
                    groups.append(group)
                    continue
                chosen = {name: upload.document.get(name) for name in ("ChecksumAlgorithm", "ChecksumType")}
                uploads.append(
                    {
                        "UploadId": upload.id,
                        "Key": _encoded(request, upload.key),
                        "Initiated": float(int(upload.created)),
                        "StorageClass": upload.document["Properties"].get("StorageClass", "STANDARD"),
                        "Owner": owner,
                        "Initiator": owner,
                        **chosen,
                    }
                )
            if truncated or len(rows) < MOST:
                break
    answer: Document = {
        "Bucket": request["Bucket"],
        "KeyMarker": _encoded(request, marker),
        "UploadIdMarker": request.get("UploadIdMarker") or "",
        "Prefix": _encoded(request, prefix),
        "Delimiter": _encoded(request, delimiter) if delimiter else None,
        "MaxUploads": most,
        "IsTruncated": truncated,
        "EncodingType": request.get("EncodingType"),
        "Uploads": uploads,
        "CommonPrefixes": [{"Prefix": _encoded(request, group)} for group in groups],
    }
    if truncated:
        answer |= {"NextKeyMarker": _encoded(request, last[0]), "NextUploadIdMarker": last[1]}
    return answer
