"""A listener that tells what reached it, and a watch that tells what a program looked up."""

from __future__ import annotations

import json
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.support.clients import Client
from tests.support.process import Clary


@dataclass
class Listener:
    """An HTTP server that answers each request as STS and S3 answer a caller they know, and keeps it."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def operations(self) -> list[str]:
        return [request["operation"] for request in self.requests]


_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:root</Arn><UserId>123456789012</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""
_BUCKETS = """<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets/>
</ListAllMyBucketsResult>"""


@pytest.fixture
def listener() -> Iterator[Listener]:
    seen = Listener()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            is_sts = "Action=GetCallerIdentity" in body
            operation = "GetCallerIdentity" if is_sts else f"{self.command} {self.path}"
            seen.requests.append({"operation": operation, "headers": dict(self.headers), "body": body})
            answer = (_IDENTITY if is_sts else _BUCKETS).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_HEAD = do_PUT = do_GET

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def heard(listener: Listener, tmp_path: Path) -> Client:
    """Clients that are pointed at the listener."""
    return Client(tmp_path / "user", listener.url)


@dataclass
class Watch:
    """A `sitecustomize` of the user's own: below every library, it records what is looked up and joined."""

    folder: Path
    record: Path

    @property
    def events(self) -> list[tuple[str, str]]:
        """("socket.getaddrinfo", host) and ("socket.connect", host), in order."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [(event, host) for event, host in map(json.loads, lines)]

    @property
    def hosts(self) -> set[str]:
        return {host for _, host in self.events}


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    folder = tmp_path / "watch"
    folder.mkdir()
    record = tmp_path / "watched"
    (folder / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
        import json, sys
        def keep(event, arguments):
            if event in ("socket.getaddrinfo", "socket.gethostbyname"):
                host = arguments[0]
            elif event in ("socket.connect", "socket.sendto"):
                host = arguments[1][0] if isinstance(arguments[1], tuple) else "unix"
            else:
                return
            with open({str(record)!r}, "a") as file:
                file.write(json.dumps([event, str(host)]) + "\\n")
        sys.addaudithook(keep)
        """)
    )
    return Watch(folder, record)


@pytest.fixture(scope="session")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    """A server as a user starts it, shared: each test names buckets of its own."""
    with Clary(tmp_path_factory.mktemp("clary") / "home") as server:
        yield server


@pytest.fixture
def client(clary: Clary, tmp_path: Path) -> Client:
    """Clients that are pointed at the real server, in an empty home of the user's."""
    found = clary.connection
    return Client(tmp_path / "user", found.url, (found.access_key, found.secret_key))
