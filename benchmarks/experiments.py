"""Tables of experiments: all runs as a dataframe, the top hundred by a metric under a filter, a page.

    python benchmarks/experiments.py [--sizes 1000,10000,100000] [--peers | --long]

Beside SDK v2's ExperimentAnalytics stands its own cost: the same code answered from memory with the bytes that the
server had answered. `own table` is `/_clary/runs`, 20 columns as Arrow.
`waited for` is the top hundred's and the page's time without boto3's own work. moto and MLflow are asked for what they have;
MLflow's runs after the first go straight into its database, as making them by REST takes 40 ms each.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.peers import mlflow_server, moto_server
from tests.support.clients import client_python
from tests.support.process import Clary

from clary.clients import environment
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


DATAFRAME = """
import json, sys, time
import boto3, sagemaker
from botocore.awsrequest import AWSResponse
from sagemaker.analytics import ExperimentAnalytics

class Recorded:
    def __init__(self, body): self.body = body
    def stream(self, **_): yield self.body

def frame(client):
    session = sagemaker.Session(boto_session=boto3.Session(region_name="us-east-1"), sagemaker_client=client)
    began = time.perf_counter()
    found = ExperimentAnalytics(sagemaker_session=session, experiment_name=sys.argv[1]).dataframe()
    return time.perf_counter() - began, len(found)

def client():
    return boto3.client("sagemaker", region_name="us-east-1")

whole, alone = [], []
for _ in range(int(sys.argv[2])):
    bodies = []
    recorder = client()
    recorder.meta.events.register(
        "response-received.sagemaker.Search", lambda response_dict, **_: bodies.append(response_dict["body"]))
    seconds, rows = frame(recorder)
    whole.append(seconds)
    replay, player = iter(bodies), client()
    player.meta.events.register(
        "before-send.sagemaker.Search",
        lambda request, **_: AWSResponse(
            request.url, 200, {"Content-Type": "application/x-amz-json-1.1"}, Recorded(next(replay))))
    alone.append(frame(player)[0])
middle = len(whole) // 2
print(json.dumps({"rows": rows, "whole": sorted(whole)[middle], "alone": sorted(alone)[middle]}))
"""
"""SDK v2's own ExperimentAnalytics, asked of the server, then answered from memory with the same bytes."""


def dataframe(environ: dict[str, str], experiment: str, rounds: int) -> dict[str, float]:
    """Rows, seconds with the server, and seconds of the client alone."""
    done = subprocess.run(
        [str(client_python("v2")), "-W", "ignore", "-c", DATAFRAME, experiment, str(rounds)],
        env={**os.environ, **environ}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(server: Clary, size: int) -> float:
    """Seconds for Clary's own table of an experiment's runs, 20 columns, as Arrow."""
    found = server.connection
    auth = SigV4Auth(Credentials(found.access_key, found.secret_key), "sagemaker", "us-east-1")
    names = ["Name", "Status", "CreationTime", "Trials", *(f"Parameters.p{n}" for n in range(6))]
    names += [f"Metrics.m{m}.{statistic}" for m in range(5) for statistic in ("Last", "Min")]
    query = urlencode({"experiment": f"exp-{size}", "columns": ",".join(names), "format": "arrow"})
    request = AWSRequest("GET", f"{found.url}/_clary/runs?{query}")
    auth.add_auth(request)
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers))) as answer:
        answer.read()
    return time.perf_counter() - began


def page_time(client: Any, size: int, per_page: int) -> float:
    """Seconds of one page of an experiment's components, by the time changed."""
    filters = [{"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": f"exp-{size}"}]
    began = time.perf_counter()
    client.search(
        Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters}, MaxResults=per_page
    )
    return time.perf_counter() - began


