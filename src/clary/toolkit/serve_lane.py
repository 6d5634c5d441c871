"""One request at a time, from a Unix socket to a program's TCP port and back.

Each has a connection of its own to the program, so that a server of one thread is not held by a connection that says
nothing. Answers go back as they come: with their length where they have one, in pieces where they do not.
"""

import http.client
import socket
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHUNK = 1 << 16
OWN = ("connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect")
"""Headers of one connection, not of what passes."""
PING_SECONDS = 2.0
"""That a program has for a ping, as on AWS."""


def connect(port: int, seconds: "float | None" = None) -> "http.client.HTTPConnection":
    return http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)


class Lane(threading.Thread):
    def __init__(self, port: int, ready: "threading.Event", listener: "socket.socket") -> None:
        """`ready`: set once the program has answered a ping; until then whoever pings waits."""
        threading.Thread.__init__(self, daemon=True)
        self.port, self.ready, self.listener = port, ready, listener
        self.asked = None  # type: http.client.HTTPConnection | None

    def run(self) -> None:
        while True:
            caller, _ = self.listener.accept()
            with caller, caller.makefile("rb", CHUNK) as reader:
                try:
                    while self.pass_on(caller, reader):
                        pass
                except (OSError, ValueError, http.client.HTTPException):
                    pass  # the caller sees that its connection has ended

    def pass_on(self, caller: "socket.socket", reader: "Any") -> bool:
        """One request; whether another may follow."""
        line = reader.readline().decode("latin-1").split()
        if not line:
            return False
        headers = {}
        while True:
            name, separator, value = reader.readline().decode("latin-1").partition(":")
            if not separator:
                break
            headers[name] = value.strip()
        length = int({name.lower(): value for name, value in headers.items()}.get("content-length") or 0)
        body = reader.read(length)
        if len(body) < length:
            return False
        if line[1] == "/ping" and not self.ready.is_set():
            self.ready.wait()
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        sent = {name: value for name, value in headers.items() if name.lower() not in OWN}
        self.asked = connect(self.port, PING_SECONDS if line[1] == "/ping" else None)
        try:
            try:
                self.asked.request(line[0], line[1], body if length else None, dict(sent, Connection="close"))
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have answered before it had read all
            try:
                answer = self.asked.getresponse()
            except http.client.RemoteDisconnected:
                raise  # it ended without a word
            except http.client.HTTPException as error:
                refuse(caller, "The program's answer is not HTTP/1.1: %s" % str(error).strip())
                return True
            return give_back(caller, answer)
        finally:
            self.asked.close()
            self.asked = None

    def give_up(self) -> None:
        """Break off what is under way."""
        asked = self.asked
        if asked is not None and asked.sock is not None:
            try:
                asked.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def refuse(caller: "socket.socket", words: str) -> None:
    """Answer in the place of a program whose answer cannot be passed on."""
    body = words.encode("utf-8", "replace")
    head = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    caller.sendall(head.encode("ascii") + body)


def give_back(caller: "socket.socket", answer: "http.client.HTTPResponse") -> bool:
    """The answer, each piece as it comes; whether all of it came."""
    headers = [
        (name, value) for name, value in answer.getheaders() if name.lower() not in OWN and "\n" not in value
    ]
    length = answer.length
    headers.append(("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length)))
    head = "".join("%s: %s\r\n" % pair for pair in headers)
    start = ("HTTP/1.1 %d %s\r\n%s\r\n" % (answer.status, answer.reason, head)).encode("latin-1", "replace")
    passed, piece = 0, answer.read1(CHUNK)
    if length is not None:
        caller.sendall(start + piece)  # most answers are one piece
    else:
        caller.sendall(start)
    while piece:
        passed += len(piece)
        if length is None:
            caller.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        elif passed > len(piece):
            caller.sendall(piece)
        piece = answer.read1(CHUNK)
    if length is None:
        caller.sendall(b"0\r\n\r\n")
        return True
    return passed == length
