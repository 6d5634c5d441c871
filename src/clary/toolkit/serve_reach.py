"""Brings connections to an address that is not in this network out of it, through the Unix socket `reach.sock`."""

import os
import socket
import sys
import threading

from .serve_sockets import BACKLOG

CHUNK = 1 << 16


def bring_out(host: str, port: int, folder: str) -> None:
    """Listen at the address, for as long as this process lives. `folder`: that of the socket."""
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
            sys.stderr.write("[clary] The Clary server cannot be reached: %s.\n" % error.strerror)
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
