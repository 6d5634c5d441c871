"""PutObject, GetObject, HeadObject, DeleteObject(s), GetObjectAttributes, tags and ACL of objects."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, BinaryIO

from msgspec.structs import replace

from clary.api.context import Context
from clary.api.errors import ServiceError
from clary.services.s3 import checksums, conditions, properties, ranges, streams
from clary.services.s3.access import bucket_of, owned
from clary.services.s3.faults import answers, fault
from clary.services.s3.names import check_key
from clary.storage.objects import Change, NoSuchKey, looked_up
from clary.storage.ports import Bucket, ObjectRecord
from clary.wire.messages import Document

BATCH = 1000


@answers("PutObject")
async def put_object(ctx: Context, request: Document) -> Document:
    bucket, key = request["Bucket"], request["Key"]
    check_key(key)
    if request.get("WriteOffsetBytes") is not None:
        raise fault("NotImplemented", Header="x-amz-write-offset-bytes")
    document = properties.described(request)
    check = owned(ctx, request, lambda _, record: conditions.check_write(record, request, key))
    record = await streams.receive(
        ctx.objects,
        request,
        checksums.wanted(request),
        prepare=lambda: _look(ctx, request, check),
        keep=lambda written: ctx.objects.keep(bucket, key, written, document, check=check),
    )
    return {"ETag": record.etag, **checksums.shown(record.document)}


@answers("GetObject")
async def get_object(ctx: Context, request: Document) -> Document:
    answer, file, first, span = await streams.in_thread(_opened, ctx, request)
    if len(first) == span.length:
        return {**answer, "Body": first}
    return {**answer, "Body": streams.send(file, first, span.length)}


@answers("HeadObject")
def head_object(ctx: Context, request: Document) -> Document:
    record = _record(ctx, request, lambda found: conditions.check_read(found, request))
    return _answer(record, ranges.wanted(record, request), request)


@answers("DeleteObject")
def delete_object(ctx: Context, request: Document) -> Document:
    bucket, key = request["Bucket"], request["Key"]
    check_version(request)
    check_key(key)
    with ctx.objects.change() as change:
        looked_up(
            change.tx, bucket, key, owned(ctx, request, lambda _, found: _may_delete(found, request, key))
        )
        change.delete(bucket, key)
    return {}


@answers("DeleteObjects")
def delete_objects(ctx: Context, request: Document) -> Document:
    bucket, items = request["Bucket"], request["Delete"].get("Objects", ())
    if not 1 <= len(items) <= BATCH:
        raise fault("MalformedXML")
    deleted: list[Document] = []
    errors: list[Document] = []
    with ctx.objects.change() as change:
        bucket_of(ctx, change.tx, request)
        for item in items:
            try:
                _delete_one(change, bucket, item)
                deleted.append(
                    {"Key": item["Key"], **({"VersionId": "null"} if item.get("VersionId") else {})}
                )
            except ServiceError as error:
                errors.append({"Key": item["Key"], "Code": error.code, "Message": error.message})
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


@answers("GetObjectAttributes")
def get_object_attributes(ctx: Context, request: Document) -> Document:
    record = _record(ctx, request)
    asked = request["ObjectAttributes"]
    answer: Document = {"LastModified": float(int(record.modified))}
    if "ETag" in asked:
        answer["ETag"] = record.etag.strip('"')
    if "Checksum" in asked:
        answer["Checksum"] = checksums.shown(record.document) or None
    if "ObjectParts" in asked and record.document.get("Parts"):
        answer["ObjectParts"] = _parts(record, request)
    if "StorageClass" in asked:
        answer["StorageClass"] = record.document.get("StorageClass", "STANDARD")
    if "ObjectSize" in asked:
        answer["ObjectSize"] = record.size
    return answer


@answers("GetObjectTagging")
def get_object_tagging(ctx: Context, request: Document) -> Document:
    return {"TagSet": properties.tag_set(_record(ctx, request).document.get("Tags", {}))}


@answers("PutObjectTagging")
def put_object_tagging(ctx: Context, request: Document) -> Document:
    _tag(ctx, request, properties.checked_tags(request["Tagging"].get("TagSet", ()), properties.TAGS))
    return {}


@answers("DeleteObjectTagging")
def delete_object_tagging(ctx: Context, request: Document) -> Document:
    _tag(ctx, request, {})
    return {}


@answers("GetObjectAcl")
def get_object_acl(ctx: Context, request: Document) -> Document:
    _record(ctx, request)
    return access_control(ctx.account)


@answers("PutObjectAcl")
def put_object_acl(ctx: Context, request: Document) -> Document:
    _record(ctx, request)
    if request.get("AccessControlPolicy"):
        raise fault("AccessControlListNotSupported")
    properties.check_acl(request)
    return {}


def access_control(account: str) -> Document:
    """Of every bucket and object: its owner may do all, nobody else anything."""
    owner = {"ID": canonical_user(account)}
    return {
        "Owner": owner,
        "Grants": [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}],
    }


def canonical_user(account: str) -> str:
    """AWS's other name for an account: 64 hexadecimal digits."""
    return sha256(f"clary:{account}".encode()).hexdigest()


