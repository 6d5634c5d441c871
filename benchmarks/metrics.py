"""Points put and curves read: Clary beside the bare floor, and beside moto's and MLflow's servers on demand.

    python benchmarks/metrics.py [--peers | --long] [--points 40000] [--rounds 3]

Every server is a process of its own and gets the same points over 16 kept connections, from one client that only
counts answers; a slow peer gets fewer. Rounds are interleaved, the medians printed, and how many times a peer's
rate Clary's is (the median of the rounds' ratios). The peers' environments are made under .cache with uv, once. At
the end what a million points more do to the server's memory.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.load import drive, processor, resident, written
from benchmarks.peers import free_port, mlflow_server, moto_server, started
from tests.support.process import Clary

WRITERS = 16
NOW = int(time.time())
Queues = list[list[bytes]]


@dataclass
class System:
    name: str
    url: str
    pid: int
    prepare: Callable[[str], None]
    """Makes what the points of a writer belong to."""
    call: Callable[[str, list[dict[str, Any]]], bytes]
    """A request that puts points for a writer."""
    share: float = 1.0
    """Of the points that the others get: the slow get fewer."""
    rates: dict[int, list[float]] = field(default_factory=dict)
    costs: dict[int, list[float]] = field(default_factory=dict)

    def put(self, points: int, batch: int, round: int) -> None:
        calls = max(WRITERS, int(points * self.share) // batch)
        queues: Queues = [[] for _ in range(WRITERS)]
        for writer in range(WRITERS):
            self.prepare(f"w-{batch}-{round}-{writer}")
        for call in range(calls):
            items = [
                {"MetricName": "loss", "Value": random.random(), "Timestamp": NOW, "Step": call * batch + n}
                for n in range(batch)
            ]
            writer = call % WRITERS
            queues[writer].append(self.call(f"w-{batch}-{round}-{writer}", items))
        used = processor(self.pid)
        seconds = drive(self.url, queues)
        used = processor(self.pid) - used
        self.rates.setdefault(batch, []).append(calls * batch / seconds)
        self.costs.setdefault(batch, []).append(used / (calls * batch) * 1e6)

    def figures(self, batch: int) -> tuple[float, float]:
        """Points a second, microseconds of CPU a point."""
        return statistics.median(self.rates[batch]), statistics.median(self.costs[batch])

    def beside(self, other: System, batch: int) -> float:
        """How many times the other's rate, round by round."""
        pairs = zip(self.rates[batch], other.rates[batch], strict=True)
        return statistics.median([own / its for own, its in pairs])


def signed(url: str, access_key: str, secret_key: str) -> Callable[[str, list[dict[str, Any]]], bytes]:
    auth = SigV4Auth(Credentials(access_key, secret_key), "sagemaker", "us-east-1")

    def call(name: str, items: list[dict[str, Any]]) -> bytes:
        body = json.dumps({"TrialComponentName": name, "MetricData": items}).encode()
        request = AWSRequest(
            "PUT", f"{url}/BatchPutMetrics",
            {"Content-Type": "application/json", "Host": url.removeprefix("http://")}, body,
        )  # fmt: skip
        auth.add_auth(request)
        return written("PUT", "/BatchPutMetrics", dict(request.headers), body)

    return call


@contextmanager
def clary(folder: Path) -> Iterator[tuple[System, Clary]]:
    with Clary(folder / "home") as server:
        found = server.connection
        client = server.client("sagemaker")
        pid = json.loads((server.home / "server.json").read_text())["pid"]
        call = signed(found.url, found.access_key, found.secret_key)
        yield (
            System(
                "Clary",
                found.url,
                pid,
                lambda name: client.create_trial_component(TrialComponentName=name),
                call,
            ),
            server,
        )


@contextmanager
def floor(folder: Path) -> Iterator[System]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = [
        sys.executable,
        str(Path(__file__).parent / "floors" / "points.py"),
        str(port),
        str(folder / "floor.db"),
    ]

    def call(name: str, items: list[dict[str, Any]]) -> bytes:
        body = json.dumps({"TrialComponentName": name, "MetricData": items}).encode()
        return written("PUT", "/BatchPutMetrics", {"Host": f"127.0.0.1:{port}"}, body)

    with started(program, port) as pid:
        yield System("floor", url, pid, lambda name: None, call)


