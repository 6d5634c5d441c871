"""The peers' servers, each from an environment of its own under .cache, made with uv from a pinned list."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

CACHE = Path(__file__).resolve().parent.parent / ".cache"
PINNED = {
    "serving": [
        "scikit-learn==1.9.1",
        "numpy==2.4.6",
        "uvicorn==0.54.0",
        "uvloop==0.23.0",
        "httptools==0.9.0",
    ],
    "litserve": ["litserve==0.2.19", "scikit-learn==1.9.1", "numpy==2.4.6"],
    "mlserver": ["mlserver==1.7.1", "uvloop==0.21.0", "scikit-learn==1.9.1", "numpy==2.4.6"],
    "bentoml": ["bentoml==1.4.40", "scikit-learn==1.9.1", "numpy==2.4.6"],
    "ray": ["ray[serve]==2.60.0", "scikit-learn==1.9.1", "numpy==2.4.6"],
    "moto": ["moto[server]==5.2.1"],
    "mlflow": ["mlflow==3.17.2"],
    "keras": ["tensorflow-cpu==2.21.0", "keras==3.15.1"],
    "pytorch": ["torch==2.13.0+cpu", "numpy"],
    "boosting": ["xgboost-cpu==3.2.0", "lightgbm==4.7.0", "scikit-learn"],
}


def environment(name: str) -> Path:
    """The interpreter of a peer's environment."""
    folder = CACHE / f"bench-{name}"
    python = folder / "bin" / "python"
    ready = folder / "ready.json"
    if not ready.exists() or json.loads(ready.read_text()) != PINNED[name]:
        shutil.rmtree(folder, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--seed", "-p", "3.11", str(folder)], check=True)
        install = [*uv, "pip", "install", "-q", "--compile-bytecode", "-p", str(python)]
        if any(
            "+cpu" in each for each in PINNED[name]
        ):  # no index has it; pip may be told of a folder that does
            install = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*install, *PINNED[name]], check=True)
        ready.write_text(json.dumps(PINNED[name]))
    return python


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(program: list[str], port: int, **environ: str) -> Iterator[int]:
    """The process' id, once something listens on the port. It ends with all that it started."""
    process = subprocess.Popen(
        program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, **environ},
    )  # fmt: skip
    try:
        until = time.monotonic() + 600
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"did not start: {' '.join(program)}")
            time.sleep(0.05)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def moto_server(_: Path) -> Iterator[tuple[str, int, Callable[[str], Any]]]:
    """URL, process and a maker of boto3 clients."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )

    program = [str(environment("moto").parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with started(program, port) as pid:
        yield url, pid, client


@contextmanager
def mlflow_server(folder: Path) -> Iterator[tuple[str, int, Callable[[str, dict[str, Any]], Any]]]:
    """URL, process and a caller of its REST API, on SQLite."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def post(path: str, document: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{url}/api/2.0/mlflow/{path}",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    program = [
        str(environment("mlflow")), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/mlruns",
        # Its workers import for longer than the 5 s after which uvicorn takes one for dead, on a busy machine for ever.
        "--uvicorn-opts", "--timeout-worker-healthcheck 600",
    ]  # fmt: skip
    path = f"{environment('mlflow').parent}:{os.environ['PATH']}"
    with started(program, port, PATH=path, MLFLOW_DISABLE_TELEMETRY="true") as pid:
        until = time.monotonic() + 600
        while True:
            try:
                post("experiments/search", {"max_results": 1})
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)
        yield url, pid, post
