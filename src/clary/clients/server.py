"""A home's server for as long as programs need it: the one that runs, or one started for them.

Any number of `clary run` may use one home. Each holds `HOME/run.lock` shared while its program runs; starting
and stopping happen under `HOME/start.lock`. The pid of a server that was started here is in `run.lock`, and
whoever leaves last stops it; one that the user started is never stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from clary import settings
from clary.clients.connection import Connection, NotServing, discover

START_SECONDS = 60.0
_LOOK_SECONDS = 0.05


@contextlib.contextmanager
def serving(home: Path | None, port: int | None = None) -> Iterator[Connection]:
    """A server of `home` for the block. `port`: where one is started; by default a free one.

    The server is in a session of its own (Ctrl-C in the terminal is for the program) and writes to
    `HOME/serve.log`. Raises `NotServing`, with the log's last lines, where it does not start.
    """
    folder = settings.load(home).home
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "run.lock").open("a+", encoding="ascii") as users:
        with _alone(folder):
            try:
                connection = discover(folder)
            except NotServing:
                connection = _start(folder, port, users)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield connection
        finally:
            with _alone(folder):
                _leave(folder, users)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start(folder: Path, port: int | None, users: TextIO) -> Connection:
    log = folder / "serve.log"
    command = [sys.executable, "-m", "clary", "serve", "--home", str(folder), "--port", str(port or 0)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _serving_pid(folder) == str(server.pid):  # and not what a server that was killed has left
            with contextlib.suppress(NotServing):
                connection = discover(folder)
                _write(users, str(server.pid))
                return connection
        if server.poll() is not None:
            break
        time.sleep(_LOOK_SECONDS)
    server.kill()
    server.wait()
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
    raise NotServing(f"The server of {folder} did not start. The end of {log}:\n{tail}")


def _leave(folder: Path, users: TextIO) -> None:
    """Stop the server where no other program uses it and it was started here."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    users.seek(0)
    started = users.read().strip()
    if started and started == _serving_pid(folder):
        os.kill(int(started), signal.SIGTERM)
        with (folder / "lock").open("a") as lock:  # the server holds it until it has ended
            fcntl.flock(lock, fcntl.LOCK_EX)
    _write(users, "")


def _serving_pid(folder: Path) -> str:
    """The pid in server.json, which a server that stops takes away."""
    try:
        return str(json.loads((folder / "server.json").read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write(file: TextIO, text: str) -> None:
    file.truncate(0)
    file.write(text)
    file.flush()
