"""What an invocation costs: Clary beside its floor and beside the handler without a server between, in one run.

    python benchmarks/serving.py --python PYTHON [--rounds 3] [--count 1500] [--peer NAME=URL ...]

PYTHON has scikit-learn and NumPy of this interpreter's version (the tests' client environment v2 does). The model
is a LogisticRegression on one CSV row of 20 floats, JSON out; beside it an echo of 1 MB. Servers:

    bare   the handler inside an ASGI application on uvicorn
    hop    the floor: a signature check and a hop over a Unix socket to two workers, nothing else
    clary  an endpoint of two workers on `clary serve`, invoked with signed requests
    peers  whatever `--peer` names: servers that were started beforehand and answer POST at their URL

Rounds of all are interleaved; figures are medians; CPU is the server's at c=8, without its workers' (bare has none).
Requests are written once and sent over kept connections.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from load import drive, written

CONNECTIONS = (1, 8, 64)
ROW = ",".join(f"{n / 7:.4f}" for n in range(20)).encode()
LARGE = b"x" * (1 << 20)
REGION, ROLE = "us-east-1", "arn:aws:iam::123456789012:role/SageMakerRole"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

SCRIPT = """
import json, os
import joblib
import numpy

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def transform_fn(model, body, content_type, accept):
    if content_type == "application/octet-stream":
        return body, content_type
    rows = numpy.array([[float(cell) for cell in line.split(",")] for line in body.splitlines()])
    found = model.predict_proba(rows).tolist()
    return json.dumps({"predictions": [{"score": row[1]} for row in found]}), "application/json"
"""
"""The handler, the same everywhere."""


def train(folder: Path, python: str) -> None:
    script = (
        "import joblib, numpy, sys\nfrom sklearn.linear_model import LogisticRegression\n"
        "rng = numpy.random.default_rng(1)\nx = rng.normal(size=(500, 20))\n"
        "joblib.dump(LogisticRegression().fit(x, x[:, 0] > 0), sys.argv[1])"
    )
    subprocess.run([python, "-c", script, str(folder / "model.joblib")], check=True)


def loaded(folder: Path) -> Any:
    """The handler as a function of body and content type."""
    module: dict[str, Any] = {}
    exec(SCRIPT, module)
    model = module["model_fn"](str(folder))

    def handle(body: bytes, kind: str) -> bytes:
        given = body if kind == "application/octet-stream" else body.decode()
        made = module["transform_fn"](model, given, kind, "*/*")[0]
        return made if isinstance(made, bytes) else made.encode()

    return handle


async def received(receive: Any) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def bare(folder: Path) -> Any:
    handle = loaded(folder)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind = dict(scope["headers"]).get(b"content-type", b"").decode()
        await answer(send, handle(await received(receive), kind))

    return app


def hop(folder: Path) -> Any:
    """Workers are forked before uvicorn runs; frames are a length and a kind's byte."""
    import socket
    import struct
    from hashlib import sha256

    from clary.domain import signing

    paths = [str(folder / f"hop-{number}.sock") for number in range(2)]
    for path in paths:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(8)
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(1, 9)  # ends with its parent
            handle = loaded(folder)
            while True:
                connection, _ = listener.accept()
                with connection, connection.makefile("rwb") as file:
                    while head := file.read(5):
                        length, echo = struct.unpack("!IB", head)
                        body = handle(file.read(length), "application/octet-stream" if echo else "text/csv")
                        file.write(struct.pack("!I", len(body)) + body)
                        file.flush()
    idle: asyncio.Queue[Any] = asyncio.Queue()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if idle.empty() and not getattr(app, "connected", False):
            app.connected = True  # type: ignore[attr-defined]
            for path in paths:
                idle.put_nowait(await asyncio.open_unix_connection(path, limit=1 << 22))
        body = await received(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        claim = signing.header_claim(headers)
        canonical = signing.canonical_request(
            claim, "POST", scope["path"], "", headers, sha256(body).hexdigest()
        )
        expected = signing.signature(claim.key(SECRET), signing.string_to_sign(claim, canonical))
        if not signing.matches(expected, claim.signature):
            await answer(send, b"", 403)
            return
        reader, writer = await idle.get()
        echo = headers["content-type"] == "application/octet-stream"
        writer.write(struct.pack("!IB", len(body), echo))
        writer.write(body)
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        found = await reader.readexactly(length)
        idle.put_nowait((reader, writer))
        await answer(send, found)

    return app


def serve(name: str, port: int, folder: Path) -> None:
    import uvicorn

    app = {"bare": bare, "hop": hop}[name](folder)
    options: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "log_level": "warning",
        "access_log": False,
    }
    uvicorn.run(app, port=port, lifespan="off", **options)


def signed(url: str, kind: str, body: bytes, key: str, secret: str) -> bytes:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", url, {"Content-Type": kind, "Host": urlsplit(url).netloc}, body)
    SigV4Auth(Credentials(key, secret), "sagemaker", REGION).add_auth(request)
    return written("POST", urlsplit(url).path, dict(request.headers.items()), body)


