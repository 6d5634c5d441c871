"""The peers, each with the same handler, as its own documentation would have it served on two CPUs.

A peer is a program written into a folder, run by an environment of its own (`peers.environment`), and the request
that it takes: the CSV row as it is, or in a JSON object where it wants JSON.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from load import drive, written
from peers import CACHE, environment, free_port, started

from servers.handler import CSV, ROW

JSON = "application/json"
LITSERVE = """
import sys
import litserve
from servers.handler import loaded

class Api(litserve.LitAPI):
    def setup(self, device):
        self.scores = loaded(sys.argv[1])

    def decode_request(self, request):
        return request["row"]

    def predict(self, row):
        return self.scores(row)

    def encode_response(self, output):
        return output

if __name__ == "__main__":
    server = litserve.LitServer(Api(api_path="/invocations"), accelerator="cpu", workers_per_device=2)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
"""
MLSERVER = """
import os
from mlserver import MLModel
from mlserver.handlers import custom_handler
from servers.handler import loaded

class Model(MLModel):
    async def load(self):
        self.scores = loaded(os.environ["BENCH_FOLDER"])
        return True

    @custom_handler(rest_path="/invocations")
    async def invocations(self, payload: dict) -> dict:
        return self.scores(payload["row"])
"""
BENTOML = """
import os
from typing import Any
import bentoml
from servers.handler import loaded

@bentoml.service(workers=2)
class Bench:
    def __init__(self) -> None:
        self.scores = loaded(os.environ["BENCH_FOLDER"])

    @bentoml.api(route="/invocations")
    def invocations(self, row: str) -> dict[str, Any]:
        return self.scores(row)
"""
RAY = """
import os, signal, sys
import ray
from ray import serve
from servers.handler import loaded

@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 0.5})
class Bench:
    def __init__(self, folder):
        self.scores = loaded(folder)

    async def __call__(self, request):
        return self.scores((await request.body()).decode())

def end(*_):
    serve.shutdown()
    ray.shutdown()
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
serve.run(Bench.bind(sys.argv[1]), route_prefix="/invocations")
while True:
    signal.pause()
"""


@dataclass(frozen=True)
class Peer:
    """`argv`: of interpreter, program's folder, model's folder and port. `files` are written beside the program."""

    program: str
    argv: Callable[[Path, Path, Path, int], list[str]]
    kind: str = CSV
    files: Callable[[int], Mapping[str, str]] = lambda _: {}
    environ: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    """Whose it is, if not its own."""

    @property
    def body(self) -> bytes:
        return ROW if self.kind == CSV else json.dumps({"row": ROW.decode()}).encode()


def script(python: Path, place: Path, folder: Path, port: int) -> list[str]:
    return [str(python), str(place / "program.py"), str(folder), str(port)]


def mlserver_settings(port: int, workers: int) -> Mapping[str, str]:
    """Without workers the model is in the server's process, as the bare handler is."""
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port(),
                "parallel_workers": workers, "debug": False}  # fmt: skip
    model = {"name": "bench", "implementation": "program.Model"}
    return {"settings.json": json.dumps(settings), "model-settings.json": json.dumps(model)}


PEERS: Mapping[str, Peer] = {
    "litserve": Peer(LITSERVE, script, kind=JSON),
    "mlserver": Peer(
        MLSERVER,
        lambda python, place, folder, port: [str(python.parent / "mlserver"), "start", str(place)],
        kind=JSON,
        files=partial(mlserver_settings, workers=2),
    ),
    "mlserver-inline": Peer(
        MLSERVER,
        lambda python, place, folder, port: [str(python.parent / "mlserver"), "start", str(place)],
        kind=JSON,
        files=partial(mlserver_settings, workers=0),
        environment="mlserver",
    ),
    "bentoml": Peer(
        BENTOML,
        lambda python, place, folder, port: [
            str(python.parent / "bentoml"), "serve", "program:Bench", "--working-dir", str(place),
            "--host", "127.0.0.1", "--port", str(port),
        ],
        kind=JSON,
        environ={"BENTOML_DO_NOT_TRACK": "true"},
    ),
    "ray": Peer(RAY, script, environ={"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}),
}  # fmt: skip


class NotMeasured(Exception):
    """The peer cannot be had or does not start here; the message says why."""


@contextmanager
def serving(name: str, folder: Path) -> Iterator[tuple[str, bytes, int]]:
    """URL, request and process of a peer that answers. Raises `NotMeasured`."""
    peer, port, place = PEERS[name], free_port(), folder / name
    place.mkdir()
    for file, text in {"program.py": peer.program, **peer.files(port)}.items():
        (place / file).write_text(text)
    try:
        python = environment(peer.environment or name)
    except Exception as error:
        raise NotMeasured(f"its environment cannot be made: {error}") from error
    program = peer.argv(python, place, folder, port)
    environ = {
        "PYTHONPATH": f"{Path(__file__).parent.parent}:{place}", "BENCH_FOLDER": str(folder), "OMP_NUM_THREADS": "1",
        "PATH": f"{python.parent}:{os.environ['PATH']}", **peer.environ,
    }  # fmt: skip
    headers = {"host": f"127.0.0.1:{port}", "content-type": peer.kind}
    request, url = written("POST", "/invocations", headers, peer.body), f"http://127.0.0.1:{port}/invocations"
    try:
        with started(program, port, **environ) as pid:
            await_answer(url, request)
            yield url, request, pid
    except RuntimeError as error:
        raise NotMeasured(str(error)) from error


def await_answer(url: str, request: bytes, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            drive(url, [[request]])
            return
        except (OSError, AssertionError) as error:
            if time.monotonic() > until:
                raise RuntimeError(f"no answer in {seconds:g} s: {error}") from error
            time.sleep(0.2)


__all__ = ["CACHE", "PEERS", "NotMeasured", "await_answer", "serving"]
