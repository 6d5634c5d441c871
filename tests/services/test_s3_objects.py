"""Objects put in one piece: bytes, headers, ranges, conditions, checksums, copies, tags."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.s3 import MIB, S3, refused

from clary.services.s3 import ranges


def test_put_get_head_delete(s3: S3, bucket: str) -> None:
    data = os.urandom(1000)
    put = s3.client.put_object(Bucket=bucket, Key="k", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.client.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert (got["ETag"], got["ContentLength"], got["ContentType"]) == (
        put["ETag"],
        1000,
        "binary/octet-stream",
    )
    assert got["AcceptRanges"] == "bytes"
    assert abs((datetime.now(UTC) - got["LastModified"]).total_seconds()) < 600
    head = s3.client.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["LastModified"]) == (1000, got["LastModified"])
    assert s3.client.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("NoSuchKey", 404):
        s3.client.get_object(Bucket=bucket, Key="k")
    with refused("404", 404):
        s3.client.head_object(Bucket=bucket, Key="k")
    s3.client.delete_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 + 1, 3 * MIB + 17])
def test_sizes(s3: S3, bucket: str, size: int) -> None:
    data = os.urandom(size)
    s3.client.put_object(Bucket=bucket, Key="k", Body=data)
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    assert s3.client.head_object(Bucket=bucket, Key="k")["ContentLength"] == size


def test_an_overwritten_object_is_the_new_one_and_frees_the_old(s3: S3, bucket: str) -> None:
    blobs = s3.server.ports.objects.blobs
    before = len(list(blobs.names(2**40)))
    for data in (b"old" * 1000, b"new"):
        s3.client.put_object(Bucket=bucket, Key="k", Body=data, Metadata={"v": data[:3].decode()})
    got = s3.client.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["Metadata"]) == (b"new", {"v": "new"})
    assert len(list(blobs.names(2**40))) == before + 1
    s3.client.delete_object(Bucket=bucket, Key="k")
    assert len(list(blobs.names(2**40))) == before


def test_a_reader_keeps_what_it_began(s3: S3, bucket: str) -> None:
    data = os.urandom(8 * MIB)
    s3.client.put_object(Bucket=bucket, Key="k", Body=data)
    body = s3.client.get_object(Bucket=bucket, Key="k")["Body"]
    start = body.read(1000)
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"other")
    s3.client.delete_object(Bucket=bucket, Key="k")
    assert start + body.read() == data


def test_headers_and_metadata_come_back(s3: S3, bucket: str) -> None:
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    given_headers: dict[str, Any] = {
        "CacheControl": "max-age=5",
        "ContentDisposition": 'attachment; filename="a.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "text/csv",
        "WebsiteRedirectLocation": "/other",
        "StorageClass": "STANDARD_IA",
        "Metadata": {"owner": "me", "with-dash": "1"},
    }
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=expires, **given_headers)
    head = s3.client.head_object(Bucket=bucket, Key="k")
    assert {name: head[name] for name in given_headers} == given_headers
    assert head["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    got = s3.client.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="text/plain",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-cache",
        ResponseContentEncoding="identity",
        ResponseContentLanguage="en",
    )
    assert (got["ContentType"], got["ContentDisposition"], got["CacheControl"]) == (
        "text/plain",
        "inline",
        "no-cache",
    )
    assert (got["ContentEncoding"], got["ContentLanguage"]) == ("identity", "en")
    with refused("MetadataTooLarge", 400):
        s3.client.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"m": "x" * 2048})


@pytest.mark.parametrize(
    ("wanted", "expected", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-30", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
        ("bytes=9-9", b"9", "bytes 9-9/10"),
        ("bytes=5-2", b"0123456789", None),
        ("lines=1-2", b"0123456789", None),
        ("bytes=0-1,3-4", b"0123456789", None),
    ],
)
def test_ranges(s3: S3, bucket: str, wanted: str, expected: bytes, content_range: str | None) -> None:
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.client.get_object(Bucket=bucket, Key="k", Range=wanted)
    assert got["Body"].read() == expected
    assert got.get("ContentRange") == content_range
    assert got["ContentLength"] == len(expected)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == (206 if content_range else 200)
    assert s3.client.head_object(Bucket=bucket, Key="k", Range=wanted)["ContentLength"] == len(expected)


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_ranges_outside(s3: S3, bucket: str, wanted: str) -> None:
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    with refused("InvalidRange", 416) as caught:
        s3.client.get_object(Bucket=bucket, Key="k", Range=wanted)
    error: Any = caught.value.response["Error"]
    assert (error["ActualObjectSize"], error["RangeRequested"]) == ("10", wanted)


@given(size=st.integers(0, 300), first=st.integers(0, 400), last=st.integers(0, 400) | st.none())
def test_a_range_is_a_slice(size: int, first: int, last: int | None) -> None:
    data = bytes(range(256)) * 2
    data = data[:size]
    expected = data[first : None if last is None else last + 1]
    header = f"bytes={first}-{'' if last is None else last}"
    if last is not None and last < first:
        assert ranges.parse(header, size) == ranges.Span(0, size)
    elif not expected:
        with pytest.raises(Exception, match="not satisfiable"):
            ranges.parse(header, size)
    else:
        span = ranges.parse(header, size)
        assert data[span.start : span.start + span.length] == expected


def test_a_range_of_a_large_object(s3: S3, bucket: str) -> None:
    data = os.urandom(5 * MIB)
    s3.client.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.client.get_object(Bucket=bucket, Key="k", Range=f"bytes={MIB + 3}-{4 * MIB + 5}")
    assert got["Body"].read() == data[MIB + 3 : 4 * MIB + 6]


def test_conditional_reads(s3: S3, bucket: str) -> None:
    etag = s3.client.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.client.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, after = modified - timedelta(hours=1), modified + timedelta(seconds=1)
    fine: list[dict[str, Any]] = [
        {"IfMatch": etag},
        {"IfMatch": "*"},
        {"IfMatch": f'"other", {etag}'},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": before},
        {"IfUnmodifiedSince": modified},
        {"IfMatch": etag, "IfUnmodifiedSince": before},
        {"IfNoneMatch": '"other"', "IfModifiedSince": after},
    ]
    for condition in fine:
        assert s3.client.get_object(Bucket=bucket, Key="k", **condition)["Body"].read() == b"x"
    for condition in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": before}):
        with refused("PreconditionFailed", 412):
            s3.client.get_object(Bucket=bucket, Key="k", **condition)
        with refused("412", 412):
            s3.client.head_object(Bucket=bucket, Key="k", **condition)
    for condition in ({"IfNoneMatch": etag}, {"IfNoneMatch": "*"}, {"IfModifiedSince": modified}):
        with refused("304", 304):
            s3.client.get_object(Bucket=bucket, Key="k", **condition)
        with refused("304", 304):
            s3.client.head_object(Bucket=bucket, Key="k", **condition)


def test_conditional_writes(s3: S3, bucket: str) -> None:
    etag = s3.client.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    for body in (b"2", os.urandom(MIB)):
        with refused("PreconditionFailed", 412):
            s3.client.put_object(Bucket=bucket, Key="k", Body=body, IfNoneMatch="*")
        with refused("PreconditionFailed", 412):
            s3.client.put_object(Bucket=bucket, Key="k", Body=body, IfMatch='"other"')
    with refused("NoSuchKey", 404):
        s3.client.put_object(Bucket=bucket, Key="none", Body=b"2", IfMatch=etag)
    with refused("NotImplemented", 501):
        s3.client.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.client.delete_object(Bucket=bucket, Key="k", IfMatch='"other"')
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def checksum(name: str, data: bytes) -> str:
    if name == "CRC32":
        return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    return base64.b64encode(hashlib.new(name.lower(), data).digest()).decode()


@pytest.mark.parametrize("name", ["CRC32", "SHA1", "SHA256", "SHA512"])
@pytest.mark.parametrize("size", [10, MIB + 1])
def test_checksums_in_headers(s3: S3, bucket: str, name: str, size: int) -> None:
    data = os.urandom(size)
    right, wrong = checksum(name, data), checksum(name, b"other")
    put = s3.client.put_object(Bucket=bucket, Key="k", Body=data, **{f"Checksum{name}": right})
    assert put[f"Checksum{name}"] == right
    head = s3.client.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{name}"], head["ChecksumType"]) == (right, "FULL_OBJECT")
    assert f"Checksum{name}" not in s3.client.head_object(Bucket=bucket, Key="k")
    with refused("BadDigest", 400):
        s3.client.put_object(Bucket=bucket, Key="k", Body=data, **{f"Checksum{name}": wrong})
    with refused("InvalidRequest", 400):
        s3.client.put_object(Bucket=bucket, Key="k", Body=data, **{f"Checksum{name}": "bm8="})
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == data


@pytest.mark.parametrize("name", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_that_the_client_computes(s3: S3, bucket: str, name: str) -> None:
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"data", ChecksumAlgorithm=name)
    got = s3.client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{name}"]
    assert got["Body"].read() == b"data"
    attributes = s3.client.get_object_attributes(
        Bucket=bucket,
        Key="k",
        ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"],
    )
    assert attributes["Checksum"][f"Checksum{name}"] == got[f"Checksum{name}"]
    assert (attributes["ETag"], attributes["ObjectSize"]) == (got["ETag"].strip('"'), 4)
    assert attributes["StorageClass"] == "STANDARD"
    assert "ObjectParts" not in attributes


def test_an_object_without_asked_checksum_has_a_crc64(s3: S3, bucket: str) -> None:
    plain = s3.with_config(request_checksum_calculation="when_required")
    plain.put_object(Bucket=bucket, Key="k", Body=b"123456789")
    head = s3.client.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumCRC64NVME"]).hex() == "ae8b14860a799888"


def test_content_md5(s3: S3, bucket: str) -> None:
    right = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=right)
    with refused("BadDigest", 400):
        s3.client.put_object(Bucket=bucket, Key="k2", Body=b"other", ContentMD5=right)
    with refused("InvalidDigest", 400):
        s3.client.put_object(Bucket=bucket, Key="k2", Body=b"data", ContentMD5="bm8=")
    assert s3.keys(bucket) == ["k"]


KEYS = [
    "..", "../../etc/passwd", "/leading", "//two", "a//b", "trailing/", "100%", "%2e%2e", "a+b c", "a&b=c?d#e",
    "ключ", "🙂/🚀.txt", "tab\tline\nend", "x" * 1024, "é" * 512, "'\"<>", "a/./b", "a/../b", "~", "\\back",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_any_key(s3: S3, bucket: str, key: str) -> None:
    s3.client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert s3.keys(bucket) == [key]
    s3.client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.client.get_object(Bucket=bucket, Key="copy")["Body"].read() == key.encode()
    s3.client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert s3.keys(bucket) == ["copy"]


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    data=st.binary(max_size=30),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_at_all(s3: S3, bucket: str, key: str, data: bytes) -> None:
    s3.client.put_object(Bucket=bucket, Key=key, Body=data)
    assert s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() == data
    assert key in s3.keys(bucket)
    s3.client.delete_object(Bucket=bucket, Key=key)
    assert key not in s3.keys(bucket)


@pytest.mark.parametrize("key", ["x" * 1025, "é" * 513])
def test_a_key_of_more_than_1024_bytes(s3: S3, bucket: str, key: str) -> None:
    with refused("KeyTooLongError", 400):
        s3.client.put_object(Bucket=bucket, Key=key, Body=b"x")


def test_delete_objects(s3: S3, bucket: str) -> None:
    for number in range(5):
        s3.client.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    objects = [{"Key": "k0"}, {"Key": "missing"}, {"Key": "k1", "VersionId": "unknown"}]
    answer = s3.client.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [item["Key"] for item in answer["Deleted"]] == ["k0", "missing"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [("k1", "InvalidArgument")]
    quiet = s3.client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k2"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert s3.keys(bucket) == ["k1", "k3", "k4"]
    with refused("MalformedXML", 400):
        s3.client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(n)} for n in range(1001)]})


def test_copies(s3: S3, bucket: str) -> None:
    data = os.urandom(100_000)
    etag = s3.client.put_object(
        Bucket=bucket, Key="a/ü %", Body=data, ContentType="text/csv", Metadata={"m": "1"}, Tagging="t=1"
    )["ETag"]
    source = {"Bucket": bucket, "Key": "a/ü %"}
    answer = s3.client.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert answer["CopyObjectResult"]["ETag"] == etag
    s3.client.copy_object(
        Bucket=bucket, Key="changed", CopySource=source, MetadataDirective="REPLACE", Metadata={"m": "2"},
        ContentType="text/plain", TaggingDirective="REPLACE", Tagging="t=2", ChecksumAlgorithm="SHA256",
    )  # fmt: skip
    s3.client.delete_object(Bucket=bucket, Key="a/ü %")
    copy = s3.client.get_object(Bucket=bucket, Key="copy")
    assert (copy["Body"].read(), copy["Metadata"], copy["ContentType"]) == (data, {"m": "1"}, "text/csv")
    changed = s3.client.get_object(Bucket=bucket, Key="changed", ChecksumMode="ENABLED")
    assert (changed["Body"].read(), changed["Metadata"], changed["ContentType"]) == (
        data,
        {"m": "2"},
        "text/plain",
    )
    assert changed["ChecksumSHA256"] == checksum("SHA256", data)
    assert s3.client.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert s3.client.get_object_tagging(Bucket=bucket, Key="changed")["TagSet"] == [
        {"Key": "t", "Value": "2"}
    ]


def test_copies_that_are_refused(s3: S3, bucket: str) -> None:
    etag = s3.client.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"m": "1"})["ETag"]
    source = {"Bucket": bucket, "Key": "k"}
    with refused("InvalidRequest", 400):
        s3.client.copy_object(Bucket=bucket, Key="k", CopySource=source)
    s3.client.copy_object(
        Bucket=bucket, Key="k", CopySource=source, MetadataDirective="REPLACE", Metadata={"m": "2"}
    )
    got = s3.client.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["Metadata"]) == (b"x", {"m": "2"})
    with refused("NoSuchKey", 404):
        s3.client.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "missing"})
    with refused("NoSuchBucket", 404):
        s3.client.copy_object(Bucket=bucket, Key="c", CopySource="not-there/k")
    for condition in ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag}):
        with refused("PreconditionFailed", 412):
            s3.client.copy_object(Bucket=bucket, Key="c", CopySource=source, **condition)
    with refused("AccessDenied", 403):
        s3.client.copy_object(Bucket=bucket, Key="c", CopySource=source, ExpectedSourceBucketOwner="0" * 12)
    assert s3.keys(bucket) == ["k"]


def test_tags_of_an_object(s3: S3, bucket: str) -> None:
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=two%20words")
    assert s3.client.head_object(Bucket=bucket, Key="k").get("TagCount") == 2
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
    assert s3.client.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.client.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags[:1]})
    assert s3.client.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags[:1]
    s3.client.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.client.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    many = [{"Key": str(number), "Value": ""} for number in range(11)]
    with refused("InvalidTag", 400):
        s3.client.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": many})
    with refused("NoSuchKey", 404):
        s3.client.get_object_tagging(Bucket=bucket, Key="missing")


def test_versions_and_acls_are_what_they_are(s3: S3, bucket: str) -> None:
    s3.client.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    assert s3.client.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"x"
    with refused("InvalidArgument", 400):
        s3.client.get_object(Bucket=bucket, Key="k", VersionId="3HL4kqtJvjVBH40Nrjfkd")
    versions = s3.client.list_object_versions(Bucket=bucket)["Versions"]
    assert [(item["Key"], item["VersionId"], item["IsLatest"]) for item in versions] == [("k", "null", True)]
    assert s3.client.get_object_acl(Bucket=bucket, Key="k")["Grants"][0]["Permission"] == "FULL_CONTROL"
    with refused("AccessControlListNotSupported", 400):
        s3.client.put_object(Bucket=bucket, Key="k", Body=b"y", ACL="public-read")
    with refused("NotImplemented", 501):
        s3.client.put_object(
            Bucket=bucket, Key="k", Body=b"y", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32
        )
    assert s3.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_put_beyond_5_gib_is_refused_before_it_is_sent(s3: S3, bucket: str) -> None:
    plain = s3.with_config(request_checksum_calculation="when_required", signature_version="s3v4")
    url = plain.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", str((5 << 30) + 1))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    assert response.status == 400
    assert "<Code>EntityTooLarge</Code>" in body
