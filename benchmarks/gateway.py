"""The control plane: signed reads and durable writes through the whole server, beside a bare ASGI echo on uvicorn.

    python benchmarks/gateway.py [--peers] [--count 4000] [--rounds 3]

Requests are written and signed once and sent over kept connections by a client that only counts answers. Rounds of
all servers are interleaved and the medians printed: requests a second at 1, 8 and 64 connections, the server's CPU a
call at 8, and at 1 the median and the 99th percentile of how long an answer takes. `--peers` adds the moto server.
What a server costs that has nothing to do stands below.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.load import drive, latencies, processor, resident, written
from benchmarks.peers import free_port, moto_server, started
from tests.support.process import Clary

CONNECTIONS = (1, 8, 64)
NUMBERS = count()
IDLE = 5.0
"""Seconds over which a server that has nothing to do is watched."""


@dataclass
class Case:
    name: str
    url: str
    pid: int
    request: Callable[[], bytes]
    """A new one, or the same again."""
    share: float = 1.0
    """Of the requests that the others get."""
    rates: dict[int, list[float]] = field(default_factory=lambda: {number: [] for number in CONNECTIONS})
    costs: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def run(self, requests: int) -> None:
        requests = int(requests * self.share)
        for connections in CONNECTIONS:
            each = max(1, requests // connections)
            queues = [[self.request() for _ in range(each)] for _ in range(connections)]
            if connections == 1:
                self.waits += latencies(self.url, queues[0])
                continue
            used = processor(self.pid)
            seconds = drive(self.url, queues)
            self.rates[connections].append(each * connections / seconds)
            if connections == 8:
                self.costs.append((processor(self.pid) - used) / (each * connections) * 1e3)

    def line(self) -> str:
        waits = sorted(self.waits)
        rates = [
            1 / statistics.mean(waits),
            *(statistics.median(self.rates[number]) for number in CONNECTIONS[1:]),
        ]
        return (
            f"{self.name:<30}" + "".join(f"{rate:>9,.0f}" for rate in rates) + f"{statistics.median(self.costs):>9.3f}"
            f"{waits[len(waits) // 2] * 1e3:>9.2f}{waits[int(len(waits) * 0.99)] * 1e3:>9.2f}"
        )  # fmt: skip


def signer(url: str, access_key: str, secret_key: str) -> Callable[[str, str, dict[str, str], bytes], bytes]:
    def call(service: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        host = {"Host": url.removeprefix("http://")}
        request = AWSRequest("POST", f"{url}{path}", {**host, **headers}, body)
        SigV4Auth(Credentials(access_key, secret_key), service, "us-east-1").add_auth(request)
        return written("POST", path, dict(request.headers), body)

    return call


def sagemaker(
    call: Callable[[str, str, dict[str, str], bytes], bytes], operation: str, parameters: dict[str, Any]
) -> bytes:
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    return call("sagemaker", "/", headers, json.dumps(parameters).encode())


def cases(
    name: str, url: str, pid: int, keys: tuple[str, str], client: Any, share: float = 1.0
) -> list[Case]:
    call = signer(url, *keys)
    client.create_experiment(ExperimentName="known")
    for number in range(100):
        client.create_trial_component(TrialComponentName=f"known-{number}")
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    identity = call("sts", "/", form, b"Action=GetCallerIdentity&Version=2011-06-15")
    describe = sagemaker(call, "DescribeTrialComponent", {"TrialComponentName": "known-1"})
    page = sagemaker(call, "ListTrialComponents", {"MaxResults": 100})

    def create() -> bytes:
        return sagemaker(call, "CreateTrialComponent", {"TrialComponentName": f"made-{next(NUMBERS)}"})

    return [
        Case(f"{name} GetCallerIdentity", url, pid, lambda: identity, share),
        Case(f"{name} DescribeTrialComponent", url, pid, lambda: describe, share),
        Case(f"{name} ListTrialComponents, 100", url, pid, lambda: page, share / 4),
        Case(f"{name} CreateTrialComponent", url, pid, create, share / 2),
    ]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def bare() -> Iterator[Case]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    request = written("POST", "/", {"Host": f"127.0.0.1:{port}"}, b"x" * 60)
    with started([sys.executable, __file__, "--echo", str(port)], port) as pid:
        yield Case("echo on uvicorn", url, pid, lambda: request)


def at_rest(server: Clary, pid: int) -> None:
    used, began = processor(pid), time.perf_counter()
    time.sleep(IDLE)
    share = (processor(pid) - used) / (time.perf_counter() - began)
    print(f"idle: {resident(pid) / 2**20:.0f} MiB resident, {share:.1%} of a CPU")
    server.stop()
    began = time.perf_counter()
    server.start()
    print(f"up again in {time.perf_counter() - began:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true", help="moto beside")
    parser.add_argument(
        "--count", type=int, default=4000, help="requests a round, at each number of connections"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        server = stack.enter_context(Clary(Path(name) / "home"))
        found = server.connection
        pid = json.loads((server.home / "server.json").read_text())["pid"]
        at_rest(server, pid)
        found, pid = server.connection, json.loads((server.home / "server.json").read_text())["pid"]
        all_cases = [stack.enter_context(bare())]
        all_cases += cases(
            "Clary", found.url, pid, (found.access_key, found.secret_key), server.client("sagemaker")
        )
        if options.peers:
            url, peer, client = stack.enter_context(moto_server(Path(name)))
            all_cases += cases("moto", url, peer, ("a", "b"), client("sagemaker"), share=0.05)
        for _ in range(options.rounds):
            for case in all_cases:
                case.run(options.count)
        heads = [*(f"c={number} /s" for number in CONNECTIONS), "CPU ms", "p50 ms", "p99 ms"]
        print(f"{'':<30}" + "".join(f"{head:>9}" for head in heads))
        for case in all_cases:
            print(case.line())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--echo"]:
        import uvicorn

        uvicorn.run(
            echo,
            port=int(sys.argv[2]),
            loop="uvloop",
            http="httptools",
            log_level="warning",
            access_log=False,
        )
    else:
        main()
