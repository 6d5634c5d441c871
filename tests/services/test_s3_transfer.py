"""S3 as clients speak it: managed transfers, the resource API, presigned URLs, aws-chunked bodies, and hang-ups."""

from __future__ import annotations

import http.client
import os
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from tests.support.s3 import MIB, S3, refused

PARTS = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=10)


def test_files_go_up_and_down_in_parallel_parts(s3: S3, bucket: str, tmp_path: Path) -> None:
    data = os.urandom(20 * MIB + 7)
    (tmp_path / "up").write_bytes(data)
    s3.client.upload_file(
        str(tmp_path / "up"), bucket, "k", Config=PARTS, ExtraArgs={"ServerSideEncryption": "aws:kms"}
    )
    head = s3.client.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-3"')
    assert head["ChecksumCRC32"].endswith("-3")
    s3.client.download_file(bucket, "k", str(tmp_path / "down"), Config=PARTS)
    assert (tmp_path / "down").read_bytes() == data
    s3.client.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=PARTS)
    assert s3.server.ports.objects.read_bytes(bucket, "copy") == data


def test_the_resource_api(s3: S3, bucket: str) -> None:
    session = boto3.session.Session(
        aws_access_key_id=s3.server.key.id,
        aws_secret_access_key=s3.server.key.secret,
        region_name="us-east-1",
    )
    resource: Any = session.resource("s3", endpoint_url=s3.server.url)
    folder = resource.Bucket(bucket)
    for number in range(3):
        folder.put_object(Key=f"a/{number}", Body=str(number).encode())
    assert [item.key for item in folder.objects.all()] == ["a/0", "a/1", "a/2"]
    assert [item.key for item in folder.objects.filter(Prefix="a/1")] == ["a/1"]
    assert resource.Object(bucket, "a/2").get()["Body"].read() == b"2"
    assert bucket in [item.name for item in resource.buckets.all()]
    folder.object_versions.delete()
    assert list(folder.objects.all()) == []
    folder.delete()
    with refused("404"):
        s3.client.head_bucket(Bucket=bucket)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(s3: S3, bucket: str, version: str) -> None:
    client = s3.with_config(signature_version=version)
    key = "a b/ü+%"
    put = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key})
    with urlopen(Request(put, data=b"signed", method="PUT", headers={"Content-Type": ""})) as response:
        assert response.status == 200
    get = client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key, "ResponseContentType": "text/css"}
    )
    with urlopen(get) as response:
        assert (response.read(), response.headers["Content-Type"]) == (b"signed", "text/css")
    assert s3.keys(bucket) == [key]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
@pytest.mark.parametrize("size", [0, 100, 3 * MIB])
def test_aws_chunked_bodies_with_trailers(s3: S3, bucket: str, algorithm: str, size: int) -> None:
    """As every client speaks over https; here over http, which changes only the socket."""

    def to_trailer(params: Any, **_: Any) -> None:
        params["context"]["checksum"]["request_algorithm"]["in"] = "trailer"

    client = s3.with_config(retries={"total_max_attempts": 1})
    client.meta.events.register("before-call.s3.PutObject", to_trailer)
    data = os.urandom(size)
    sent = client.put_object(
        Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm, ContentEncoding="gzip"
    )
    got = s3.client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data
    assert got["ContentEncoding"] == "gzip"
    assert got[f"Checksum{algorithm}"] == sent[f"Checksum{algorithm}"]

    def spoil(request: Any, **_: Any) -> None:
        wrapped = request.body

        class Spoiled:
            def read(self, size: int = -1) -> bytes:
                chunk: bytes = wrapped.read(size)
                at = chunk.find(b"x-amz-checksum-")
                if at < 0:
                    return chunk
                value = chunk.index(b":", at) + 1
                return chunk[:value] + b"BBBB" + chunk[value + 4 :]

        request.body = Spoiled()

    client.meta.events.register("before-send.s3.PutObject", spoil)
    with refused("BadDigest", 400):
        client.put_object(Bucket=bucket, Key="k2", Body=data, ChecksumAlgorithm=algorithm)
    assert s3.keys(bucket) == ["k"]


def test_an_upload_that_breaks_off_leaves_nothing(s3: S3, bucket: str) -> None:
    blobs = s3.server.ports.objects.blobs
    before = set(blobs.names(2**40))
    url = urlsplit(
        s3.with_config(signature_version="s3v4").generate_presigned_url(
            "put_object", Params={"Bucket": bucket, "Key": "k"}
        )
    )
    with socket.create_connection((url.hostname, url.port)) as raw:
        head = (
            f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {64 * MIB}\r\n\r\n"
        )
        raw.sendall(head.encode() + os.urandom(4 * MIB))
    until = time.monotonic() + 30
    while not set(blobs.names(2**40)) <= before and time.monotonic() < until:
        time.sleep(0.01)
    assert set(blobs.names(2**40)) <= before  # an earlier test's may go meanwhile
    assert s3.keys(bucket) == []


def test_a_missing_bucket_is_told_before_the_body_is_sent(s3: S3) -> None:
    url = urlsplit(
        s3.with_config(signature_version="s3v4").generate_presigned_url(
            "put_object", Params={"Bucket": "not-there", "Key": "k"}
        )
    )
    connection = http.client.HTTPConnection(url.netloc)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    connection.putheader("Content-Length", str(64 * MIB))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, b"NoSuchBucket" in response.read()) == (404, True)
    connection.close()
