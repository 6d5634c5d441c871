"""Open MPI over the hosts of a job: mpirun on the first host reaches the others through this, as it would through ssh.

    python mpi.py serve                on the other hosts: runs what it is sent, until that has ended
    python mpi.py HOST COMMAND...      what mpirun calls as its remote shell

Whoever sends must show that it knows the job's key (CLUSTER_KEY in the environment): the ports of all jobs are on
one machine. What the commands print is in the log of the host that runs them.
"""

import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time

CLUSTER_KEY = "CLARY_CLUSTER_KEY"
PORT = 7778
WAIT = 300
"""Seconds until a host that is being started must listen."""


def serve(host: str) -> int:
    """0, whatever became of the commands: mpirun says how the job went."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, PORT))
        server.listen(8)
        while True:
            connection, _ = server.accept()
            with connection:
                command = received(connection)
                if command is not None:
                    run(connection, command)
                    return 0


def received(connection: socket.socket) -> "str | None":
    """The command, of one who knows the key."""
    nonce = os.urandom(16).hex()
    stream = connection.makefile("rw")
    stream.write(nonce + "\n")
    stream.flush()
    shown, told = stream.readline().strip(), stream.readline()
    if not hmac.compare_digest(shown, proof(nonce, told)):
        return None
    return str(json.loads(told))


def run(connection: socket.socket, command: str) -> None:
    """Until it has ended; it ends with the connection, which its sender closes by dying."""
    process = subprocess.Popen(["/bin/sh", "-c", command], stdin=connection.fileno(), start_new_session=True)
    pid = os.fork()
    if pid == 0:
        while connection.recv(4096):
            continue
        os.killpg(process.pid, signal.SIGTERM)
        os._exit(0)
    code = process.wait()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    try:
        connection.sendall(b"%d\n" % code)
    except OSError:
        return


def send(host: str, command: str) -> int:
    """Its exit code there."""
    with reached(host) as connection:
        stream = connection.makefile("rw")
        told = json.dumps(command) + "\n"
        stream.write(proof(stream.readline().strip(), told) + "\n" + told)
        stream.flush()
        code = stream.readline().strip()
    if not code:
        sys.stderr.write("%s has ended the connection\n" % host)
        return 1
    return int(code) if int(code) >= 0 else 128 - int(code)


def reached(host: str) -> socket.socket:
    until = time.monotonic() + WAIT
    while True:
        try:
            return socket.create_connection((host, PORT))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def proof(nonce: str, told: str) -> str:
    return hmac.new(os.environ[CLUSTER_KEY].encode(), (nonce + told).encode(), hashlib.sha256).hexdigest()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        sys.exit(serve(os.environ["SM_CURRENT_HOST"]))
    sys.exit(send(sys.argv[1], " ".join(sys.argv[2:])))
