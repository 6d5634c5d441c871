"""Objects: Clary beside what the machine allows and beside moto server, in one run.

    python benchmarks/objects.py [--large MB] [--moto PYTHON]

Floors, all in this process's own language: write + fsync + rename (with the MD5 and CRC32 that a PUT takes), and a
server that answers GET with sendfile. Clients are one raw HTTP connection with presigned URLs, so that the
client's own cost is small and the same for all. `--moto` names an interpreter that has `moto[server]`.
Rounds are interleaved and medians shown; only ratios of one run count.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from awscrt.checksums import crc32
from botocore.config import Config

from clary.storage.objects import ObjectStore
from clary.storage.ports import ObjectRecord

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.support.process import Clary

KIB, MIB = 1 << 10, 1 << 20
BUCKET = "bench"


class Target:
    """An S3 endpoint, spoken to over one kept connection."""

    def __init__(self, name: str, url: str, key: str, secret: str) -> None:
        self.name = name
        self.client: Any = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1",
            config=Config(signature_version="s3v4", retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )  # fmt: skip
        self.client.create_bucket(Bucket=BUCKET)
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)

        self._urls: dict[tuple[str, str], str] = {}

    def put(self, key: str, data: bytes) -> None:
        self._call("PUT", self._url("put_object", key), data)

    def get(self, key: str) -> None:
        self._call("GET", self._url("get_object", key), None)

    def list(self, after: str) -> str:
        """A page of 1,000; the answer is its XML."""
        params = {"Bucket": BUCKET, "Prefix": "list/", "StartAfter": after}
        url = self.client.generate_presigned_url("list_objects_v2", Params=params)
        return self._call("GET", url, None).decode()

    def _call(self, method: str, url: str, data: bytes | None) -> bytes:
        """The answer's body, or its last piece if it is large."""
        parts = urlsplit(url)
        self._connection.request(method, f"{parts.path}?{parts.query}", body=data)
        response = self._connection.getresponse()
        last = b""
        while piece := response.read(MIB):
            last = piece
        if response.status != 200:
            raise RuntimeError(f"{self.name}: {method} answered {response.status}")
        return last

    def _url(self, operation: str, key: str) -> str:
        if (operation, key) not in self._urls:
            params = {"Bucket": BUCKET, "Key": key}
            url = self.client.generate_presigned_url(operation, Params=params, ExpiresIn=86400)
            self._urls[operation, key] = url
        return self._urls[operation, key]


def durable_write(folder: Path, data: bytes) -> None:
    """The floor of a PUT."""
    hashlib.md5(data, usedforsecurity=False).digest()
    crc32(data)
    scratch = folder / "scratch"
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(folder / "file")


@contextmanager
def sendfile_server(folder: Path) -> Iterator[Callable[[str], None]]:
    """The floor of a GET: asyncio and sendfile, no S3."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    port: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            while (await reader.readline()).strip():
                pass
            path = folder / line.split()[1].decode().strip("/")
            with path.open("rb") as file:
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {path.stat().st_size}\r\n\r\n"
                writer.write(head.encode())
                await loop.sendfile(writer.transport, file)
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        started.set()
        await server.serve_forever()

    task: list[asyncio.Task[None]] = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        task.append(loop.create_task(serve()))
        loop.run_until_complete(asyncio.gather(*task, return_exceptions=True))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait()
    connection = http.client.HTTPConnection(f"127.0.0.1:{port[0]}")

    def get(name: str) -> None:
        connection.request("GET", f"/{name}")
        response = connection.getresponse()
        while response.read(MIB):
            pass

    try:
        yield get
    finally:
        connection.close()
        loop.call_soon_threadsafe(task[0].cancel)
        thread.join(5)


def timed(call: Callable[[], object], count: int) -> float:
    """Median seconds of a call."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(title: str, rivals: dict[str, Callable[[], object]], rounds: int, count: int, size: int) -> None:
    samples: dict[str, list[float]] = {name: [] for name in rivals}
    for call in rivals.values():
        call()
    for _ in range(rounds):
        for name, call in rivals.items():
            samples[name].append(timed(call, count))
    medians = {name: statistics.median(values) for name, values in samples.items()}
    clary = medians["clary"]
    for name, seconds in medians.items():
        rate = f"{size / seconds / 1e6:8.0f} MB/s" if size >= MIB else f"{1 / seconds:8.0f} /s   "
        print(f"{title:14} {name:8} {seconds * 1e3:9.2f} ms {rate}   {seconds / clary:6.2f} x clary's time")


def listing(target: Target, keys: int) -> None:
    """All keys by ListObjectsV2, and one page deep inside."""
    start = time.perf_counter()
    found, last = 0, "list/"
    while names := re.findall("<Key>(.*?)</Key>", target.list(last)):
        found, last = found + len(names), names[-1]
    everything = time.perf_counter() - start
    page = timed(partial(target.list, f"list/{keys // 2:06}"), 5)
    assert found == keys
    print(f"list {keys:9} {target.name:8} {everything:9.2f} s; one page in the middle {page * 1e3:.1f} ms")


def fill(objects: ObjectStore, keys: int) -> None:
    """Records straight into the store: what is measured is listing."""
    with objects.store.begin() as tx:
        for number in range(keys):
            document = {"ContentType": "binary/octet-stream", "Checksums": {"CRC32": "AAAAAA=="}}
            tx.objects.put(ObjectRecord(BUCKET, f"list/{number:06}", "none", 1, '"0"', time.time(), document))


@contextmanager
def moto(python: str) -> Iterator[Target]:
    """Port 4999 on loopback, memory only: it keeps nothing."""
    process = subprocess.Popen(
        [python, "-m", "moto.server", "-p", "4999"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            try:
                connection = http.client.HTTPConnection("127.0.0.1:4999")
                connection.connect()
                break
            except OSError:
                time.sleep(0.1)
        yield Target("moto", "http://127.0.0.1:4999", "k", "s")
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", type=int, default=256, help="MB of the large object")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--moto", help="interpreter that has moto[server]")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        server = stack.enter_context(Clary(folder / "home"))
        found = server.connection
        targets = [Target("clary", found.url, found.access_key, found.secret_key)]
        if options.moto:
            targets.append(stack.enter_context(moto(options.moto)))
        plain = stack.enter_context(sendfile_server(folder))
        for size, count, title in (
            (KIB, 100, "1 KB"),
            (MIB, 20, "1 MB"),
            (options.large * MIB, 1, f"{options.large} MB"),
        ):
            data = os.urandom(size)
            puts: dict[str, Callable[[], object]] = {"floor": partial(durable_write, folder, data)}
            gets: dict[str, Callable[[], object]] = {"floor": partial(plain, "file")}
            for target in targets:
                puts[target.name] = partial(target.put, "k", data)
                gets[target.name] = partial(target.get, "k")
            compare(f"PUT {title}", puts, options.rounds, count, size)
            compare(f"GET {title}", gets, options.rounds, count, size)
        server.stop()
        from clary.storage.sql import open_store

        store = open_store(server.home / "clary.db")
        from clary.storage.blobs import FileBlobs

        fill(ObjectStore(store, FileBlobs(server.home / "objects")), 10_000)
        store.close()
        server.start()
        targets[0] = Target("clary", server.connection.url, found.access_key, found.secret_key)
        for target in targets:
            if target.name != "clary":
                for number in range(10_000):
                    target.put(f"list/{number:06}", b"x")
            listing(target, 10_000)


if __name__ == "__main__":
    main()
