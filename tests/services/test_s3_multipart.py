"""Uploads in parts: ETags and checksums of the whole, what completing refuses, copies of parts, listings."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.s3 import MIB, S3, refused

PART = 5 * MIB


def crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def start(s3: S3, bucket: str, **options: Any) -> dict[str, str]:
    upload = s3.client.create_multipart_upload(Bucket=bucket, Key="k", **options)
    return {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}


def send(s3: S3, upload: dict[str, str], number: int, data: bytes, **options: Any) -> dict[str, Any]:
    answer = s3.client.upload_part(**upload, PartNumber=number, Body=data, **options)
    return {
        "PartNumber": number,
        **{name: answer[name] for name in answer if name.startswith(("ETag", "Checksum"))},
    }


def finish(s3: S3, upload: dict[str, str], parts: list[dict[str, Any]], **options: Any) -> Any:
    return s3.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **options)


def test_an_object_in_parts(s3: S3, bucket: str) -> None:
    data = [os.urandom(PART), os.urandom(PART), b"the end"]
    upload = start(s3, bucket, ContentType="text/csv", Metadata={"m": "1"}, Tagging="a=b")
    parts = [send(s3, upload, number, data[i]) for i, number in ((2, 9), (0, 1), (1, 4))]
    with refused("NoSuchKey"):
        s3.client.get_object(Bucket=bucket, Key="k")
    answer = finish(s3, upload, [parts[1], parts[2], parts[0]])
    digests = b"".join(hashlib.md5(part).digest() for part in data)
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (answer["Bucket"], answer["Key"]) == (bucket, "k")
    whole = b"".join(data)
    got = s3.client.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == whole
    assert (got["ETag"], got["ContentType"], got["Metadata"]) == (answer["ETag"], "text/csv", {"m": "1"})
    across = s3.client.get_object(Bucket=bucket, Key="k", Range=f"bytes={PART - 3}-{2 * PART + 2}")
    assert across["Body"].read() == whole[PART - 3 : 2 * PART + 3]
    second = s3.client.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert second["Body"].read() == data[1]
    assert (second["PartsCount"], second["ResponseMetadata"]["HTTPStatusCode"]) == (3, 206)
    with refused("InvalidPartNumber", 416):
        s3.client.get_object(Bucket=bucket, Key="k", PartNumber=4)
    again = finish(s3, upload, [parts[1], parts[2], parts[0]])
    assert again["ETag"] == answer["ETag"]
    assert "Uploads" not in s3.client.list_multipart_uploads(Bucket=bucket)


def test_completing_writes_no_byte_again_and_frees_the_parts(s3: S3, bucket: str) -> None:
    blobs = s3.server.ports.objects.blobs
    before = set(blobs.names(2**40))
    upload = start(s3, bucket)
    parts = [send(s3, upload, number, os.urandom(PART)) for number in (1, 2)]
    send(s3, upload, 3, b"never listed")
    written = set(blobs.names(2**40)) - before
    finish(s3, upload, parts)
    kept = set(blobs.names(2**40)) - before
    assert len(written) == 3
    assert len(kept) == 1
    assert not kept & written


def test_a_part_sent_again_counts_last(s3: S3, bucket: str) -> None:
    upload = start(s3, bucket)
    stale = send(s3, upload, 1, b"stale")
    fresh = send(s3, upload, 1, b"fresh")
    with refused("InvalidPart", 400):
        finish(s3, upload, [stale])
    finish(s3, upload, [fresh])
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"fresh"


def test_completions_that_are_refused(s3: S3, bucket: str) -> None:
    upload = start(s3, bucket)
    small, large, last = (
        send(s3, upload, 1, b"small"),
        send(s3, upload, 2, os.urandom(PART)),
        send(s3, upload, 3, b"z"),
    )
    with refused("InvalidPartOrder", 400):
        finish(s3, upload, [last, large])
    with refused("InvalidPartOrder", 400):
        finish(s3, upload, [large, large])
    with refused("InvalidPart", 400):
        finish(s3, upload, [large, {"PartNumber": 7, "ETag": large["ETag"]}])
    with refused("InvalidPart", 400):
        finish(s3, upload, [large, {**last, "ETag": '"0"'}])
    with refused("EntityTooSmall", 400) as caught:
        finish(s3, upload, [small, large])
    error: Any = caught.value.response["Error"]
    assert (error["ProposedSize"], error["MinSizeAllowed"], error["PartNumber"]) == ("5", str(PART), "1")
    with refused("MalformedXML", 400):
        finish(s3, upload, [])
    with refused("NoSuchUpload", 404):
        finish(s3, {**upload, "UploadId": "unknown"}, [large])
    with refused("NoSuchUpload", 404):
        finish(s3, {**upload, "Key": "another"}, [large])
    assert s3.keys(bucket) == []
    finish(s3, upload, [large, last])
    assert s3.keys(bucket) == ["k"]


def test_conditional_completion(s3: S3, bucket: str) -> None:
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"first")
    upload = start(s3, bucket)
    part = send(s3, upload, 1, b"second")
    with refused("PreconditionFailed", 412):
        finish(s3, upload, [part], IfNoneMatch="*")
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    finish(s3, upload, [part])
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers(s3: S3, bucket: str, number: int) -> None:
    with refused("InvalidArgument", 400):
        send(s3, start(s3, bucket), number, b"x")


def test_aborting(s3: S3, bucket: str) -> None:
    blobs = s3.server.ports.objects.blobs
    before = len(list(blobs.names(2**40)))
    upload = start(s3, bucket)
    send(s3, upload, 1, b"x")
    assert s3.client.abort_multipart_upload(**upload)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert len(list(blobs.names(2**40))) == before
    with refused("NoSuchUpload", 404):
        s3.client.abort_multipart_upload(**upload)
    for body in (b"x", os.urandom(MIB)):
        with refused("NoSuchUpload", 404):
            send(s3, upload, 1, body)
    assert len(list(blobs.names(2**40))) == before


def test_composite_checksums(s3: S3, bucket: str) -> None:
    data = [os.urandom(PART), b"end"]
    upload = start(s3, bucket, ChecksumAlgorithm="CRC32")
    parts = [send(s3, upload, i + 1, part, ChecksumCRC32=text(crc32(part))) for i, part in enumerate(data)]
    bare = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    with refused("InvalidRequest", 400):
        finish(s3, upload, bare)
    with refused("InvalidPart", 400):
        finish(s3, upload, [{**part, "ChecksumCRC32": "AAAAAA=="} for part in parts])
    whole = f"{text(crc32(b''.join(crc32(part) for part in data)))}-2"
    answer = finish(s3, upload, parts)
    assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (whole, "COMPOSITE")
    attributes = s3.client.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "Checksum"]
    )
    assert attributes["Checksum"]["ChecksumCRC32"] == whole
    assert attributes["ObjectParts"]["TotalPartsCount"] == 2
    told = [(part["Size"], part["ChecksumCRC32"]) for part in attributes["ObjectParts"]["Parts"]]
    assert told == [(len(part), text(crc32(part))) for part in data]


def test_full_object_checksums(s3: S3, bucket: str) -> None:
    data = [os.urandom(PART), b"end"]
    upload = start(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [send(s3, upload, i + 1, part) for i, part in enumerate(data)]
    whole = text(crc32(b"".join(data)))
    with refused("BadDigest", 400):
        finish(s3, upload, parts, ChecksumCRC32="AAAAAA==")
    answer = finish(s3, upload, parts, ChecksumCRC32=whole)
    assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (whole, "FULL_OBJECT")
    with refused("InvalidRequest", 400):
        start(s3, bucket, ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT")
    with refused("InvalidRequest", 400):
        start(s3, bucket, ChecksumAlgorithm="CRC64NVME", ChecksumType="COMPOSITE")


def test_parts_with_wrong_checksums_are_not_kept(s3: S3, bucket: str) -> None:
    upload = start(s3, bucket, ChecksumAlgorithm="SHA256")
    with refused("BadDigest", 400):
        send(s3, upload, 1, b"data", ChecksumSHA256=text(hashlib.sha256(b"other").digest()))
    with refused("BadDigest", 400):
        send(s3, upload, 1, b"data", ContentMD5=text(hashlib.md5(b"other").digest()))
    assert "Parts" not in s3.client.list_parts(**upload)


def test_parts_copied_from_objects(s3: S3, bucket: str) -> None:
    data = os.urandom(6 * MIB)
    s3.client.put_object(Bucket=bucket, Key="source", Body=data)
    upload = start(s3, bucket)
    ranged = {"CopySource": f"{bucket}/source", "CopySourceRange": f"bytes=10-{PART + 9}"}
    first = s3.client.upload_part_copy(**upload, PartNumber=1, **ranged)["CopyPartResult"]
    assert first["ETag"] == f'"{hashlib.md5(data[10 : PART + 10]).hexdigest()}"'
    second = s3.client.upload_part_copy(**upload, PartNumber=2, CopySource=f"{bucket}/source")[
        "CopyPartResult"
    ]
    parts = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in ((1, first), (2, second))]
    with refused("InvalidArgument", 400):
        s3.client.upload_part_copy(
            **upload, PartNumber=3, CopySource=f"{bucket}/source", CopySourceRange=f"bytes=0-{len(data)}"
        )
    with refused("PreconditionFailed", 412):
        s3.client.upload_part_copy(**upload, PartNumber=3, **ranged, CopySourceIfMatch='"other"')
    finish(s3, upload, parts)
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == data[10 : PART + 10] + data


def test_a_copy_of_an_object_in_parts_outlives_it(s3: S3, bucket: str) -> None:
    data = [os.urandom(PART), b"end"]
    upload = start(s3, bucket)
    etag = finish(s3, upload, [send(s3, upload, i + 1, part) for i, part in enumerate(data)])["ETag"]
    s3.client.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    s3.client.delete_object(Bucket=bucket, Key="k")
    got = s3.client.get_object(Bucket=bucket, Key="copy")
    assert got["Body"].read() == b"".join(data)
    assert got["ETag"] == etag


def test_lists_of_parts_and_uploads(s3: S3, bucket: str) -> None:
    uploads = {}
    for key in ("a/1", "a/2", "b", "ü +"):
        uploads[key] = s3.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    listed = s3.client.list_multipart_uploads(Bucket=bucket)
    assert {item["Key"]: item["UploadId"] for item in listed["Uploads"]} == uploads
    pages = s3.client.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    assert [item["Key"] for page in pages for item in page["Uploads"]] == ["a/1", "a/2", "b", "ü +"]
    grouped = s3.client.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in grouped["CommonPrefixes"]] == ["a/"]
    assert [item["Key"] for item in grouped["Uploads"]] == ["b", "ü +"]
    below = s3.client.list_multipart_uploads(Bucket=bucket, Prefix="a/")
    assert [item["Key"] for item in below["Uploads"]] == ["a/1", "a/2"]
    target = {"Bucket": bucket, "Key": "b", "UploadId": uploads["b"]}
    for number in (3, 1, 2):
        send(s3, target, number, bytes(number))
    pages = s3.client.get_paginator("list_parts").paginate(**target, PaginationConfig={"PageSize": 2})
    assert [[(p["PartNumber"], p["Size"]) for p in page["Parts"]] for page in pages] == [
        [(1, 1), (2, 2)],
        [(3, 3)],
    ]


def test_completed_twice_at_once(s3: S3, bucket: str) -> None:
    """A client that gave up waiting asks again while the first call is at work: both are answered alike."""
    for _ in range(5):
        upload = start(s3, bucket)
        part = send(s3, upload, 1, os.urandom(1000))
        with ThreadPoolExecutor(4) as threads:
            etags = {
                future.result()["ETag"]
                for future in [threads.submit(finish, s3, upload, [part]) for _ in range(4)]
            }
        assert len(etags) == 1
    assert len(s3.keys(bucket)) == 1
