"""HTTP/1.1 on one connection: `Requests` are read from it, and answered by `Call`s, one after the other.

uvicorn runs it in place of its own (`Config(http=Http)`): it opens and closes the listener, keeps the date, and
waits for `connections` and `tasks` when it stops. What differs from uvicorn's own protocol:

- an answer's head and body leave in one write (`clary.gateway.call`), and a body's pieces are never copied;
- the body of a large request goes around the parser (`clary.gateway.requests`);
- one timer a connection looks for idleness, where a timer a request would be set and cleared;
- a head that does not end is refused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import lru_cache
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from clary.gateway.call import STATUS_LINES, WHOLE, Call
from clary.gateway.requests import Head, Refused, Requests

EXTENSIONS: dict[str, dict[str, object]] = {WHOLE: {}}


@lru_cache(4)
def _written(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


class Http(asyncio.Protocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app, self._server, self._state = config.loaded_app, server_state, app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._patience = config.timeout_keep_alive
        self._requests = Requests(self)
        self._transport: asyncio.Transport
        self._addresses: tuple[Any, Any] = (None, None)
        self._held = False
        self.full: asyncio.Future[None] | None = None
        """Done once the client has taken enough of what was written; None while there is room."""
        self._calls: deque[Call] = deque()
        """Those unanswered; the first is at work."""
        self._since = 0.0
        self._heard = self._noticed = 0
        """Pieces that came; of them, those that had come at the last look."""
        self._watch: asyncio.TimerHandle | None = None

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)  # type: ignore[arg-type]
        found = (transport.get_extra_info(name) for name in ("sockname", "peername"))
        self._addresses = cast("tuple[Any, Any]", tuple(each[:2] if each else None for each in found))
        self._since = self._loop.time()
        self._watch = self._loop.call_later(self._patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._watch is not None:
            self._watch.cancel()
        coming = self._requests.coming
        for call in {*self._calls, *((coming,) if coming else ())}:
            call.gone = True
            call.wake()
        self._calls.clear()
        self.resume_writing()
        self._requests.close()

    def _look(self) -> None:
        """Close it when nothing was asked for some time, or nothing has come of a request that is not whole."""
        stalled = self._requests.coming is not None and not self._held and self._heard == self._noticed
        self._noticed = self._heard
        if stalled:
            self._transport.abort()
            return
        left = self._since + self._patience - self._loop.time()
        if not self._calls and left <= 0:
            self._transport.close()
            return
        self._watch = self._loop.call_later(max(left, 1.0) if not self._calls else self._patience, self._look)

    def shutdown(self) -> None:
        """uvicorn's word that the server stops: what is under way ends first."""
        for call in self._calls:
            call.keep = False
        if not self._calls:
            self._transport.close()

    def pause_writing(self) -> None:
        if self.full is None:
            self.full = self._loop.create_future()

    def resume_writing(self) -> None:
        if self.full is not None:
            full, self.full = self.full, None
            if not full.done():
                full.set_result(None)

    # What comes in

    def data_received(self, data: bytes) -> None:
        self._heard += 1
        try:
            self._requests.feed(data)
        except Refused as refused:
            self._refuse(refused.status, refused.words)

    def _refuse(self, status: int, words: bytes) -> None:
        if self._transport.is_closing():
            return
        if self._calls:  # its answer comes first, and is the last
            self._transport.pause_reading()
            for call in self._calls:
                call.keep = False
            return
        self._transport.write(
            STATUS_LINES[status]
            + b"content-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(words)
            + words
        )
        self._transport.close()

    def begin(self, head: Head) -> Call:
        """Raises ValueError for a target that is none."""
        target = head.target
        if not target.startswith(b"/"):  # as to a proxy: with scheme and host
            parsed = httptools.parse_url(target)
            target = (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")
        raw_path, _, query = target.partition(b"?")
        path = raw_path.decode("ascii")
        server, client = self._addresses
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": head.version,
            "method": head.method, "scheme": "http", "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path, "query_string": query, "root_path": "", "headers": head.headers,
            "server": server, "client": client, "state": self._state, "extensions": EXTENSIONS,
        }  # fmt: skip
        call = Call(self, scope, head.keep, head.expects)
        self._calls.append(call)
        if len(self._calls) == 1:
            self._start(call)
        else:
            self.hold()
        return call

    def _start(self, call: Call) -> None:
        call.task = self._loop.create_task(call.run(self._app))
        self._server.tasks.add(call.task)

    def hold(self) -> None:
        """Read no more for now."""
        if not self._held and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def go_on(self, call: Call) -> None:
        """Read on, for the call that waits, unless another is read already."""
        if self._held and (self._requests.coming is call or (self._calls and self._calls[-1] is call)):
            self._resume()

    def _resume(self) -> None:
        if self._held and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()

    # What goes out

    @property
    def common(self) -> bytes:
        """Headers that every answer has, written."""
        return _written(tuple(self._server.default_headers))

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def write_all(self, parts: list[bytes]) -> None:
        self._transport.writelines(parts)

    def cut(self) -> None:
        self._transport.close()

    def answered(self, call: Call) -> None:
        """Its answer is written; the next may begin."""
        self._server.total_requests += 1
        if self._calls and self._calls[0] is call:
            self._calls.popleft()
        if self._transport.is_closing():
            return
        if not call.keep:
            self._transport.close()
            return
        self._since = self._loop.time()
        if self._calls:
            self._start(self._calls[0])
        if len(self._calls) < 2:
            self._resume()

    def ended(self, call: Call) -> None:
        if call.task is not None:
            self._server.tasks.discard(call.task)
