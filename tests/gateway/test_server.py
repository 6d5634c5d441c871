"""The server as a process: where it listens, how it stops, and what an application's answers may hold."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.gateway.wire import send
from tests.support.server import ports_in, running

from clary.gateway.server import CannotListen, listen
from clary.wire.messages import HttpRequest, HttpResponse

PROGRAM = """
import asyncio, sys
from clary.gateway.server import serve

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            print(message["type"], flush=True)
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    print("asked", flush=True)
    await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

serve(app, "127.0.0.1", 0, ready=lambda port: print(port, flush=True))
print("cleaned up", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_requests_under_way(number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    with process, socket.socket() as connection:
        assert process.stdout is not None
        assert process.stdout.readline() == "lifespan.startup\n"
        connection.connect(("127.0.0.1", int(process.stdout.readline())))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        received = b""
        while piece := connection.recv(1000):
            received += piece
        assert received.endswith(b"ok")
        assert process.stdout.read() == "lifespan.shutdown\ncleaned up\n"
    assert process.returncode == 0


def test_an_address_in_use_is_said_to_be() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(CannotListen, match="another program does already"):
        listen("127.0.0.1", first.getsockname()[1])
    with pytest.raises(CannotListen, match="no-such-host"):
        listen("no-such-host.invalid", 0)


def test_an_extension_answers_under_its_path(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for n in range(3):
            yield f"{n}\n".encode()

    async def studio(request: HttpRequest) -> HttpResponse:
        if request.path.endswith("stream"):
            return HttpResponse(200, [("content-type", "text/plain")], pieces())
        assert not isinstance(request.body, bytes)
        body = b"".join([piece async for piece in request.body])
        return HttpResponse(201, [("x-path", request.path), ("x-odd", "a\r\nb: c é €")], body)

    ports = ports_in(tmp_path)
    with running(ports, ["sts"], extensions={"/_clary/studio/": studio}) as server:
        answer = send(server, "POST", "/_clary/studio/a/b?c", {}, b"body")
        assert (answer.status, answer.body, answer.headers["x-path"]) == (201, b"body", "/_clary/studio/a/b")
        assert "b" not in answer.headers
        assert send(server, "GET", "/_clary/studio/stream").body == b"0\n1\n2\n"
        assert send(server, "GET", "/_clary/studio").status == 404
        assert send(server, "GET", "/_clary/health").status == 200
    ports.store.close()


def test_it_is_gone_once_it_has_stopped(tmp_path: Path) -> None:
    ports = ports_in(tmp_path)
    with running(ports, ["sts"]) as server:
        with urllib.request.urlopen(f"{server.url}/_clary/health") as answer:
            assert answer.status == 200
        port = server.port
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
    ports.store.close()
