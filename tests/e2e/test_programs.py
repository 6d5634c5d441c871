"""Endpoints of programs that bring a server of their own: any that answers /ping and /invocations on port 8080."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.support.endpoints import Endpoints
from tests.support.process import ALIASES, ROLE, Clary
from tests.support.process import IMAGE as PLAIN

SERVER = """
import json, os, socket, sys, time, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(b"", 200 if os.path.exists("/tmp/awake") or not os.environ.get("SLEEPY") else 503)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"end": os._exit(3)
        if body == b"hang": time.sleep(600)
        if body == b"no HTTP": return self.wfile.write(b"Guten Tag.\\r\\n\\r\\n")
        if body == b"short": return self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nshort")
        if body == b"pieces":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            for number in range(3):
                self.wfile.write(b"piece %d;" % number)
                self.wfile.flush()
            return
        if body == b"world":
            try:
                socket.create_connection(("192.0.2.1", 80), 1)
            except OSError as error:
                return self.answer(str(error.strerror).encode(), 200)
        if body == b"s3":
            import boto3
            client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
            return self.answer(json.dumps([each["Name"] for each in client.list_buckets()["Buckets"]]).encode(), 200)
        if body == b"about":
            model = open("/opt/ml/model/name").read() if os.path.exists("/opt/ml/model/name") else ""
            told = {"model": model, "port": sys.argv[1], "given": os.environ.get("GIVEN"), "folder": os.getcwd(),
                    "threads": os.environ.get("OMP_NUM_THREADS"),
                    "attributes": self.headers.get("X-Amzn-SageMaker-Custom-Attributes")}
            return self.answer(json.dumps(told).encode(), 200, "application/json")
        if body == b"teapot": return self.answer(b"short and stout", 418)
        self.answer(body, 200, self.headers["Content-Type"])
    def answer(self, body, status, kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "from the program")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

print("listening on", sys.argv[1], flush=True)
HTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""
"""One thread, HTTP/1.0: the plainest server there is."""

ASGI = """
import asyncio

inside = most = 0

async def app(scope, receive, send):
    global inside, most
    if scope["type"] != "http": return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"): break
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    await send(start)
    if body == b"most": await send({"type": "http.response.body", "body": b"%d" % most, "more_body": True})
    elif scope["path"] == "/invocations":
        inside += 1
        most = max(most, inside)
        for word in body.split():
            await send({"type": "http.response.body", "body": word + b" ", "more_body": True})
            await asyncio.sleep(0.3)
        inside -= 1
    await send({"type": "http.response.body", "body": b""})
"""
"""HTTP/1.1 with connections that stay, chunked answers, any number of requests at a time."""

SERVE = f"#!/bin/sh\nexec {sys.executable} app.py ${{SAGEMAKER_BIND_TO_PORT}}\n"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/own:1"
MUTE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mute:1"
UVICORN = "000000000000.dkr.ecr.us-east-1.amazonaws.com/uvicorn:1"
LOST = "000000000000.dkr.ecr.us-east-1.amazonaws.com/lost:1"
NONE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/none:1"


def aliases(folder: Path) -> dict[str, object]:
    (folder / "app.py").write_text(SERVER)
    (folder / "asgi.py").write_text(ASGI)
    (folder / "serve").write_text(SERVE)
    (folder / "serve").chmod(0o755)
    return {
        **ALIASES,
        "*/own:*": {"interpreter": sys.executable, "program": str(folder)},
        "*/uvicorn:*": {
            "interpreter": sys.executable,
            "program": str(folder),
            "serve": "python -m uvicorn asgi:app --host 0.0.0.0 --port 8080",
        },
        "*/mute:*": {"interpreter": sys.executable, "serve": "sleep 600"},
        "*/lost:*": {"interpreter": sys.executable, "program": str(folder / "lost")},
        "*/none:*": {"interpreter": sys.executable, "serve": "no-such-program"},
    }


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    root = tmp_path_factory.mktemp("programs")
    with Clary(root / "home", image_aliases=json.dumps(aliases(root))) as clary:
        yield Endpoints(clary)


sandboxed = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs the sandbox")


