"""Experiments: paging a whole experiment as ExperimentAnalytics does, top hundred by a metric, points put.

    python benchmarks/experiments.py [--sizes 1000,10000] [--points 2000]

Beside each paging stands the client's own cost: the same loop of the same boto3 client, answered from memory with
the bytes that the server had answered. PERFORMANCE.md asks for at most 1.2 times that.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.support.process import Clary

from clary.domain.experiments import PART_OF
from clary.services.sagemaker.components import Place, TrialComponent
from clary.services.sagemaker.experiments import Experiment
from clary.services.sagemaker.trials import Trial, in_experiment
from clary.storage.ports import Edge, Point
from clary.storage.sql import open_store

WHERE = Place("123456789012", "us-east-1")
TRIALS = 20
NOW = time.time()


def fill(home: Path, sizes: list[int]) -> None:
    """One experiment of each size: 10 parameters, 5 metrics of 3 points, 2 artifacts a component."""
    home.mkdir(parents=True)
    store = open_store(home / "clary.db")
    for size in sizes:
        experiment = Experiment.new(WHERE, f"exp-{size}", {"ExperimentName": f"exp-{size}"}, NOW)
        trials = [
            in_experiment(Trial.new(WHERE, f"t-{size}-{n}", {"TrialName": f"t-{size}-{n}"}, NOW), experiment)
            for n in range(TRIALS)
        ]
        with store.begin() as tx:
            for resource in (experiment, *trials):
                tx.resources.insert(resource)
        for start in range(0, size, 500):
            with store.begin() as tx:
                for number in range(start, min(start + 500, size)):
                    name = f"c-{size}-{number}"
                    component = TrialComponent.new(WHERE, name, document(name, number), NOW + number / 1000)
                    tx.resources.insert(component)
                    tx.edges.put(Edge(PART_OF, component.arn, trials[number % TRIALS].arn, NOW))
                    tx.metrics.append(component.arn, points(number))
    store.close()


def document(name: str, number: int) -> dict[str, Any]:
    numbers: dict[str, Any] = {f"p{n}": {"NumberValue": number * n / 7} for n in range(8)}
    texts = {"model": {"StringValue": '"resnet"'}, "SageMaker.InstanceType": {"StringValue": "ml.m5.large"}}
    return {
        "TrialComponentName": name,
        "DisplayName": name,
        "Status": {"PrimaryStatus": "Completed"},
        "Parameters": numbers | texts,
        "InputArtifacts": {"training": {"Value": "s3://bucket/data", "MediaType": "text/csv"}},
        "OutputArtifacts": {"SageMaker.ModelArtifact": {"Value": f"s3://bucket/{name}/model.tar.gz"}},
    }


def points(number: int) -> list[Point]:
    dice = random.Random(number)
    return [Point(f"m{m}", dice.random(), NOW + step, step) for m in range(5) for step in range(3)]


def page_through(client: Any, size: int, per_page: int | None) -> tuple[float, int]:
    """Seconds and hits. `per_page` None: as ExperimentAnalytics asks, which leaves it open."""
    expression = {
        "Filters": [{"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": f"exp-{size}"}]
    }
    request: dict[str, Any] = {"Resource": "ExperimentTrialComponent", "SearchExpression": expression}
    if per_page:
        request["MaxResults"] = per_page
    found, began = 0, time.perf_counter()
    while True:
        answer = client.search(**request)
        found += len(answer["Results"])
        if "NextToken" not in answer:
            return time.perf_counter() - began, found
        request["NextToken"] = answer["NextToken"]


class Recorded:
    """A raw answer that botocore takes for one off the wire."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


def client_alone(server: Clary, size: int, per_page: int | None) -> float:
    """Seconds of the same loop without a server."""
    bodies: list[bytes] = []
    recorder = server.client("sagemaker")
    recorder.meta.events.register(
        "response-received.sagemaker.Search", lambda response_dict, **_: bodies.append(response_dict["body"])
    )
    page_through(recorder, size, per_page)
    replay = iter(bodies)
    player = server.client("sagemaker")
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    player.meta.events.register(
        "before-send.sagemaker.Search",
        lambda request, **_: AWSResponse(request.url, 200, headers, Recorded(next(replay))),
    )
    return page_through(player, size, per_page)[0]


