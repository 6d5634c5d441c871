"""Feeds a job's Pipe channels: `python pipes.py FOLDER DATA PROGRAM ARGUMENT...`.

It makes DATA/CHANNEL_0 for each channel of FOLDER/pipes.json, leaves a process behind that feeds them, and
becomes the program. The feeder lives in the job: it goes on when Clary's server does not, and goes with the
job. A channel's epoch n is one reading of the FIFO CHANNEL_n; the next one is there before it ends, and a
reader that closes early is no error, as on AWS.
"""

import gzip
import json
import os
import random
import signal
import struct
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

MAGIC = 0xCED7230A
"""Before each record of MXNet's RecordIO format."""
CHUNK = 1 << 20


def main() -> None:
    folder, data, program = sys.argv[1], sys.argv[2], sys.argv[3:]
    with open(os.path.join(folder, "pipes.json"), encoding="utf-8") as file:
        plan = json.load(file)
    for channel in plan:
        make(data, channel["channel"], 0)
    if os.fork() == 0:
        feed_all(folder, data, plan)
    os.execvp(program[0], program)


def feed_all(folder: str, data: str, plan: "list[dict[str, object]]") -> None:
    """Until the job ends: this process goes with it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the program may read on until its own end
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for channel in plan:
        threading.Thread(target=feed, args=(folder, data, channel), daemon=True).start()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # the log's end is not to wait for this process
    parent = os.getppid()
    while os.getppid() == parent:
        threading.Event().wait(1.0)
    os._exit(0)


def feed(folder: str, data: str, channel: "dict[str, object]") -> None:
    name, epoch = str(channel["channel"]), 0
    try:
        while True:
            path = make(data, name, epoch)
            pipe = os.open(path, os.O_WRONLY)  # waits for a reader
            make(data, name, epoch + 1)
            try:
                write(pipe, folder, channel, epoch)
            except BrokenPipeError:
                pass
            finally:
                os.close(pipe)
            os.unlink(path)
            epoch += 1
    except OSError as error:
        sys.stderr.write("[clary] channel %s: %s\n" % (name, error))
        sys.stderr.flush()


def make(data: str, name: str, epoch: int) -> str:
    path = os.path.join(data, "%s_%d" % (name, epoch))
    if not os.path.exists(path):
        os.mkfifo(path)
    return path


def write(pipe: int, folder: str, channel: "dict[str, object]", epoch: int) -> None:
    records = list(channel["records"])  # type: ignore[call-overload]
    if channel["seed"] is not None:
        random.Random("%s-%d" % (channel["seed"], epoch)).shuffle(records)
    for record in records:
        for name in record:
            with opened(os.path.join(folder, name), bool(channel["gunzip"])) as source:
                if channel["recordio"]:
                    send(pipe, framed(source.read()))
                else:
                    for data in iter(lambda file=source: file.read(CHUNK), b""):  # type: ignore[misc]
                        send(pipe, data)


def framed(content: bytes) -> bytes:
    """A record of MXNet's RecordIO: magic, length, content, filled up to four bytes."""
    return struct.pack("<II", MAGIC, len(content)) + content + b"\0" * (-len(content) % 4)


def send(pipe: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def opened(path: str, gunzip: bool) -> "IO[bytes]":
    return gzip.open(path, "rb") if gunzip else open(path, "rb")  # type: ignore[return-value]


if __name__ == "__main__":
    main()
