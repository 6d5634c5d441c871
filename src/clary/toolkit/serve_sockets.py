"""Unix sockets in a folder whose path may be longer than a socket's address may be."""

import os
import socket

BACKLOG = 128


def listen(folder: str, name: str) -> "socket.socket":
    """A listening socket, by its short name."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.bind(name)
        found.listen(BACKLOG)
        return found
    finally:
        os.chdir(before)
