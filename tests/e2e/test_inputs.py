"""Every way in which a training job gets its data, over a real server."""

from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import BUCKET, Jobs

READ = """
import os, sys
for folder, _, names in sorted(os.walk("/opt/ml/input/data/train")):
    for name in sorted(names):
        print(os.path.relpath(os.path.join(folder, name), "/opt/ml/input/data/train"), open(os.path.join(folder, name)).read())
"""


def channel(
    uri: str, kind: str = "S3Prefix", source: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    found = {"S3DataType": kind, "S3Uri": f"s3://{BUCKET}/{uri}", **(source or {})}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": found}, **changes}


@pytest.fixture(scope="module")
def data(jobs: Jobs) -> Jobs:
    for name in ("a", "b", "c"):
        jobs.s3.put_object(Bucket=BUCKET, Key=f"in/{name}.txt", Body=f"<{name}>".encode())
        jobs.s3.put_object(Bucket=BUCKET, Key=f"packed/{name}.gz", Body=gzip.compress(f"<{name}>".encode()))
    manifest = [{"prefix": f"s3://{BUCKET}/in/"}, "c.txt", "a.txt"]
    jobs.s3.put_object(Bucket=BUCKET, Key="manifest.json", Body=json.dumps(manifest).encode())
    lines = [{"file-ref": f"s3://{BUCKET}/in/{n}.txt", "label": i} for i, n in enumerate("abc")]
    augmented = "".join(json.dumps(line) + "\n" for line in lines)
    jobs.s3.put_object(Bucket=BUCKET, Key="augmented.jsonl", Body=augmented.encode())
    return jobs


FILES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a prefix", channel("in"), ["a.txt <a>", "b.txt <b>", "c.txt <c>"]),
    ("a manifest", channel("manifest.json", "ManifestFile"), ["a.txt <a>", "c.txt <c>"]),
    ("gzip", channel("packed", CompressionType="Gzip"), ["a <a>", "b <b>", "c <c>"]),
    ("FastFile", channel("in", InputMode="FastFile"), ["a.txt <a>", "b.txt <b>", "c.txt <c>"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "lines"), [f[1:] for f in FILES], ids=[f[0] for f in FILES])
def test_files(data: Jobs, given: dict[str, Any], lines: list[str]) -> None:
    job = data.run(READ, InputDataConfig=[given])
    assert data.lines(job["TrainingJobName"]) == lines, job


def test_fast_files_cannot_be_changed_by_the_program(data: Jobs) -> None:
    script = "open('/opt/ml/input/data/train/a.txt', 'w').write('broken')"
    data.run(script, InputDataConfig=[channel("in", InputMode="FastFile")])
    assert data.s3.get_object(Bucket=BUCKET, Key="in/a.txt")["Body"].read() == b"<a>"


PIPE = """
for epoch in range(%d):
    with open("/opt/ml/input/data/train_%%d" %% epoch, "rb") as pipe:
        print(epoch, pipe.read())
"""


def record(content: bytes) -> bytes:
    return struct.pack("<II", 0xCED7230A, len(content)) + content + b"\0" * (-len(content) % 4)


PIPES: list[tuple[str, dict[str, Any], bytes]] = [
    ("a prefix", channel("in"), b"<a><b><c>"),
    ("a manifest", channel("manifest.json", "ManifestFile"), b"<c><a>"),
    ("gzip", channel("packed", CompressionType="Gzip"), b"<a><b><c>"),
    ("RecordIO", channel("in", RecordWrapperType="RecordIO"), b"".join(map(record, (b"<a>", b"<b>", b"<c>")))),
    ("augmented", channel("augmented.jsonl", "AugmentedManifestFile", {"AttributeNames": ["file-ref", "label"]},
                          RecordWrapperType="RecordIO"),
     b"".join(map(record, (b"<a>", b"0", b"<b>", b"1", b"<c>", b"2")))),
]  # fmt: skip


@pytest.mark.parametrize(("given", "content"), [p[1:] for p in PIPES], ids=[p[0] for p in PIPES])
def test_pipes_give_an_epoch_a_reading(data: Jobs, given: dict[str, Any], content: bytes) -> None:
    job = data.run(PIPE % 3, InputDataConfig=[{**given, "InputMode": "Pipe"}])
    assert data.lines(job["TrainingJobName"]) == [f"{epoch} {content!r}" for epoch in range(3)], job


def test_a_pipe_is_shuffled_anew_each_epoch_and_the_same_for_a_seed(data: Jobs) -> None:
    given = channel("in", InputMode="Pipe", ShuffleConfig={"Seed": 7})
    first, second = (data.run(PIPE % 8, InputDataConfig=[given]) for _ in range(2))
    lines = data.lines(first["TrainingJobName"])
    assert lines == data.lines(second["TrainingJobName"])
    orders = {line.split(" ", 1)[1] for line in lines}
    assert len(orders) > 1
    assert all(sorted(order) == sorted(str(b"<a><b><c>")) for order in orders)


def test_a_program_may_leave_a_pipe_half_read(data: Jobs) -> None:
    data.s3.put_object(Bucket=BUCKET, Key="large/x", Body=b"x" * 300_000)
    script = "for n in range(2):\n with open(f'/opt/ml/input/data/train_{n}', 'rb') as f: print(n, f.read(3))"
    job = data.run(script, InputDataConfig=[channel("large", InputMode="Pipe")])
    assert data.lines(job["TrainingJobName"]) == ["0 b'xxx'", "1 b'xxx'"]


REFUSED: list[tuple[str, list[dict[str, Any]], str]] = [
    ("two of a name", [channel("in"), channel("in")], "must be unique"),
    ("augmented as files", [channel("augmented.jsonl", "AugmentedManifestFile", {"AttributeNames": ["x"]})], "Pipe"),
    ("augmented without attributes", [channel("augmented.jsonl", "AugmentedManifestFile", InputMode="Pipe")],
     "AttributeNames"),
    ("a file system", [{"ChannelName": "train", "DataSource": {"FileSystemDataSource": {
        "FileSystemId": "fs-0123456789a", "FileSystemAccessMode": "ro", "FileSystemType": "EFS", "DirectoryPath": "/"}}}],
     "FileSystemDataSource"),
    ("an unknown group", [channel("in", source={"InstanceGroupNames": ["gpus"]})], "instance group"),
]  # fmt: skip


@pytest.mark.parametrize(("channels", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_read_is_refused(data: Jobs, channels: list[dict[str, Any]], words: str) -> None:
    request = data.request(InputDataConfig=channels)
    with pytest.raises(ClientError, match=words) as raised:
        data.sagemaker.create_training_job(**request)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