class Waits:
    """What a client waits for its answers, without what boto3 itself does before and after."""

    def __init__(self, client: Any) -> None:
        self._sent, self._waited = 0.0, list[float]()
        client.meta.events.register("before-send", self._send)
        client.meta.events.register("before-parse", self._received)

    def _send(self, **_: object) -> None:
        self._sent = time.perf_counter()

    def _received(self, **_: object) -> None:
        self._waited.append(time.perf_counter() - self._sent)

    def median(self) -> float:
        """Seconds, of the answers since it was last asked."""
        found, self._waited = sorted(self._waited), []
        return found[len(found) // 2]


def median(run: Callable[[], float], rounds: int = 3) -> float:
    return sorted(run() for _ in range(rounds))[rounds // 2]


def clary(sizes: list[int]) -> None:
    head = (
        "runs",
        "dataframe, s",
        "client alone, s",
        "ratio",
        "own table, s",
        "top 100, ms",
        "page of 100, ms",
        "waited for, ms",
    )
    print("Clary   " + "".join(f"{one:>17}" for one in head))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home, sizes)
        with Clary(home) as server:
            client = server.client("sagemaker")
            waits = Waits(client)
            at = server.connection
            environ = environment(at.url, at.access_key, at.secret_key, at.region, os.environ)
            for size in sizes:
                whole, alone = math.nan, math.nan
                if size <= 10_000:
                    found = dataframe(environ, f"exp-{size}", 11 if size <= 1000 else 3)
                    whole, alone = found["whole"], found["alone"]
                own = median(lambda: table(server, size))  # noqa: B023
                top = median(lambda: top_hundred(client, size), 9) * 1e3  # noqa: B023
                top_waited = waits.median() * 1e3
                page = median(lambda: page_time(client, size, 100), 9) * 1e3  # noqa: B023
                page_waited = waits.median() * 1e3
                row = (
                    f"{size:,}",
                    f"{whole:.2f}",
                    f"{alone:.2f}",
                    f"{whole / alone:.2f}",
                    f"{own:.2f}",
                    f"{top:.1f}",
                    f"{page:.1f}",
                    f"{top_waited:.1f}; {page_waited:.1f}",
                )
                print("        " + "".join(f"{one:>17}" for one in row), flush=True)


def moto(sizes: list[int]) -> None:
    """All components by Search: moto knows neither parents nor metrics of components, so nothing more is asked."""
    with tempfile.TemporaryDirectory() as folder, moto_server(Path(folder)) as (_, _, make):
        client, made = make("sagemaker"), 0
        for size in sizes:
            for number in range(made, size):
                client.create_trial_component(TrialComponentName=f"c-{number}", DisplayName=f"c-{number}")
            made = size
            began, found, request = time.perf_counter(), 0, {"Resource": "ExperimentTrialComponent"}
            while True:
                answer = client.search(**request)
                found += len(answer["Results"])
                if "NextToken" not in answer:
                    break
                request["NextToken"] = answer["NextToken"]
            print(
                f"moto     {size:,} components, all by Search: {time.perf_counter() - began:.2f} s ({found} found)"
            )


def copy_runs(database: Path, first: str, numbers: range) -> None:
    """Runs like the first in MLflow's database, with values of their own."""
    connection = sqlite3.connect(database, timeout=60)
    with connection:
        for table in ("runs", "params", "metrics", "latest_metrics"):
            found = connection.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (first,))
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found]
            made = (
                {**row, "run_uuid": f"{number:032x}"}
                | ({} if table == "runs" else {"value": str(number * n / 7)})
                for number in numbers
                for n, row in enumerate(rows)
            )
            marks = ", ".join(f":{name}" for name in names)
            connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", made)
    connection.close()


def mlflow(sizes: list[int]) -> None:
    """Runs of 10 parameters and 5 metrics by REST: all of them, and the top 100 by a metric."""
    with tempfile.TemporaryDirectory() as folder, mlflow_server(Path(folder)) as (_, _, post):
        experiment = post("experiments/create", {"name": "table"})["experiment_id"]
        run = post("runs/create", {"experiment_id": experiment, "start_time": int(NOW * 1000)})
        first = run["run"]["info"]["run_id"]
        params = [{"key": f"p{n}", "value": str(n / 7)} for n in range(10)]
        metrics = [
            {"key": point.name, "value": point.value, "timestamp": int(NOW * 1000), "step": 0}
            for point in points(0)[::3]
        ]
        post("runs/log-batch", {"run_id": first, "params": params, "metrics": metrics})
        made = 1
        for size in sizes:
            copy_runs(Path(folder) / "mlflow.db", first, range(made, size))
            made = size
            began, request = time.perf_counter(), {"experiment_ids": [experiment], "max_results": 1000}
            while True:
                answer = post("runs/search", request)
                if "next_page_token" not in answer:
                    break
                request["page_token"] = answer["next_page_token"]
            whole, began = time.perf_counter() - began, time.perf_counter()
            best = {"experiment_ids": [experiment], "max_results": 100, "order_by": ["metrics.m2 DESC"]}
            post("runs/search", best)
            print(
                f"MLflow   {size:,} runs, all by REST: {whole:.2f} s; top 100: {time.perf_counter() - began:.2f} s"
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000", help="runs of the experiments")
    parser.add_argument("--peers", action="store_true", help="moto with 1,000 components")
    parser.add_argument("--long", action="store_true", help="MLflow with 1,000 and 10,000, moto with 5,000")
    options = parser.parse_args()
    clary([int(size) for size in options.sizes.split(",")])
    if options.peers or options.long:
        moto([1000, 5000] if options.long else [1000])
    if options.long:
        mlflow([1000, 10_000])


if __name__ == "__main__":
    main()
