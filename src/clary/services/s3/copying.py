"""CopyObject and UploadPartCopy. A copied object shares its source's bytes on disk; a copied part is
read, since its ETag is the MD5 of just these bytes. Source: their pages in the S3 API reference."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from clary.api.context import Context
from clary.services.s3 import checksums, conditions, properties, ranges
from clary.services.s3.access import allow, owned
from clary.services.s3.faults import answers, fault
from clary.services.s3.multipart import MPU_CHECKSUM, keep_part, upload_of
from clary.services.s3.names import check_key
from clary.services.s3.objects import check_version
from clary.services.s3.streams import CHUNK, LARGEST
from clary.storage.blobs.digests import digest
from clary.storage.objects import Check, encoded, looked_up
from clary.storage.ports import Bucket, ObjectRecord
from clary.wire.messages import Document

ITSELF = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the "
    "object's metadata, storage class, website redirect location or encryption attributes."
)


@dataclass(frozen=True, slots=True)
class Source:
    bucket: str
    key: str


def source_of(request: Document) -> Source:
    """`[/]BUCKET/KEY[?versionId=null]`, percent-encoded. Raises InvalidArgument."""
    path, _, version = request["CopySource"].partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        raise fault(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=request["CopySource"],
        )
    check_version({"VersionId": unquote(version)})
    return Source(bucket, key)


@answers("CopyObject")
def copy_object(ctx: Context, request: Document) -> Document:
    bucket, key, source = request["Bucket"], request["Key"], source_of(request)
    check_key(key)
    properties.refuse(request)
    if source == Source(bucket, key) and not _changes(request):
        raise fault("InvalidRequest", ITSELF)
    found, blob = ctx.objects.using(
        source.bucket,
        source.key,
        lambda record: ctx.objects.blobs.join([record.blob]),
        _readable(ctx, request),
    )
    with ctx.objects.change(blob) as change:
        document = {**_carried(found, request), **_checksums(ctx, found, blob, request)}
        record = ObjectRecord(bucket, key, blob, found.size, found.etag, ctx.objects.clock(), document)
        then: Check = lambda _, standing: conditions.check_write(standing, request, key)  # noqa: E731
        looked_up(change.tx, bucket, key, owned(ctx, request, then))
        change.put(record)
    return {
        "CopyObjectResult": {
            "ETag": record.etag,
            "LastModified": float(int(record.modified)),
            **checksums.shown(record.document),
        }
    }


@answers("UploadPartCopy")
def upload_part_copy(ctx: Context, request: Document) -> Document:
    source = source_of(request)
    with ctx.read() as tx:
        upload = upload_of(ctx, tx, request)
    algorithm = upload.document.get("ChecksumAlgorithm", MPU_CHECKSUM)
    found, file = ctx.objects.opened(source.bucket, source.key, _readable(ctx, request))
    with file, ctx.objects.writing((algorithm,)) as writer:
        span = ranges.copied(request.get("CopySourceRange"), found.size)
        if span.length > LARGEST:
            raise fault("InvalidRequest", _too_large(span.length))
        file.seek(span.start)
        rest = span.length
        while rest and (data := file.read(min(rest, CHUNK))):
            writer.write(data)
            rest -= len(data)
        part = keep_part(ctx, request, writer.finish())
    return {
        "CopyPartResult": {
            "ETag": part.etag,
            "LastModified": float(int(part.modified)),
            **{f"Checksum{name}": value for name, value in part.document["Checksums"].items()},
        }
    }


def _changes(request: Document) -> bool:
    return request.get("MetadataDirective") == "REPLACE" or any(
        request.get(member) for member in ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption")
    )


def _readable(ctx: Context, request: Document) -> Check:
    def check(bucket: Bucket, record: ObjectRecord | None) -> None:
        allow(ctx, request, bucket, "ExpectedSourceBucketOwner")
        if record is not None:
            conditions.check_source(record, request)
            if record.size > LARGEST and "PartNumber" not in request:
                raise fault("InvalidRequest", _too_large(record.size))

    return check


def _too_large(size: int) -> str:
    return (
        "The specified copy source is larger than the maximum allowable size for a copy source: "
        f"{size} > {LARGEST}"
    )


def _carried(source: ObjectRecord, request: Document) -> Document:
    """Headers, metadata and tags of the copy, from its source or from the request, as the directives say."""
    given = properties.described(request)
    kept = {
        name: value for name, value in source.document.items() if name in properties.KEPT or name == "Parts"
    }
    if request.get("MetadataDirective") == "REPLACE":
        document = {**given, **({"Parts": kept["Parts"]} if "Parts" in kept else {})}
    else:
        document = kept
    document.pop("StorageClass", None)  # never carried over: the request's, or STANDARD
    if "StorageClass" in given:
        document["StorageClass"] = given["StorageClass"]
    tags = given.get("Tags") if request.get("TaggingDirective") == "REPLACE" else source.document.get("Tags")
    document.pop("Tags", None)
    return {**document, **({"Tags": tags} if tags else {})}


def _checksums(ctx: Context, source: ObjectRecord, blob: str, request: Document) -> Document:
    """The source's, unless the request asks for an algorithm that it has none of."""
    known: Document = source.document.get("Checksums", {})
    asked = request.get("ChecksumAlgorithm")
    if asked is None or asked in known:
        kept = ("Checksums", "ChecksumType", "PartChecksums")
        return {name: source.document[name] for name in kept if name in source.document}
    checksums.wanted(request)
    hash = digest(asked)
    with ctx.objects.blobs.open(blob) as file:
        while data := file.read(CHUNK):
            hash.update(data)
    return {"Checksums": encoded({asked: hash.digest()}), "ChecksumType": "FULL_OBJECT"}
