"""Runs a program that serves /ping and /invocations on a TCP port, as an image of one's own does, and brings it the
requests that come through Unix sockets.

    serve_program.py COMMAND...      CLARY_SERVE, CLARY_SERVE_WORKERS, CLARY_SERVE_PORT, CLARY_SERVE_REACH

The folder CLARY_SERVE gets a socket for each request that may be under way at a time, `N.sock`; each request has a
connection of its own to the program, so that a server of one thread is not held by a connection that says nothing.
`/ping` is answered once the program does: until then whoever asks waits.

In a sandbox with a network of its own, every program has its port 8080 (CLARY_SERVE_PORT). Elsewhere there is one port
8080 for all: the first has it, others get one that is free. SAGEMAKER_BIND_TO_PORT says which.

CLARY_SERVE_REACH=HOST:PORT brings what is sent to that address here through `reach.sock`, to the Clary server: a
network of its own has nobody else in it.

`control.sock` takes `kill N`: the N-th request has taken too long. Its connection is ended; a program that answers no
ping either is ended too, for a fresh one to take its place.
"""

import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PORT = 8080
BACKLOG = 128
PING_SECONDS = 2.0
"""That a program has for a ping, as on AWS."""
PINGS = 2
"""Pings that a program over a lost request may leave unanswered."""
LOOK, LONGEST_LOOK = 0.05, 0.5
SILENT = 10.0
"""Seconds of waiting for the program after which the log says what is waited for."""
CHUNK = 1 << 16
OWN = ("connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect")
"""Headers of one connection, not of what passes."""


def main() -> None:
    folder = os.environ["CLARY_SERVE"]
    port = int(os.environ.get("CLARY_SERVE_PORT") or 0) or chosen_port()
    reach = os.environ.get("CLARY_SERVE_REACH")
    if reach:
        host, _, number = reach.rpartition(":")
        threading.Thread(target=bring_out, args=(host, int(number), folder), daemon=True).start()
    program = Program(sys.argv[1:], port)
    lanes = [
        Lane(program, listen(folder, "%d.sock" % number))
        for number in range(int(os.environ.get("CLARY_SERVE_WORKERS") or 1))
    ]
    Control(program, lanes, listen(folder, "control.sock")).start()
    for lane in lanes:
        lane.start()
    threading.Thread(target=program.await_ping, daemon=True).start()
    sys.exit(program.wait())


def chosen_port() -> int:
    """8080 if nobody has it, neither a program of ours nor anyone; else one that is free."""
    lock = os.open("/tmp/clary-port-%d" % PORT, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until this process ends
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("0.0.0.0", PORT))
        return PORT
    except OSError:
        with socket.socket() as trial:
            trial.bind(("127.0.0.1", 0))
            found = trial.getsockname()[1]  # type: int
        say("Port 8080 is taken; the program must listen on port %d (SAGEMAKER_BIND_TO_PORT)." % found)
        return found


def listen(folder: str, name: str) -> "socket.socket":
    """A Unix socket by its short name: the folder's path may be longer than a socket's address may be."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.bind(name)
        found.listen(BACKLOG)
        return found
    finally:
        os.chdir(before)


def say(text: str) -> None:
    sys.stderr.write("[clary] %s\n" % text)
    sys.stderr.flush()


class Program:
    """The user's, as a process and as an address."""

    def __init__(self, command: "list[str]", port: int) -> None:
        self.port = port
        self.ready = threading.Event()
        environment = dict(os.environ, SAGEMAKER_BIND_TO_PORT=str(port))
        try:
            self.process = subprocess.Popen(command, env=environment)
        except OSError as error:
            sys.exit("The program %s cannot be started: %s." % (command[0], error.strerror))
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)

    def stop(self, *_: object) -> None:
        self.process.terminate()

    def wait(self) -> int:
        """Its exit code, as shells tell of signals."""
        code = self.process.wait()
        return 128 - code if code < 0 else code

    def connect(self, seconds: "float | None" = None) -> "http.client.HTTPConnection":
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)

    def ping(self) -> str:
        """What is wrong; nothing if it answers with 200."""
        connection = self.connect(PING_SECONDS)
        try:
            connection.request("GET", "/ping", headers={"Connection": "close"})
            status = connection.getresponse().status
            return "" if status == 200 else "is answered with %d, not with 200" % status
        except socket.timeout:
            return "was not answered in %g s" % PING_SECONDS
        except (OSError, http.client.HTTPException) as error:
            return "failed: %s" % (getattr(error, "strerror", None) or type(error).__name__)
        finally:
            connection.close()

    def await_ping(self) -> None:
        began = time.monotonic()
        pause, said = LOOK, ""
        while True:
            wrong = self.ping()
            if not wrong:
                self.ready.set()
                return
            if wrong != said and time.monotonic() - began > SILENT:
                say(
                    "GET /ping on port %d %s. It is tried until the time to start is over."
                    % (self.port, wrong)
                )
                said = wrong
            time.sleep(pause)
            pause = min(LONGEST_LOOK, pause * 1.2)

    def overdue(self) -> None:
        """A request took too long. End the program if it does not answer anything else either."""
        for _ in range(PINGS):
            wrong = self.ping()
            if not wrong:
                return
        say(
            "After a request that took too long, GET /ping %s: the program is ended and started again."
            % wrong
        )
        self.process.kill()


class Lane(threading.Thread):
    """One request at a time."""

    def __init__(self, program: Program, listener: "socket.socket") -> None:
        threading.Thread.__init__(self, daemon=True)
        self.program, self.listener = program, listener
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
        if line[1] == "/ping" and not self.program.ready.is_set():
            self.program.ready.wait()
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        sent = {name: value for name, value in headers.items() if name.lower() not in OWN}
        self.asked = self.program.connect(PING_SECONDS if line[1] == "/ping" else None)
        try:
            try:
                self.asked.request(line[0], line[1], body if length else None, dict(sent, Connection="close"))
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have answered before it had read all
            return give_back(caller, self.asked.getresponse())
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


class Control(threading.Thread):
    def __init__(self, program: Program, lanes: "list[Lane]", listener: "socket.socket") -> None:
        threading.Thread.__init__(self, daemon=True)
        self.program, self.lanes, self.listener = program, lanes, listener

    def run(self) -> None:
        while True:
            caller, _ = self.listener.accept()
            with caller:
                try:
                    caller.settimeout(1.0)
                    words = caller.recv(64).decode().split()
                    caller.sendall(b"done\n")
                    if len(words) == 2 and words[0] == "kill":
                        say("Request %s did not get its answer in time." % words[1])
                        self.lanes[int(words[1])].give_up()
                        threading.Thread(target=self.program.overdue, daemon=True).start()
                except (OSError, ValueError, IndexError) as error:
                    say("control: %r" % (error,))


def bring_out(host: str, port: int, folder: str) -> None:
    """Connections to an address that is not in this network, through `reach.sock`."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    while True:
        caller, _ = listener.accept()
        threading.Thread(target=join, args=(caller, folder), daemon=True).start()


def join(caller: "socket.socket", folder: str) -> None:
    with caller, socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(os.path.join(folder, "reach.sock"))
        except OSError as error:
            say("The Clary server cannot be reached: %s." % error.strerror)
            return
        back = threading.Thread(target=copy, args=(server, caller), daemon=True)
        back.start()
        copy(caller, server)
        back.join()


def copy(source: "socket.socket", target: "socket.socket") -> None:
    try:
        while True:
            data = source.recv(CHUNK)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
    finally:
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


if __name__ == "__main__":
    main()
