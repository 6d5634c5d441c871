"""Real clients in environments of their own, and a listener that tells what reached it.

An environment is built once by uv from `requirements/clients-NAME.lock` under `.cache/clients`, named by the
lock's hash, and shared by all test processes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from clary.clients import environment

REPOSITORY = Path(__file__).parents[2]
PYTHONS = {"v2": "3.11", "v3": "3.11", "awscli": "3.11", "old": "3.7"}
KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

Run = Callable[..., subprocess.CompletedProcess[str]]


def interpreter(version: str) -> str | None:
    """A Python of that version on this machine, else what uv may fetch, which has none before 3.8."""
    candidates = [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for candidate in (shutil.which(f"python{version}"), *candidates):
        if candidate is None:
            continue
        probe = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
        )
        if probe.returncode == 0 and probe.stdout.strip() == version:
            return str(candidate)
    return None if version == "3.7" else version


@pytest.fixture(scope="session")
def client_python() -> Callable[[str], Path]:
    """`client_python("v2")`: the Python that has those clients. Skips where their Python is not to be had."""

    def build(name: str) -> Path:
        lock = REPOSITORY / "requirements" / f"clients-{name}.lock"
        folder = (
            REPOSITORY / ".cache" / "clients" / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
        )
        python, done = folder / "bin" / "python", folder / "complete"
        if done.exists():
            return python
        found = interpreter(PYTHONS[name])
        if found is None:
            pytest.skip(f"no Python {PYTHONS[name]} on this machine")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not done.exists():
                uv = find_uv_bin()
                subprocess.run([uv, "venv", "--quiet", "--clear", "--python", found, str(folder)], check=True)
                install = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r"]
                subprocess.run([*install, str(lock)], check=True)
                done.touch()
        return python

    return build


@pytest.fixture
def plain_environ(tmp_path: Path) -> dict[str, str]:
    """A user's environment with nothing of AWS, Clary or Python in it, and an empty home folder."""
    home = tmp_path / "user"
    home.mkdir(exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith("_PROXY") and not name.startswith(("AWS_", "CLARY_", "PYTHON", "COV"))
    }
    return {**kept, "HOME": str(home)}


@pytest.fixture
def run_client(client_python: Callable[[str], Path], plain_environ: dict[str, str]) -> Run:
    """`run_client("v2", url, script)`: run a script as `clary env` would have it; the output is text.

    `base`: further variables of the user's shell. `keys`: access key and secret.
    """

    def run(
        client: str | Path,
        url: str,
        script: str,
        base: Mapping[str, str] | None = None,
        keys: tuple[str, str] = KEYS,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        python = client if isinstance(client, Path) else client_python(client)
        before = {**plain_environ, **(base or {})}
        variables = environment(url, *keys, "us-east-1", before)
        done = subprocess.run(
            [python, "-c", textwrap.dedent(script)],
            env={**before, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@dataclass
class Listener:
    """An HTTP server that answers each request as STS and S3 answer a caller they know, and keeps it."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def operations(self) -> list[str]:
        return [request["operation"] for request in self.requests]


_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:root</Arn><UserId>123456789012</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
_BUCKETS = """<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets/></ListAllMyBucketsResult>"""


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


@pytest.fixture
def this_python() -> Path:
    return Path(sys.executable)
