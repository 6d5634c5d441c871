"""HTTP/1.1 on the socket: what a connection makes of requests that come whole, in pieces, together and wrongly."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from clary.gateway.requests import AROUND, LONGEST_HEAD
from clary.gateway.server import Server, listen

LARGE = bytes(range(256)) * 4096


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """The body again, named by path and query; `/early` answers before it has read, `/slow` in pieces."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    body = b""
    while scope["path"] != "/early":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/fails":
        raise ValueError("as asked for")
    headers = [(b"x-asked", scope["raw_path"] + b"?" + scope["query_string"])]
    if scope["path"] == "/closes":
        headers.append((b"connection", b"close"))
    if scope["path"] != "/pieces":
        headers.append((b"content-length", b"%d" % (len(body) + (scope["path"] == "/short"))))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/pieces":
        for at in range(0, len(body), 3):
            await send({"type": "http.response.body", "body": body[at : at + 3], "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as found:
        yield found


@contextlib.contextmanager
def serving() -> Iterator[int]:
    found: list[int] = []
    up = threading.Event()

    def ready(number: int) -> None:
        found.append(number)
        up.set()

    server = Server(echo, listen("127.0.0.1", 0), ready)
    thread = threading.Thread(target=server.run)
    thread.start()
    up.wait(30)
    try:
        yield found[0]
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        yield connection


def post(path: str, body: bytes, *more: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", "Host: x", *more))
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def answer(connection: socket.socket, buffer: bytearray) -> tuple[bytes, bytes]:
    """Head and body of the next answer; `buffer` keeps what came after it."""
    while b"\r\n\r\n" not in buffer:
        data = connection.recv(1 << 16)
        assert data, f"the connection ended after {bytes(buffer)!r}"
        buffer += data
    head, _, _ = bytes(buffer).partition(b"\r\n\r\n")
    del buffer[: len(head) + 4]
    if b"transfer-encoding: chunked" in head:
        while b"0\r\n\r\n" not in buffer:
            buffer += connection.recv(1 << 16)
        body = bytes(buffer)
        buffer.clear()
        return head, body
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(buffer) < length:
        data = connection.recv(1 << 16)
        assert data
        buffer += data
    body = bytes(buffer[:length])
    del buffer[:length]
    return head, body


def ended(connection: socket.socket) -> bytes:
    """All until the server closes."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            found += data
    return found


def test_requests_that_come_together_are_answered_in_turn(port: int) -> None:
    bodies = [b"one", b"", b"x" * 70_000, b"last"]
    with connected(port) as connection:
        connection.sendall(b"".join(post(f"/{n}", body) for n, body in enumerate(bodies)))
        buffer = bytearray()
        for number, body in enumerate(bodies):
            head, found = answer(connection, buffer)
            assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
            assert f"x-asked: /{number}?".encode() in head
            assert found == body
        assert not buffer


def test_a_large_body_goes_around_the_parser_and_the_next_request_after_it(port: int) -> None:
    assert len(LARGE) > 2 * AROUND
    with connected(port) as connection:
        sender = threading.Thread(
            target=connection.sendall, args=(post("/a?b=c", LARGE) + post("/d", LARGE) + post("/e", b"end"),)
        )
        sender.start()
        buffer = bytearray()
        for path, body in (("/a?b=c", LARGE), ("/d?", LARGE), ("/e?", b"end")):
            head, found = answer(connection, buffer)
            assert f"x-asked: {path}".encode() in head
            assert found == body
        sender.join()


def test_bytes_that_come_one_by_one(port: int) -> None:
    with connected(port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post("/slow", b"body"):
            connection.sendall(bytes((byte,)))
        assert answer(connection, bytearray())[1] == b"body"


def test_chunks_in_and_chunks_out(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(
            b"POST /pieces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        )
        _, body = answer(connection, bytearray())
        assert body == b"3\r\nabc\r\n3\r\ndef\r\n1\r\ng\r\n0\r\n\r\n"


def test_an_answer_before_the_body_has_come_leaves_the_connection_usable(port: int) -> None:
    with connected(port) as connection:
        request = post("/early", LARGE)
        connection.sendall(request[:1000])
        buffer = bytearray()
        assert answer(connection, buffer)[1] == b""
        connection.sendall(request[1000:] + post("/next", b"here"))
        assert answer(connection, buffer)[1] == b"here"


def test_who_waits_to_be_asked_for_the_body_is_asked(port: int) -> None:
    with connected(port) as connection:
        request = post("/x", b"body", "Expect: 100-continue")
        connection.sendall(request[:-4])
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(request[-4:])
        assert answer(connection, bytearray())[1] == b"body"
        connection.sendall(post("/early", b"", "Expect: 100-continue"))
        assert answer(connection, bytearray())[0].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("body", [b"", b"small", LARGE])
def test_an_upgrade_is_not_taken_up(port: int, body: bytes) -> None:
    """As clients of HTTP/2 without TLS ask for it."""
    with connected(port) as connection:
        sender = threading.Thread(
            target=connection.sendall,
            args=(post("/x", body, "Connection: Upgrade", "Upgrade: h2c") + post("/y", b"after"),),
        )
        sender.start()
        buffer = bytearray()
        assert answer(connection, buffer)[1] == body
        assert answer(connection, buffer)[1] == b"after"
        sender.join()


def test_what_is_no_http_is_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        assert ended(connection).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_head_without_end_is_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        found = b""
        with contextlib.suppress(OSError):
            for number in range(10 * LONGEST_HEAD // 1000):
                connection.sendall(f"x-{number}: {'y' * 1000}\r\n".encode())
        found = ended(connection)
        assert not found or found.startswith(b"HTTP/1.1 431 ")


def test_two_lengths_are_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
        assert ended(connection).startswith(b"HTTP/1.1 400 ")


def test_the_connection_closes_when_either_side_says_so(port: int) -> None:
    for request, body in (
        (post("/closes", b"x"), b"x"),
        (post("/x", b"x", "Connection: close"), b"x"),
        (b"GET /old HTTP/1.0\r\n\r\n", b""),
    ):
        with connected(port) as connection:
            connection.sendall(request)
            found = ended(connection)
            head, _, rest = found.partition(b"\r\n\r\n")
            assert (b"connection: close" in head, rest) == (True, body)


def test_an_application_that_fails_is_answered_for_and_a_short_answer_is_cut(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(post("/fails", b""))
        assert ended(connection).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    with connected(port) as connection:
        connection.sendall(post("/short", b"abc"))
        assert b"abc" not in ended(connection)


def test_a_head_request_has_no_body(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n" + post("/y", b"z"))
        buffer = bytearray()
        assert answer(connection, buffer)[1] == b""
        assert answer(connection, buffer)[1] == b"z"


def test_who_sends_nothing_more_of_a_request_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clary.gateway.server.KEEP_ALIVE", 0.1)
    with serving() as port, connected(port) as connection:
        connection.sendall(post("/a", b"x" * 100)[:-50])
        assert ended(connection) == b""