def endpoint(
    folder: Path, python: str, environment: dict[str, str] | None = None, script: str = SCRIPT
) -> tuple[subprocess.Popen[bytes], str, str, str]:  # fmt: skip
    """A Clary server with an endpoint in service: its process, the URL to invoke, its key. Without a script the
    framework's own functions answer."""
    import boto3

    from clary.clients import NotServing, discover

    home = folder / "home"
    aliases = {"*/bench:*": {"interpreter": python}}
    process = subprocess.Popen(
        [sys.executable, "-m", "clary", "serve", "--home", str(home), "--port", "0"],
        env={**os.environ, "CLARY_IMAGE_ALIASES": json.dumps(aliases)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while True:
        try:
            found = discover(home)
            break
        except NotServing:
            time.sleep(0.05)
    keys: dict[str, Any] = {
        "endpoint_url": found.url, "region_name": REGION, "aws_access_key_id": found.access_key,
        "aws_secret_access_key": found.secret_key,
    }  # fmt: skip
    s3, sagemaker = boto3.client("s3", **keys), boto3.client("sagemaker", **keys)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", dereference=True) as tar:
        tar.add(folder / "model.joblib", "model.joblib")
        if script:
            info = tarfile.TarInfo("code/inference.py")
            info.size = len(script)
            tar.addfile(info, io.BytesIO(script.encode()))
    s3.create_bucket(Bucket="bench")
    s3.put_object(Bucket="bench", Key="model.tar.gz", Body=packed.getvalue())
    container = {
        "Image": "1.dkr.ecr.us-east-1.amazonaws.com/bench:1",
        "ModelDataUrl": "s3://bench/model.tar.gz",
        "Environment": environment or {},
    }
    sagemaker.create_model(ModelName="bench", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {
        "VariantName": "all",
        "ModelName": "bench",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName="bench", ProductionVariants=[variant])
    began = time.perf_counter()
    sagemaker.create_endpoint(EndpointName="bench", EndpointConfigName="bench")
    while (status := sagemaker.describe_endpoint(EndpointName="bench")["EndpointStatus"]) != "InService":
        assert status == "Creating", status
        time.sleep(0.02)
    print(f"InService after {time.perf_counter() - began:.2f} s (it imports scikit-learn)")
    return process, f"{found.url}/endpoints/bench/invocations", found.access_key, found.secret_key


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start(name: str, folder: Path, python: str) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    site = subprocess.run(
        [python, "-c", "import sklearn, os; print(os.path.dirname(os.path.dirname(sklearn.__file__)))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", name, str(port), str(folder)],
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{site}", "OMP_NUM_THREADS": "1"},
    )
    url = f"http://127.0.0.1:{port}/invocations"
    while True:
        try:
            drive(url, [[written("POST", "/invocations", {"host": "x", "content-type": "text/csv"}, ROW)]])
            break
        except (OSError, AssertionError):
            if name == "hop":
                import socket

                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            time.sleep(0.1)
    return process, url


def p50(url: str, request: bytes, count: int) -> float:
    """Median milliseconds of one call after the other."""
    times = [drive(url, [[request] * 20]) / 20 * 1000 for _ in range(max(1, count // 20))]
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--peer", action="append", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(folder, options.python)
        processes = []
        try:
            targets: dict[str, tuple[str, str, str]] = {}
            pids: dict[str, int] = {}
            for server in ("bare", "hop"):
                process, url = start(server, folder, options.python)
                processes.append(process)
                targets[server] = (url, KEY, SECRET)
                pids[server] = process.pid
            process, url, key, secret = endpoint(folder, options.python)
            processes.append(process)
            targets["clary"] = (url, key, secret)
            pids["clary"] = process.pid
            targets.update(
                (each.partition("=")[0], (each.partition("=")[2], KEY, SECRET)) for each in options.peer
            )
            measure(targets, pids, options.rounds, options.count)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process without its workers."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(targets: dict[str, tuple[str, str, str]], pids: dict[str, int], rounds: int, count: int) -> None:
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(rounds):
        row = {
            name: signed(url, "text/csv", ROW, key, secret) for name, (url, key, secret) in targets.items()
        }
        large = {
            name: signed(url, "application/octet-stream", LARGE, key, secret)
            for name, (url, key, secret) in targets.items()
        }
        for connections in CONNECTIONS:
            for name, (url, _, _) in targets.items():
                each = max(10, count // connections)
                before = cpu_seconds(pids[name]) if name in pids else 0.0
                seconds = drive(url, [[row[name]] * each] * connections)
                if connections == 8 and name in pids:
                    spent = cpu_seconds(pids[name]) - before
                    rates[name, "CPU ms"].append(spent / (each * connections) * 1000)
                rates[name, f"c={connections}"].append(each * connections / seconds)
        for name, (url, _, _) in targets.items():
            rates[name, "p50 ms"].append(p50(url, row[name], 400))
            seconds = drive(url, [[large[name]] * 12] * 8)
            rates[name, "1 MB c=8"].append(12 * 8 / seconds)
    columns = [*(f"c={each}" for each in CONNECTIONS), "p50 ms", "CPU ms", "1 MB c=8"]
    print(f"{'':10}" + "".join(f"{column:>12}" for column in columns))
    found = {key: statistics.median(values) for key, values in rates.items()}
    for name in targets:
        print(f"{name:10}" + "".join(f"{found.get((name, column), 0.0):12.2f}" for column in columns))
    for other in targets:
        if other != "clary":
            ratios = [found["clary", column] / found.get((other, column), float("inf")) for column in columns]
            print(f"{'/ ' + other:10}" + "".join(f"{ratio:12.2f}" for ratio in ratios))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
