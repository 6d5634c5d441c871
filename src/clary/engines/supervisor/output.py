# contextlib takes longer to import than all that this process does.
# ruff: noqa: SIM105
"""The log of a run: the program's bytes, line by line, each with the time it was read.

- `<epoch milliseconds> <text>\\n`; the text's bytes are the program's own, whatever they are.
- A line that lacks its newline is written once the program has been silent for a second. A progress bar,
  which is never silent and never ends its line, is cut after a carriage return about once a second.
- A line longer than `LINE` is split there.
- At `limit` bytes the log stops growing; the last `TAIL` bytes of what was left out are written at the end,
  because a traceback is there.
"""

from __future__ import annotations

import os
import time

LINE = 256 * 1024
TAIL = 64 * 1024
IDLE = 1.0


class Log:
    def __init__(self, path: str, limit: int) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._room = limit - os.fstat(self._fd).st_size
        self._partial = b""
        self._since = self._last = 0.0
        self._left_out = 0
        self._tail = b""

    def feed(self, data: bytes, now: float) -> None:
        """`now`: monotonic seconds."""
        if not self._partial:
            self._since = now
        self._last = now
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            self._write(self._partial + whole)
            self._partial, self._since = rest, now
        else:
            self._partial += data
        while len(self._partial) > LINE:
            self._write(self._partial[:LINE])
            self._partial = self._partial[LINE:]

    def tick(self, now: float) -> None:
        """Write what has waited long enough."""
        if self._partial and now >= self._last + IDLE:
            self._write(self._partial)
            self._partial = b""
        elif self._partial and now >= self._since + IDLE:
            done, turn, rest = self._partial.rpartition(b"\r")
            if turn and done.strip(b"\r"):
                self._write(done)
                self._partial = rest
            self._since = now

    def due(self) -> float | None:
        """When `tick` next has something to do."""
        return min(self._last, self._since) + IDLE if self._partial else None

    def say(self, text: str) -> None:
        """A line of the supervisor's own, whatever the limit."""
        self._flush()
        os.write(self._fd, _stamp() + text.encode() + b"\n")

    def close(self) -> None:
        self._flush()
        if self._left_out:
            tail = self._tail[self._tail.find(b"\n") + 1 :] if self._left_out > TAIL else self._tail
            try:
                self.say(f"... {self._left_out - len(tail)} bytes of output were left out here ...")
                _write_all(self._fd, tail)
            except OSError as error:
                _complain(error)
        os.close(self._fd)

    def _flush(self) -> None:
        if self._partial:
            self._write(self._partial)
            self._partial = b""

    def _write(self, lines: bytes) -> None:
        stamp = _stamp()
        if len(lines) > LINE:
            lines = b"\n".join(_split(line) for line in lines.split(b"\n"))
        record = stamp + lines.replace(b"\n", b"\n" + stamp) + b"\n"
        if self._room >= len(record):
            try:
                _write_all(self._fd, record)
            except OSError as error:
                # A full disk must not stop the training; the end of the log may find room again.
                _complain(error)
                self._left_out += len(record)
                self._tail = (self._tail + record)[-TAIL:]
            self._room -= len(record)
            return
        if not self._left_out:
            self.say("The log has reached its limit; what follows is left out, except for its end.")
            self._room = 0
        self._left_out += len(record)
        self._tail = (self._tail + record)[-TAIL:]


def _complain(error: OSError) -> None:
    try:
        os.write(2, f"log: {error}\n".encode())
    except OSError:
        pass  # on the full disk, too


def _split(line: bytes) -> bytes:
    return b"\n".join(line[start : start + LINE] for start in range(0, len(line) or 1, LINE))


def _stamp() -> bytes:
    return b"%d " % (time.time() * 1000)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
