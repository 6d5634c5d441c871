"""Uploads in parts. Completing one joins the parts' files by links: no byte is written twice, nothing of the
object is visible before, and a completion that is repeated (its answer was lost) answers the same again.

Limits, from "Amazon S3 multipart upload limits": part numbers 1 to 10,000, parts of 5 MiB to 5 GiB but for
the last, objects up to 5 TiB.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from itertools import pairwise
from urllib.parse import quote
from uuid import uuid4

from clary.api.context import Context
from clary.services.s3 import checksums, conditions, properties, ranges, streams
from clary.services.s3.access import bucket_of, owned
from clary.services.s3.faults import answers, fault
from clary.services.s3.names import check_key
from clary.services.s3.objects import canonical_user
from clary.storage.blobs import NoSuchBlob, Written
from clary.storage.blobs.digests import ALGORITHMS, can_combine, combine, composite
from clary.storage.objects import CHECKSUM, encoded, looked_up
from clary.storage.ports import ObjectRecord, Part, Transaction, Upload
from clary.wire.messages import Document

MPU_CHECKSUM = CHECKSUM
SMALLEST_PART = 5 << 20
PARTS = 10_000
LARGEST_OBJECT = 5 << 40
MOST = 1000


@answers("CreateMultipartUpload")
def create_multipart_upload(ctx: Context, request: Document) -> Document:
    check_key(request["Key"])
    document = {"Properties": properties.described(request), **_checksum_choice(request)}
    upload = Upload(uuid4().hex + uuid4().hex, request["Bucket"], request["Key"], ctx.now, document)
    with ctx.begin() as tx:
        bucket_of(ctx, tx, request)
        tx.objects.create_upload(upload)
    chosen = ("ChecksumAlgorithm", "ChecksumType")
    told = {name: document[name] for name in chosen if name in document}
    return {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.id, **told}


@answers("UploadPart")
async def upload_part(ctx: Context, request: Document) -> Document:
    check_part_number(request)
    algorithms = {
        *await streams.in_thread(_algorithms, ctx, request),
        *checksums.wanted(request, MPU_CHECKSUM),
    }
    part = await streams.receive(
        ctx.objects,
        request,
        algorithms,
        prepare=lambda: None,
        keep=lambda written: keep_part(ctx, request, written),
    )
    return {
        "ETag": part.etag,
        **{f"Checksum{name}": value for name, value in part.document["Checksums"].items()},
    }


@answers("CompleteMultipartUpload")
def complete_multipart_upload(ctx: Context, request: Document) -> Document:
    try:
        return _complete(ctx, request)
    except NoSuchBlob:
        # Another call has completed or aborted it, or replaced a part, since this one looked.
        return _complete(ctx, request)


def _complete(ctx: Context, request: Document) -> Document:
    """Raises NoSuchBlob when it was overtaken."""
    bucket, key, id = request["Bucket"], request["Key"], request["UploadId"]
    with ctx.read() as tx:
        if tx.objects.find_upload(id) is None and (done := _completed(ctx, tx, request)) is not None:
            return _location(ctx, done)
        upload = upload_of(ctx, tx, request)
        parts = _chosen(request, tx.objects.list_parts(id))
    document = {**upload.document["Properties"], **_whole(upload, parts, request), "UploadId": id}
    size = sum(part.size for part in parts)
    if size > LARGEST_OBJECT:
        raise fault("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=LARGEST_OBJECT)
    if request.get("MpuObjectSize") not in (None, size):
        raise fault(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value does not match what was computed: {size}",
        )
    etag = composite("MD5", [bytes.fromhex(part.etag.strip('"')) for part in parts]).hex()
    blob = ctx.objects.blobs.join([part.blob for part in parts])
    record = ObjectRecord(bucket, key, blob, size, f'"{etag}-{len(parts)}"', ctx.objects.clock(), document)
    with ctx.objects.change(blob) as change:
        if (done := _completed(ctx, change.tx, request)) is not None:
            change.unused.append(blob)
            return _location(ctx, done)
        looked_up(
            change.tx,
            bucket,
            key,
            owned(ctx, request, lambda _, standing: conditions.check_write(standing, request, key)),
        )
        upload_of(ctx, change.tx, request)
        change.end_upload(id)
        change.put(record)
    return _location(ctx, record)


@answers("AbortMultipartUpload")
def abort_multipart_upload(ctx: Context, request: Document) -> Document:
    with ctx.objects.change() as change:
        upload_of(ctx, change.tx, request)
        change.end_upload(request["UploadId"])
    return {}


@answers("ListParts")
def list_parts(ctx: Context, request: Document) -> Document:
    after = int(request.get("PartNumberMarker") or 0)
    most = min(request.get("MaxParts", MOST), MOST)
    with ctx.read() as tx:
        upload = upload_of(ctx, tx, request)
        parts = tx.objects.list_parts(upload.id, after=after, limit=most + 1)
    shown = parts[:most]
    owner = {"ID": canonical_user(ctx.account)}
    return {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": most,
        "IsTruncated": len(parts) > most,
        "Owner": owner,
        "Initiator": owner,
        "StorageClass": upload.document["Properties"].get("StorageClass", "STANDARD"),
        "ChecksumAlgorithm": upload.document.get("ChecksumAlgorithm"),
        "ChecksumType": upload.document.get("ChecksumType"),
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": float(int(part.modified)),
                "ETag": part.etag,
                "Size": part.size,
                **{f"Checksum{name}": value for name, value in part.document["Checksums"].items()},
            }
            for part in shown
        ],
    }


def check_part_number(request: Document) -> None:
    if not 1 <= request["PartNumber"] <= PARTS:
        raise fault(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=request["PartNumber"],
        )


def upload_of(ctx: Context, tx: Transaction, request: Document) -> Upload:
    """Raises NoSuchBucket, AccessDenied, NoSuchUpload."""
    bucket_of(ctx, tx, request)
    upload = tx.objects.find_upload(request["UploadId"])
    if upload is None or (upload.bucket, upload.key) != (request["Bucket"], request["Key"]):
        raise fault("NoSuchUpload", UploadId=request["UploadId"])
    return upload


def keep_part(ctx: Context, request: Document, written: Written) -> Part:
    """Let a blob stand as a part, or remove it. Raises NoSuchUpload."""
    check_part_number(request)
    part = Part(
        request["PartNumber"],
        written.blob,
        written.size,
        f'"{written.digests["MD5"].hex()}"',
        ctx.objects.clock(),
        {"Checksums": encoded(written.digests)},
    )
    with ctx.objects.change(written.blob) as change:
        upload_of(ctx, change.tx, request)
        change.put_part(request["UploadId"], part)
    return part


def _algorithms(ctx: Context, request: Document) -> tuple[str, ...]:
    with ctx.read() as tx:
        return (upload_of(ctx, tx, request).document.get("ChecksumAlgorithm", MPU_CHECKSUM),)


def _checksum_choice(request: Document) -> Document:
    """Algorithm and type that an upload asks for. Raises InvalidRequest."""
    algorithm, kind = request.get("ChecksumAlgorithm"), request.get("ChecksumType")
    if algorithm is None:
        if kind is not None:
            raise fault(
                "InvalidRequest",
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )
        return {}
    checksums.wanted(request)
    kind = kind or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    if (kind == "FULL_OBJECT") != can_combine(algorithm) and (
        kind == "FULL_OBJECT" or algorithm == "CRC64NVME"
    ):
        raise fault(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.",
        )
    return {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}


def _chosen(request: Document, parts: Sequence[Part]) -> list[Part]:
    """The parts that a completion lists.
    Raises MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall."""
    listed = (request.get("MultipartUpload") or {}).get("Parts") or ()
    if not listed or len(listed) > PARTS:
        raise fault("MalformedXML")
    numbers = [item.get("PartNumber") for item in listed]
    if any(number is None for number in numbers):
        raise fault("MalformedXML")
    if any(second <= first for first, second in pairwise(numbers)):
        raise fault("InvalidPartOrder", UploadId=request["UploadId"])
    known = {part.number: part for part in parts}
    chosen = []
    for item in listed:
        part = known.get(item["PartNumber"])
        if (
            part is None
            or part.etag.strip('"') != (item.get("ETag") or "").strip('"')
            or not _same(item, part)
        ):
            raise fault(
                "InvalidPart",
                UploadId=request["UploadId"],
                PartNumber=item["PartNumber"],
                ETag=item.get("ETag"),
            )
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < SMALLEST_PART:
            raise fault(
                "EntityTooSmall",
                ProposedSize=part.size,
                MinSizeAllowed=SMALLEST_PART,
                PartNumber=part.number,
                ETag=part.etag.strip('"'),
            )
    return chosen


def _same(item: Mapping[str, str], part: Part) -> bool:
    known: Mapping[str, str] = part.document["Checksums"]
    return all(item.get(f"Checksum{name}") in (None, value) for name, value in known.items())


def _whole(upload: Upload, parts: Sequence[Part], request: Document) -> Document:
    """What the record says of parts and checksums. Raises BadDigest, InvalidRequest."""
    name = upload.document.get("ChecksumAlgorithm", MPU_CHECKSUM)
    kind = upload.document.get("ChecksumType", "FULL_OBJECT")
    values = [part.document["Checksums"][name] for part in parts]
    raw = [b64decode(value) for value in values]
    document: Document = {"Parts": ranges.runs([part.size for part in parts]), "ChecksumType": kind}
    if kind == "COMPOSITE":
        _all_listed(request, name)
        document["PartChecksums"] = values
        whole = f"{b64encode(composite(name, raw)).decode()}-{len(parts)}"
    else:
        whole = b64encode(
            combine(name, [(value, part.size) for value, part in zip(raw, parts, strict=True)])
        ).decode()
    for each in ALGORITHMS:
        given = request.get(f"Checksum{each}")
        if given is not None and each == name and given != whole:
            raise fault("BadDigest", f"The {name} you specified did not match the calculated checksum.")
    return {**document, "Checksums": {name: whole}}


def _all_listed(request: Document, name: str) -> None:
    for item in request["MultipartUpload"]["Parts"]:
        if item.get(f"Checksum{name}") is None:
            raise fault(
                "InvalidRequest",
                f"The upload was created using a {name.lower()} checksum. The complete request must "
                f"include the checksum for each part. It was missing for part "
                f"{item['PartNumber']} in the request.",
            )


def _completed(ctx: Context, tx: Transaction, request: Document) -> ObjectRecord | None:
    """The object, if just this upload made it."""
    bucket_of(ctx, tx, request)
    record = tx.objects.find(request["Bucket"], request["Key"])
    return record if record is not None and record.document.get("UploadId") == request["UploadId"] else None


def _location(ctx: Context, record: ObjectRecord) -> Document:
    return {
        "Location": f"{ctx.settings.url}/{record.bucket}/{quote(record.key)}",
        "Bucket": record.bucket,
        "Key": record.key,
        "ETag": record.etag,
        **checksums.shown(record.document),
    }