@contextmanager
def moto(folder: Path) -> Iterator[System]:
    with moto_server(folder) as (url, pid, client):
        sagemaker = client("sagemaker")
        yield System(
            "moto", url, pid, lambda name: sagemaker.create_trial_component(TrialComponentName=name),
            signed(url, "a", "b"), share=0.2,
        )  # fmt: skip


@contextmanager
def mlflow(folder: Path) -> Iterator[System]:
    with mlflow_server(folder) as (url, pid, post):
        experiment = post("experiments/create", {"name": "put"})["experiment_id"]
        runs: dict[str, str] = {}

        def prepare(name: str) -> None:
            run = post("runs/create", {"experiment_id": experiment, "start_time": NOW * 1000})
            runs[name] = run["run"]["info"]["run_id"]

        def call(name: str, items: list[dict[str, Any]]) -> bytes:
            metrics = [
                {
                    "key": p["MetricName"],
                    "value": p["Value"],
                    "timestamp": p["Timestamp"] * 1000,
                    "step": p["Step"],
                }
                for p in items
            ]
            body = json.dumps({"run_id": runs[name], "metrics": metrics}).encode()
            headers = {"Host": url.removeprefix("http://"), "Content-Type": "application/json"}
            return written("POST", "/api/2.0/mlflow/runs/log-batch", headers, body)

        yield System("MLflow", url, pid, prepare, call, share=0.02)


def curve(server: Clary, count: int = 100_000) -> None:
    """Read-back of one curve, over HTTP: signed GET of the Arrow form, and of the JSON form."""
    found = server.connection
    server.client("sagemaker").create_trial_component(TrialComponentName="curve")
    call = signed(found.url, found.access_key, found.secret_key)
    for start in range(0, count, 10_000):
        items = [
            {"MetricName": "loss", "Value": random.random(), "Timestamp": NOW + step // 8, "Step": step}
            for step in range(start, start + 10_000)
        ]
        drive(found.url, [[call("curve", items)]])
    auth = SigV4Auth(Credentials(found.access_key, found.secret_key), "sagemaker", "us-east-1")
    for form in ("arrow", "json"):
        taken = []
        for _ in range(7):
            request = AWSRequest(
                "GET", f"{found.url}/_clary/metrics?component=curve&metric=loss&format={form}"
            )
            auth.add_auth(request)
            asked = urllib.request.Request(request.url, headers=dict(request.headers))
            began = time.perf_counter()
            with urllib.request.urlopen(asked) as response:
                size = len(response.read())
            taken.append(time.perf_counter() - began)
        print(f"curve of {count:,} points as {form}: {statistics.median(taken) * 1e3:.0f} ms, {size:,} bytes")


def memory(ours: System, points: int = 1_000_000) -> None:
    """What the server holds before a million points, after them, and after as many more."""
    held = [resident(ours.pid)]
    for round in (1, 2):
        ours.put(points, 1000, -round)
        held.append(resident(ours.pid))
    shown = " -> ".join(f"{size / 2**20:.0f}" for size in held)
    print(f"{points:,} points more, and as many again: {shown} MiB resident")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true", help="moto beside")
    parser.add_argument("--long", action="store_true", help="moto and MLflow beside")
    parser.add_argument(
        "--points", type=int, default=40_000, help="a round, of batches of 10; ten times of 1,000"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        ours, server = stack.enter_context(clary(folder))
        systems = [ours, stack.enter_context(floor(folder))]
        if options.peers or options.long:
            systems.append(stack.enter_context(moto(folder)))
        if options.long:
            systems.append(stack.enter_context(mlflow(folder)))
        for batch, points in ((10, options.points), (1000, options.points * 10)):
            for round in range(options.rounds):
                for system in systems:
                    system.put(points, batch, round)
            print(f"batches of {batch:,}, c={WRITERS}")
            for system in systems:
                rate, used = system.figures(batch)
                times = ours.beside(system, batch)
                print(
                    f"  {system.name:<8}{rate:>12,.0f} points/s{used:>10,.1f} us of CPU a point   Clary {times:.2f}x"
                )
        curve(server)
        memory(ours)


if __name__ == "__main__":
    main()
