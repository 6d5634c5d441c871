"""The way out of a network that a program has for itself: its connections to the Clary server come through a Unix
socket in the program's folder, and go on by TCP. Nobody else can be reached."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

NAME = "reach.sock"
CHUNK = 1 << 16


async def offer(folder: Path, host: str, port: int) -> asyncio.Server:
    """Listen in `folder` for who wants to reach `host:port`, until the server that it gives is closed."""
    path = folder / NAME
    with suppress(FileNotFoundError):
        path.unlink()  # an earlier server's

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        for each in (back, writer):
            each.close()

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    return await asyncio.start_unix_server(connected, sock=listener)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
