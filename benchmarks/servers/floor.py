"""The bare handler and the floor, as servers: `python -m servers.floor bare|hop PORT FOLDER`.

bare   the handler inside an ASGI application on uvicorn
hop    a signature check and a hop over a Unix socket to two workers, nothing else. They have a session of their
       own, as workers that outlive their server have to be: Linux schedules sessions as groups (autogroup), and
       on a busy machine a hop between two of them takes longer than one within.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from servers.handler import BYTES, CSV, transform

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
WORKERS = 2


async def received(receive: Any) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def bare(folder: Path) -> Any:
    handle = transform(folder)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind = dict(scope["headers"]).get(b"content-type", b"").decode()
        await answer(send, handle(await received(receive), kind))

    return app


def work(listener: socket.socket, folder: Path) -> None:
    """A worker: frames are a length and a kind's byte, answered by a length and the answer."""
    ctypes.CDLL(None).prctl(1, 9)  # ends with its parent
    handle = transform(folder)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as file:
            while head := file.read(5):
                length, echo = struct.unpack("!IB", head)
                body = handle(file.read(length), BYTES if echo else CSV)
                file.write(struct.pack("!I", len(body)) + body)
                file.flush()


def hop(folder: Path) -> Any:
    """Workers are forked before uvicorn runs."""
    from clary.domain import signing

    paths = [str(folder / f"hop-{number}.sock") for number in range(WORKERS)]
    listeners = [socket.socket(socket.AF_UNIX) for _ in paths]
    for listener, path in zip(listeners, paths, strict=True):
        listener.bind(path)
        listener.listen(8)
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, 9)
        os.setsid()
        for listener in listeners[1:]:
            if os.fork() == 0:
                work(listener, folder)
        work(listeners[0], folder)
    idle: asyncio.Queue[Any] = asyncio.Queue()
    connected = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal connected
        if not connected:
            connected = True
            for path in paths:
                idle.put_nowait(await asyncio.open_unix_connection(path, limit=1 << 22))
        body = await received(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        claim = signing.header_claim(headers)
        if claim is None:
            await answer(send, b"", 403)
            return
        canonical = signing.canonical_request(
            claim, "POST", scope["path"], "", headers, sha256(body).hexdigest()
        )
        expected = signing.signature(claim.key(SECRET), signing.string_to_sign(claim, canonical))
        if not signing.matches(expected, claim.signature):
            await answer(send, b"", 403)
            return
        reader, writer = await idle.get()
        writer.write(struct.pack("!IB", len(body), headers["content-type"] == BYTES))
        writer.write(body)
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        found = await reader.readexactly(length)
        idle.put_nowait((reader, writer))
        await answer(send, found)

    return app


def main() -> None:
    import uvicorn

    name, port, folder = sys.argv[1:4]
    app = {"bare": bare, "hop": hop}[name](Path(folder))
    uvicorn.run(
        app, port=int(port), lifespan="off", loop="uvloop", http="httptools", log_level="warning", access_log=False
    )  # fmt: skip


if __name__ == "__main__":
    main()
