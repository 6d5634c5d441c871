"""A package index of the test's own: wheels made here, served over HTTP, held back when the test says so."""

from __future__ import annotations

import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import TracebackType


def wheel(name: str, version: str, requires: tuple[str, ...] = ()) -> bytes:
    """A wheel whose module `name` knows its `VERSION`."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": metadata(name, version, requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return content.getvalue()


def metadata(name: str, version: str, requires: tuple[str, ...] = ()) -> str:
    needed = "".join(f"Requires-Dist: {line}\n" for line in requires)
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}"


class Index:
    """`with Index({("tiny", "1.0"): ()}) as index: ... index.url`"""

    def __init__(self, packages: dict[tuple[str, str], tuple[str, ...]]) -> None:
        self.packages = packages
        self.asked = threading.Event()
        """Set when somebody has asked for a wheel."""
        self.served = threading.Event()
        """Clear it to hold wheels back."""
        self.served.set()
        self.broken = False
        """Whether metadata is garbage."""
        self.downloads: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def __enter__(self) -> Index:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.served.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> bytes | None:
        last = path.rstrip("/").rpartition("/")[2]
        if path.startswith("/simple/"):
            versions = [version for name, version in self.packages if name == last]
            links = (f"{last}-{version}-py3-none-any.whl" for version in versions)
            page = "".join(
                f'<a href="/files/{link}" data-core-metadata="true">{link}</a>\n' for link in links
            )
            return page.encode() if versions else None
        name, version = last.split("-")[:2]
        if last.endswith(".metadata"):
            if self.broken:
                self.served.wait()
                return b"not metadata"
            return metadata(name, version, self.packages[name, version]).encode()
        self.downloads.append(last)
        self.asked.set()
        self.served.wait()
        return wheel(name, version, self.packages[name, version])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = index.answer(self.path)
                try:
                    self.send_response(404 if body is None else 200)
                    self.send_header(
                        "Content-Type", "text/html" if "/simple/" in self.path else "application/zip"
                    )
                    self.send_header("Content-Length", str(len(body or b"")))
                    self.end_headers()
                    self.wfile.write(body or b"")
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the builder was killed

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
