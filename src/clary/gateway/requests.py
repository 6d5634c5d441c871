"""Requests out of a connection's bytes: llhttp's parser (httptools), and what goes around it.

The body of a large request is not parsed, which would copy it: its bytes are counted and handed on as they came.
A wish to speak another protocol (`Upgrade`) is not taken up; the request is served as it is, its body with it.
"""

from __future__ import annotations

from typing import Protocol

import httptools

from clary.gateway.call import Call

LONGEST_HEAD = 1 << 16
"""Bytes of a head that may come without its end in sight."""
AROUND = 1 << 16
"""Bytes of a body yet to come from which on it goes around the parser."""


class Refused(Exception):
    """What came is no request that can be served; `status` and `words` say why. Nothing after it can be read."""

    def __init__(self, status: int, words: bytes) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Head:
    """A request without its body. `target` is as it came; header names are in lower case."""

    __slots__ = ("expects", "headers", "keep", "method", "target", "version")

    def __init__(self) -> None:
        self.method = self.version = ""
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.keep = self.expects = False
        """Whether the connection may carry another request; whether the client waits for `100 Continue`."""


class Server(Protocol):
    def begin(self, head: Head) -> Call:
        """A head has come whole: the call that its body belongs to. Raises ValueError for what it cannot take."""
        ...


class Requests:
    def __init__(self, server: Server) -> None:
        self._server = server
        self.coming: Call | None = None
        """The call whose body is read."""
        self._head = Head()
        self._in_head = False
        self._unfinished = 0
        """Bytes of a head that has not ended."""
        self._length = 0
        """Bytes of the body still to come, where the client said how many."""
        self._missing = 0
        """Of them, those that go around the parser."""
        self._parse_anew()

    def feed(self, data: bytes) -> None:
        """Raises `Refused`."""
        if self._missing:
            data = self._around(data)
            if not data:
                return
        in_head = self._in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_anew()
            self._missing = max(0, self._length)
            self.feed(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            raise Refused(400, b"Invalid HTTP request received.") from error
        if self._length > AROUND and self.coming is not None and not self._in_head:
            self._missing = self._length
            self.coming.gathers = True
        elif in_head and self._in_head:
            self._unfinished += len(data)
            if self._unfinished > LONGEST_HEAD:
                raise Refused(431, b"The request's head is too long.")

    def close(self) -> None:
        """The parser holds this object's methods, and this object the parser."""
        del self._parser

    def _around(self, data: bytes) -> bytes:
        """Take a body's bytes; what is left is the next request's."""
        assert self.coming is not None
        rest = b""
        if len(data) > self._missing:
            data, rest = data[: self._missing], data[self._missing :]
        self._missing -= len(data)
        self.coming.feed(data)
        if not self._missing:
            self._parse_anew()
            self._complete()
        return rest

    def _parse_anew(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)

    # What the parser calls

    def on_message_begin(self) -> None:
        self._head, self._length = Head(), 0
        self._in_head, self._unfinished = True, 0

    def on_url(self, url: bytes) -> None:
        self._head.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._head.headers.append((name, value))
        if name == b"content-length":
            self._length = int(value)
        elif name == b"expect":
            self._head.expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        head, parser = self._head, self._parser
        head.method, head.version = parser.get_method().decode("ascii"), parser.get_http_version()
        head.keep = head.version != "1.0" and parser.should_keep_alive()
        self._in_head = False
        self.coming = self._server.begin(head)

    def on_body(self, body: bytes) -> None:
        assert self.coming is not None
        self.coming.feed(body)
        self._length -= len(body)

    def on_message_complete(self) -> None:
        if not (self._parser.should_upgrade() and self._length > 0):
            self._complete()

    def _complete(self) -> None:
        call, self.coming = self.coming, None
        if call is not None:
            call.ended = True
            call.wake()