def check_version(request: Document) -> None:
    """Objects have one version, `null`. Raises InvalidArgument, as AWS does for an ID it did not make."""
    version = request.get("VersionId")
    if version not in (None, "", "null"):
        raise fault(
            "InvalidArgument",
            "Invalid version id specified",
            ArgumentName="versionId",
            ArgumentValue=version,
        )


def _look(ctx: Context, request: Document, check: Any) -> None:
    with ctx.read() as tx:
        looked_up(tx, request["Bucket"], request["Key"], check)


def _record(ctx: Context, request: Document, then: Any = None) -> ObjectRecord:
    """Raises NoSuchBucket, AccessDenied, NoSuchKey, and what `then` raises."""
    check_version(request)
    check_key(request["Key"])
    record = ctx.objects.find(request["Bucket"], request["Key"], owned(ctx, request))
    if record is None:
        raise NoSuchKey(request["Bucket"], request["Key"])
    if then is not None:
        then(record)
    return record


def _opened(ctx: Context, request: Document) -> tuple[Document, BinaryIO, bytes, ranges.Span]:
    check_version(request)
    check_key(request["Key"])

    def check(_: Bucket, record: ObjectRecord | None) -> None:
        if record is not None:
            conditions.check_read(record, request)
            ranges.wanted(record, request)

    record, file = ctx.objects.opened(request["Bucket"], request["Key"], owned(ctx, request, check))
    try:
        span = ranges.wanted(record, request)
        first = streams.first_chunk(file, span.start, span.length)
        if len(first) == span.length:
            file.close()
        return _answer(record, span, request), file, first, span
    except BaseException:
        file.close()
        raise


def _answer(record: ObjectRecord, span: ranges.Span, request: Document) -> Document:
    answer = properties.shown(record, request)
    answer["ContentLength"] = span.length
    if span.partial:
        answer["ContentRange"] = span.content_range(record.size)
    if request.get("PartNumber") is not None and record.document.get("Parts"):
        answer["PartsCount"] = len(ranges.part_sizes(record))
    if request.get("ChecksumMode") == "ENABLED" and span.length == record.size:
        answer |= checksums.shown(record.document)
    return answer


def _may_delete(record: ObjectRecord | None, request: Document, key: str) -> None:
    if record is None:
        if request.get("IfMatch") not in (None, "*") or request.get("ETag") is not None:
            raise fault("NoSuchKey", Key=key)
        return
    match = request.get("IfMatch") or request.get("ETag")
    size = request.get("IfMatchSize", request.get("Size"))
    time = request.get("IfMatchLastModifiedTime", request.get("LastModifiedTime"))
    if match is not None and not conditions.matches(record.etag, match):
        raise fault("PreconditionFailed", Condition="If-Match")
    if size is not None and size != record.size:
        raise fault("PreconditionFailed", Condition="x-amz-if-match-size")
    if time is not None and int(time) != int(record.modified):
        raise fault("PreconditionFailed", Condition="x-amz-if-match-last-modified-time")


def _delete_one(change: Change, bucket: str, item: Document) -> None:
    key = item["Key"]
    check_version(item)
    check_key(key)
    _may_delete(change.tx.objects.find(bucket, key), item, key)
    change.delete(bucket, key)


def _parts(record: ObjectRecord, request: Document) -> Document:
    sizes = ranges.part_sizes(record)
    answer: Document = {"TotalPartsCount": len(sizes)}
    if record.document.get("ChecksumType") != "COMPOSITE":
        return answer  # as AWS: the single parts are told only where they have checksums of their own
    after, most = int(request.get("PartNumberMarker") or 0), request.get("MaxParts") or 1000
    name = next(iter(record.document["Checksums"]))
    values = record.document.get("PartChecksums", ())
    numbers = range(after + 1, min(after + most, len(sizes)) + 1)
    return {
        **answer,
        "PartNumberMarker": after,
        "NextPartNumberMarker": numbers[-1] if numbers else after,
        "MaxParts": most,
        "IsTruncated": bool(numbers) and numbers[-1] < len(sizes),
        "Parts": [
            {"PartNumber": number, "Size": sizes[number - 1], f"Checksum{name}": values[number - 1]}
            for number in numbers
        ],
    }


def _tag(ctx: Context, request: Document, tags: dict[str, str]) -> None:
    bucket, key = request["Bucket"], request["Key"]
    check_version(request)
    with ctx.objects.change() as change:
        record = looked_up(change.tx, bucket, key, owned(ctx, request))
        if record is None:
            raise NoSuchKey(bucket, key)
        document = {name: value for name, value in record.document.items() if name != "Tags"}
        change.put(replace(record, document={**document, **({"Tags": tags} if tags else {})}))