def test_a_program_serves(endpoints: Endpoints) -> None:
    model = endpoints.model(Image=IMAGE, label="mine", environment={"GIVEN": "a value"})
    name = endpoints.up(model)
    answer = endpoints.invoke(name, "about", CustomAttributes="from the caller")
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "from the program"
    told = json.loads(answer["Body"])
    assert told.pop("threads") is None  # a program's own affair
    assert told == {
        "model": "mine", "port": "8080", "given": "a value", "folder": "/opt/program",
        "attributes": "from the caller",
    }  # fmt: skip
    megabyte = bytes(range(256)) * 4096
    sent = endpoints.invoke(name, megabyte, "application/octet-stream")
    assert (sent["Body"], sent["ContentType"]) == (megabyte, "application/octet-stream")
    streamed = endpoints.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"pieces")
    assert b"".join(each["PayloadPart"]["Bytes"] for each in streamed["Body"]) == b"piece 0;piece 1;piece 2;"
    assert endpoints.invoke(name, "pieces")["Body"] == b"piece 0;piece 1;piece 2;"
    with pytest.raises(ClientError) as raised:
        endpoints.invoke(name, "teapot")
    assert raised.value.response["OriginalStatusCode"] == 418
    assert raised.value.response["OriginalMessage"] == "short and stout"
    with pytest.raises(
        ClientError, match=r"\(502\) from primary .*The program's answer is not HTTP/1.1: Guten Tag"
    ):
        endpoints.invoke(name, "no HTTP")
    with pytest.raises(ClientError, match="The model server's answer broke off"):
        endpoints.invoke(name, "short")
    assert endpoints.invoke(name, "more")["Body"] == b"more"
    endpoints.said(name, "listening on 8080")
    endpoints.delete(name)


@sandboxed
def test_a_server_of_many_requests_at_a_time_has_them(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(Image=UVICORN))
    streamed = endpoints.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"one two")
    pieces = [each["PayloadPart"]["Bytes"] for each in streamed["Body"]]
    assert pieces == [b"one ", b"two "]  # each as it came
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda word: endpoints.invoke(name, f"{word} twice")["Body"], "abcdefgh"))
    assert answers == [f"{word} twice ".encode() for word in "abcdefgh"]
    assert int(endpoints.invoke(name, "most")["Body"]) > 1
    endpoints.delete(name)


@sandboxed
def test_programs_have_the_port_each_for_itself_and_reach_clary_alone(endpoints: Endpoints) -> None:
    names = [endpoints.up(endpoints.model(Image=IMAGE, label=label)) for label in "ab"]
    told = [json.loads(endpoints.invoke(name, "about")["Body"]) for name in names]
    assert [(each["model"], each["port"]) for each in told] == [("a", "8080"), ("b", "8080")]
    assert endpoints.invoke(names[0], "world")["Body"] == b"Network is unreachable"
    assert "models" in json.loads(endpoints.invoke(names[0], "s3")["Body"])
    for name in names:
        endpoints.delete(name)


def patiently(endpoints: Endpoints, name: str, body: str) -> bytes:
    """The answer, once the program has left its pings unanswered and another is there."""
    for _ in range(20):
        with suppress(ClientError):
            answer: bytes = endpoints.invoke(name, body)["Body"]
            return answer
    raise AssertionError(endpoints.lines(name))


def test_a_program_that_ends_or_hangs_is_started_again(endpoints: Endpoints) -> None:
    name = endpoints.up(endpoints.model(Image=IMAGE, environment={"SAGEMAKER_MODEL_SERVER_TIMEOUT": "1"}))
    with pytest.raises(ClientError, match="process ended while it worked on the request"):
        endpoints.invoke(name, "end")
    assert endpoints.invoke(name, "again")["Body"] == b"again"
    with pytest.raises(ClientError, match="timed out while waiting"):
        endpoints.invoke(name, "hang")
    assert patiently(endpoints, name, "after all") == b"after all"
    assert any("the program is ended and started again" in line for line in endpoints.lines(name))
    endpoints.delete(name)


def test_a_program_outlives_the_server(own_program: Endpoints) -> None:
    endpoints = own_program
    name = endpoints.up(endpoints.model(Image=IMAGE))
    endpoints.clary.kill()
    endpoints.clary.start()
    endpoints.connect()
    assert endpoints.invoke(name, "there")["Body"] == b"there"
    assert "models" in json.loads(endpoints.invoke(name, "s3")["Body"])  # by the new server's socket
    assert endpoints.lines(name).count("listening on 8080") == 1
    endpoints.delete(name)


