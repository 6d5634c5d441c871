"""TensorFlow Serving's REST on a port of the loopback, for scripts whose `handler` asks it themselves.

It listens from the first request that a script's handlers are given, in the worker that they run in.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn

from . import serve_tfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+))?(?::(?P<method>\w+))?$")
_servers = {}  # type: dict[int, Server]
"""By the model's identity: one a worker, or one a model where it has many."""


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True

    def __init__(self, models: serve_tfs.Models) -> None:
        HTTPServer.__init__(self, ("127.0.0.1", 0), Handler)
        self.models = models


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = _PATH.match(self.path)
        if found is None or not found.group("method"):
            self.answer(404, json.dumps({"error": "Malformed request: POST %s" % self.path}).encode("utf-8"))
            return
        version = found.group("version")
        self.answer(
            *self.models.ask(
                body, found.group("name"), int(version) if version else None, found.group("method")
            )
        )

    def do_GET(self) -> None:
        """The status of a model, as health checks ask for it."""
        found = _PATH.match(self.path)
        versions = self.models.paths.get(found.group("name")) if found else None
        if versions is None:
            self.answer(
                404, json.dumps({"error": "Could not find any versions of %s" % self.path}).encode("utf-8")
            )
            return
        status = {"error_code": "OK", "error_message": ""}
        told = [{"version": str(each), "state": "AVAILABLE", "status": status} for each in sorted(versions)]
        self.answer(200, json.dumps({"model_version_status": told}).encode("utf-8"))

    @property
    def models(self) -> serve_tfs.Models:
        return self.server.models  # type: ignore[attr-defined,no-any-return]

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: "Any") -> None:
        """Requests of the script to itself are no news."""


def url(models: serve_tfs.Models) -> str:
    server = _servers.get(id(models))
    if server is None:
        server = _servers[id(models)] = Server(models)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:%d" % server.server_address[1]
