"""S3 of a server in its own process: killed in the middle of writes, and with an object larger than it should hold."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.support.process import Clary
from tests.support.s3 import MIB


@pytest.fixture
def clary(tmp_path: Path) -> Iterator[Clary]:
    with Clary(tmp_path / "home") as server:
        yield server


def resident(clary: Clary) -> int:
    """The most memory that the server has had, in bytes."""
    process = clary._process
    assert process is not None
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_memory_does_not_grow_with_the_object(clary: Clary, tmp_path: Path) -> None:
    size = 300 * MIB
    block = os.urandom(MIB)
    with (tmp_path / "large").open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    client: Any = clary.client("s3")
    client.create_bucket(Bucket="memory")
    client.put_object(Bucket="memory", Key="warm", Body=block)
    client.get_object(Bucket="memory", Key="warm")["Body"].read()
    before = resident(clary)
    with (tmp_path / "large").open("rb") as file:
        client.put_object(Bucket="memory", Key="large", Body=file)
    hash, length = hashlib.md5(), 0
    for chunk in client.get_object(Bucket="memory", Key="large")["Body"].iter_chunks(MIB):
        hash.update(chunk)
        length += len(chunk)
    assert length == size
    assert client.head_object(Bucket="memory", Key="large")["ETag"] == f'"{hash.hexdigest()}"'
    assert resident(clary) - before < 64 * MIB


def test_what_was_acknowledged_survives_a_kill(clary: Clary) -> None:
    first: Any = clary.client("s3")
    first.create_bucket(Bucket="durable")
    acknowledged: dict[str, bytes] = {}
    tried: dict[str, bytes] = {}
    enough = threading.Event()
    lock = threading.Lock()

    def write(writer: int) -> None:
        client: Any = clary.client("s3")
        number = 0
        while True:
            # Each third overwrites a key that is there already; sizes on both sides of what goes in one piece.
            key, number = f"{writer}/{number % 30}", number + 1
            data = os.urandom(1000 if number % 5 else 600_000)
            with lock:
                tried[key] = data
            try:
                client.put_object(Bucket="durable", Key=key, Body=data)
            except (BotoCoreError, ClientError):
                return
            with lock:
                acknowledged[key] = data
                if len(acknowledged) >= 60:
                    enough.set()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    clary.kill()
    for writer in writers:
        writer.join()
    clary.start()
    client: Any = clary.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="durable")
    listed = [item["Key"] for page in pages for item in page.get("Contents", ())]
    assert set(listed) >= set(acknowledged)
    for key in listed:
        data = client.get_object(Bucket="durable", Key=key)["Body"].read()
        assert data in (acknowledged.get(key), tried[key])