def test_a_program_that_does_not_answer_fails_the_endpoint(endpoints: Endpoints) -> None:
    startup = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}
    sleepy = endpoints.model(Image=IMAGE, environment={"SLEEPY": "1"})
    config = endpoints.config(sleepy, changes=startup)
    waiting = endpoints.create(config)
    gone = endpoints.create(endpoints.config(endpoints.model(Image=NONE)))
    reason = endpoints.wait(gone, "Failed")["FailureReason"]
    assert "The program no-such-program cannot be started: No such file or directory" in reason
    assert "must answer GET /ping with status 200 on port 8080" in reason
    lost = endpoints.create(endpoints.config(endpoints.model(Image=LOST)))
    assert "to be mounted on /opt/program, does not exist" in endpoints.wait(lost, "Failed")["FailureReason"]
    endpoints.delete(lost)
    assert endpoints.describe(waiting)["EndpointStatus"] == "Creating"
    endpoints.delete(waiting)
    endpoints.delete(gone)


@pytest.mark.slow
def test_a_program_that_never_answers_is_given_up(endpoints: Endpoints) -> None:
    startup = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}
    name = endpoints.create(endpoints.config(endpoints.model(Image=MUTE), changes=startup))
    reason = endpoints.wait(name, "Failed", seconds=120)["FailureReason"]
    assert "it was not ready after 60 seconds. The program `sleep 600` must answer GET /ping" in reason
    assert any("GET /ping on port 8080 failed: Connection refused" in line for line in endpoints.lines(name))
    endpoints.delete(name)


def test_an_isolated_program_reaches_nobody(endpoints: Endpoints) -> None:
    model = endpoints.name("isolated")
    container = {"Image": IMAGE, "ModelDataUrl": endpoints.data()}
    endpoints.sagemaker.create_model(
        ModelName=model, PrimaryContainer=container, ExecutionRoleArn=ROLE, EnableNetworkIsolation=True
    )
    name = endpoints.up(model)
    assert endpoints.invoke(name, "still here")["Body"] == b"still here"
    assert endpoints.invoke(name, "world")["Body"] == b"Network is unreachable"
    endpoints.delete(name)


@pytest.fixture
def own_program(tmp_path: Path) -> Iterator[Endpoints]:
    with Clary(tmp_path / "home", image_aliases=json.dumps(aliases(tmp_path))) as clary:
        yield Endpoints(clary)


def test_without_a_sandbox_a_program_gets_a_port_of_its_own(tmp_path: Path) -> None:
    settings = {"image_aliases": json.dumps(aliases(tmp_path)), "sandbox": "never"}
    with Clary(tmp_path / "home", **settings) as clary:
        endpoints = Endpoints(clary)
        names = [endpoints.up(endpoints.model(Image=IMAGE, label=label)) for label in "ab"]
        told = [json.loads(endpoints.invoke(name, "about")["Body"]) for name in names]
        assert len({each["port"] for each in told}) == 2
        assert endpoints.invoke(names[0], "yes")["Body"] == b"yes"
        lines = [line for name in names for line in endpoints.lines(name)]
        assert any("the program must listen on port" in line for line in lines)
        for name in names:
            endpoints.delete(name)


@sandboxed
def test_programs_and_scripts_are_stages_of_one_pipeline(endpoints: Endpoints) -> None:
    """Two programs on one port, without models of their own, before a script."""
    script = (
        "def model_fn(d): return None\ndef transform_fn(m, body, kind, accept): return body.upper(), kind"
    )
    name = endpoints.name("pipeline")
    last = {"Image": PLAIN, "ModelDataUrl": endpoints.data(script)}
    endpoints.sagemaker.create_model(
        ModelName=name, Containers=[{"Image": IMAGE}, {"Image": IMAGE}, last], ExecutionRoleArn=ROLE
    )
    endpoint = endpoints.up(name)
    assert endpoints.invoke(endpoint, "through all")["Body"] == b"THROUGH ALL"
    with pytest.raises(ClientError, match=r"\(418\) from container-1 with message"):
        endpoints.invoke(endpoint, "teapot")
    endpoints.delete(endpoint)
