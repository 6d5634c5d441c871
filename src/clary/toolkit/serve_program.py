"""Runs a program that serves /ping and /invocations on a TCP port, as an image of one's own does, and brings it the
requests that come through Unix sockets (`serve_lane.py`).

    serve_program.py COMMAND...      CLARY_SERVE, CLARY_SERVE_WORKERS, CLARY_SERVE_PORT, CLARY_SERVE_REACH

The folder CLARY_SERVE gets a socket for each request that may be under way at a time, `N.sock`. `/ping` is answered
once the program does: until then whoever asks waits.

In a sandbox with a network of its own, every program has its port 8080 (CLARY_SERVE_PORT). Elsewhere there is one port
8080 for all: the first has it, others get one that is free. SAGEMAKER_BIND_TO_PORT says which.

CLARY_SERVE_REACH=HOST:PORT brings what is sent to that address here to the Clary server (`serve_reach.py`): a network
of its own has nobody else in it.

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

if not __package__:  # run as a script
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    __package__ = "toolkit"
    import toolkit  # type: ignore[import-not-found]  # noqa: F401

from .serve_lane import PING_SECONDS, Lane, connect
from .serve_reach import bring_out
from .serve_sockets import listen

PORT = 8080
PINGS = 2
"""Pings that a program over a lost request may leave unanswered."""
LOOK, LONGEST_LOOK = 0.05, 0.5
SILENT = 10.0
"""Seconds of waiting for the program after which the log says what is waited for."""


def main() -> None:
    folder = os.environ["CLARY_SERVE"]
    port = int(os.environ.get("CLARY_SERVE_PORT") or 0) or chosen_port()
    reach = os.environ.get("CLARY_SERVE_REACH")
    if reach:
        host, _, number = reach.rpartition(":")
        threading.Thread(target=bring_out, args=(host, int(number), folder), daemon=True).start()
    program = Program(sys.argv[1:], port)
    lanes = [
        Lane(port, program.ready, listen(folder, "%d.sock" % number))
        for number in range(int(os.environ.get("CLARY_SERVE_WORKERS") or 1))
    ]
    Control(program, lanes, listen(folder, "control.sock")).start()
    for lane in lanes:
        lane.start()
    threading.Thread(target=program.await_ping, daemon=True).start()
    sys.exit(program.wait())


def chosen_port() -> int:
    """8080 if nobody has it, neither a program of ours nor anyone; else one that is free."""
    try:
        lock = os.open("/tmp/clary-port-%d" % PORT, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
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

    def ping(self) -> str:
        """What is wrong; nothing if it answers with 200."""
        connection = connect(self.port, PING_SECONDS)
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


if __name__ == "__main__":
    main()