def median(run: Callable[[], float], rounds: int = 3) -> float:
    return sorted(run() for _ in range(rounds))[rounds // 2]


def search(server: Clary, sizes: list[int]) -> None:
    client = server.client("sagemaker")
    print(
        f"{'components':>10} {'a page':>7} {'all, s':>8} {'client alone':>13} {'ratio':>6} {'top 100 ms':>11}"
    )
    for size in sizes:
        for per_page in (10, None):
            whole = median(lambda: page_through(client, size, per_page)[0])  # noqa: B023
            alone = client_alone(server, size, per_page)
            top = median(lambda: top_hundred(client, size), 9)  # noqa: B023
            print(
                f"{size:>10} {per_page or 'default':>7} {whole:>8.2f} {alone:>13.2f} {whole / alone:>6.2f} {top * 1e3:>11.1f}"
            )


def top_hundred(client: Any, size: int) -> float:
    filters = [
        {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": f"exp-{size}"},
        {"Name": "Parameters.p3", "Operator": "GreaterThan", "Value": "50"},
    ]
    began = time.perf_counter()
    answer = client.search(
        Resource="ExperimentTrialComponent",
        SearchExpression={"Filters": filters},
        SortBy="Metrics.m2.max",
        SortOrder="Descending",
        MaxResults=100,
    )
    assert len(answer["Results"]) == 100
    return time.perf_counter() - began


def put(server: Clary, calls: int, batch: int, writers: int = 16) -> None:
    """Calls are signed beforehand, so that the writers' own cost is a socket's."""
    found = server.connection
    auth = SigV4Auth(Credentials(found.access_key, found.secret_key), "sagemaker", "us-east-1")
    sm = server.client("sagemaker")
    for writer in range(writers):
        sm.create_trial_component(TrialComponentName=f"put-{batch}-{writer}")
    queues: list[list[tuple[bytes, dict[str, str]]]] = [[] for _ in range(writers)]
    for call in range(calls):
        items = [
            {"MetricName": "loss", "Value": random.random(), "Timestamp": int(NOW), "Step": call * batch + n}
            for n in range(batch)
        ]
        name = f"put-{batch}-{call % writers}"
        body = json.dumps({"TrialComponentName": name, "MetricData": items}).encode()
        request = AWSRequest(
            "PUT", f"{found.url}/BatchPutMetrics", {"Content-Type": "application/json"}, body
        )
        auth.add_auth(request)
        queues[call % writers].append((body, dict(request.headers)))
    host = found.url.removeprefix("http://")
    used = cpu(server)

    def write(queue: list[tuple[bytes, dict[str, str]]]) -> None:
        connection = http.client.HTTPConnection(host)
        for body, headers in queue:
            connection.request("PUT", "/BatchPutMetrics", body, headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
        connection.close()

    threads = [threading.Thread(target=write, args=(queue,)) for queue in queues]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, used = time.perf_counter() - began, cpu(server) - used
    total = calls * batch
    print(
        f"put, batches of {batch}, c={writers}: {total / seconds:,.0f} points/s, {calls / seconds:,.0f} calls/s, "
        f"{used / total * 1e6:.0f} us of server CPU a point"
    )


def cpu(server: Clary) -> float:
    pid = json.loads((server.home / "server.json").read_text())["pid"]
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def house(sizes: list[int]) -> Iterator[Clary]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        began = time.perf_counter()
        fill(home, sizes)
        print(f"filled with {sum(sizes):,} components in {time.perf_counter() - began:.1f} s")
        with Clary(home) as server:
            yield server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--points", type=int, default=2000, help="calls of BatchPutMetrics")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    with house(sizes) as server:
        search(server, sizes)
        put(server, arguments.points, 10)
        put(server, max(16, arguments.points // 10), 1000)


if __name__ == "__main__":
    main()
