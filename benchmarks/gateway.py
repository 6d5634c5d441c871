"""What the edge costs: signed calls through the gateway beside a bare ASGI echo on the servers to choose from.

    python benchmarks/gateway.py [--seconds 2] [--rounds 3] [--python PYTHON_WITH_HYPERCORN_AND_GRANIAN]

Each server is a process of its own; requests are written once, signed, and sent again and again over kept
connections by a client that only counts answers. Rounds of all servers are interleaved; the table gives the
median requests per second at 1, 8 and 64 connections, the server's CPU time per request (user and system, at 8),
and both as a ratio to the echo on uvicorn. A server that is not installed is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONNECTIONS = (1, 8, 64)
TICKS = os.sysconf("SC_CLK_TCK")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


def serve_uvicorn(port: int) -> None:
    import uvicorn

    uvicorn.run(echo, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)


def serve_hypercorn(port: int) -> None:
    import uvloop
    from hypercorn.asyncio import serve  # type: ignore[import-not-found]
    from hypercorn.config import Config  # type: ignore[import-not-found]

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_max_requests = 10**9
    uvloop.run(serve(echo, config))


def serve_granian(port: int) -> None:
    from granian import Granian  # type: ignore[import-not-found]

    Granian(f"{Path(__file__).stem}:echo", port=port, interface="asgi", log_enabled=False).serve()


def serve_gateway(port: int) -> None:
    import clary.services.logs.events
    import clary.services.sts  # noqa: F401
    from clary.api import Changes, Ports
    from clary.gateway import Gateway
    from clary.gateway.server import serve
    from clary.services import iam
    from clary.settings import Settings
    from clary.storage.blobs import FileBlobs
    from clary.storage.objects import ObjectStore
    from clary.storage.sql import open_store

    home = Path(os.environ["BENCHMARK_HOME"])
    settings = Settings(home=home)
    store = open_store(settings.database)
    ports = Ports(settings, store, ObjectStore(store, FileBlobs(home / "objects")), Changes())
    iam.bootstrap(ports)
    serve(Gateway(ports, ["sagemaker", "sts", "iam", "s3", "logs"]), "127.0.0.1", port, ready=lambda _: None)


SERVERS = {
    "uvicorn": serve_uvicorn,
    "hypercorn": serve_hypercorn,
    "granian": serve_granian,
    "gateway": serve_gateway,
}
BODY = b"x" * 60


@dataclass
class Case:
    name: str
    server: str
    request: bytes = b""
    rates: dict[int, list[float]] = field(default_factory=lambda: {count: [] for count in CONNECTIONS})
    cpu: list[float] = field(default_factory=list)


def plain(port: int) -> bytes:
    return (
        f"POST /x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    )


def signed(port: int, home: Path, service: str, headers: dict[str, str], body: bytes) -> bytes:
    import configparser

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    profile = configparser.RawConfigParser()
    profile.read(home / "credentials")
    keys = profile["default"]
    credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
    request = AWSRequest("POST", f"http://127.0.0.1:{port}/", headers, body)
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


async def load(port: int, request: bytes, connections: int, seconds: float) -> int:
    """Answers in this time."""
    end = time.perf_counter() + seconds

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.perf_counter() < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError((head + await reader.read(2000)).decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length[15:]))
            count += 1
        writer.close()
        return count

    return sum(await asyncio.gather(*(one() for _ in range(connections))))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, by /proc."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid or int(fields[1]) == pid:
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def until_up(port: int, process: subprocess.Popen[bytes]) -> bool:
    for _ in range(600):
        if process.poll() is not None:
            return False
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    cases = [
        Case("echo, uvicorn", "uvicorn"),
        Case("echo, hypercorn", "hypercorn"),
        Case("echo, granian", "granian"),
        Case("GetCallerIdentity", "gateway"),
        Case("DescribeLogGroups", "gateway"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        processes: dict[str, subprocess.Popen[bytes]] = {}
        ports: dict[str, int] = {}
        for name in SERVERS:
            ports[name] = free_port()
            python = options.python if name in ("hypercorn", "granian") else sys.executable
            processes[name] = subprocess.Popen(
                [python, __file__, "--serve", name, str(ports[name])],
                env={**os.environ, "BENCHMARK_HOME": folder, "PYTHONPATH": str(Path(__file__).parent)},
                stderr=subprocess.DEVNULL if name in ("hypercorn", "granian") else None,
            )
        try:
            up = {name for name in SERVERS if asyncio.run(until_up(ports[name], processes[name]))}
            cases = [case for case in cases if case.server in up]
            for case in cases:
                port = ports[case.server]
                if case.name == "GetCallerIdentity":
                    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
                    case.request = signed(
                        port, home, "sts", form, b"Action=GetCallerIdentity&Version=2011-06-15"
                    )
                elif case.name == "DescribeLogGroups":
                    target = {"X-Amz-Target": "Logs_20140328.DescribeLogGroups",
                              "Content-Type": "application/x-amz-json-1.1"}  # fmt: skip
                    case.request = signed(port, home, "logs", target, b'{"limit":5}')
                else:
                    case.request = plain(port)
                asyncio.run(load(port, case.request, 8, 0.5))
            for _ in range(options.rounds):
                for connections in CONNECTIONS:
                    for case in cases:
                        measure(
                            case, processes[case.server].pid, ports[case.server], connections, options.seconds
                        )
        finally:
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            for process in processes.values():
                process.wait(20)
    report(cases)


def measure(case: Case, pid: int, port: int, connections: int, seconds: float) -> None:
    before = cpu_seconds(pid)
    count = asyncio.run(load(port, case.request, connections, seconds))
    case.rates[connections].append(count / seconds)
    if connections == 8:
        case.cpu.append((cpu_seconds(pid) - before) / count * 1000)


def report(cases: list[Case]) -> None:
    base = cases[0]
    print(
        f"{'':20}"
        + "".join(f"{f'c={count}':>10}" for count in CONNECTIONS)
        + f"{'CPU ms':>10}{'ratio':>8}{'CPU':>8}"
    )
    for case in cases:
        rates = [statistics.median(case.rates[count]) for count in CONNECTIONS]
        cpu = statistics.median(case.cpu)
        ratio = rates[1] / statistics.median(base.rates[8])
        print(
            f"{case.name:20}"
            + "".join(f"{rate:10.0f}" for rate in rates)
            + f"{cpu:10.3f}{ratio:8.2f}{cpu / statistics.median(base.cpu):8.2f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        SERVERS[sys.argv[2]](int(sys.argv[3]))
    else:
        main()
