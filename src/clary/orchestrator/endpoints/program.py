"""A container whose image has a server of its own (`images.ports.Server`): what the engine is told of it.

In the sandbox such a program has a network for itself, so that any number of them listen on port 8080 of one machine.
It reaches the Clary server, if the model is not isolated, and nobody else. Without a sandbox, or where the image's
alias says `network = "host"`, it has the machine's network, and its port from SAGEMAKER_BIND_TO_PORT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from clary.engines import TOOLKIT
from clary.engines.ports import Mount
from clary.images.ports import Server

FOLDER = "/opt/program"
"""Where the image's files are seen, as in AWS's examples of images of one's own."""
PORT = 8080
LANES = 16
"""Requests that a program has at a time; others wait in line."""
REACH = "CLARY_SERVE_REACH"
"""The variable with the Clary server's address, where the program has to be helped to reach it (`reach`)."""
LOCAL = {"127.0.0.1", "localhost"}


@dataclass(frozen=True, slots=True)
class Program:
    server: Server
    alone: bool
    """Whether it has a network for itself."""
    isolated: bool
    """Whether it may reach nobody, the Clary server included (EnableNetworkIsolation)."""

    @property
    def argv(self) -> tuple[str, ...]:
        return (f"{TOOLKIT}/serve_program.py", *self.server.command)

    @property
    def mounts(self) -> tuple[Mount, ...]:
        return (Mount(self.server.folder, FOLDER),) if self.server.folder else ()

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """Beside `env`, or instead."""
        found = {"PATH": f"{FOLDER}:{env['PATH']}"} if self.server.folder else {}
        if self.alone:
            found["CLARY_SERVE_PORT"] = str(PORT)
            server = urlsplit(env.get("AWS_ENDPOINT_URL", ""))
            if not self.isolated and server.hostname in LOCAL and server.port:
                found[REACH] = f"127.0.0.1:{server.port}"
        return found

    @property
    def advice(self) -> str:
        """For a program that does not answer."""
        where = f"port {PORT}" if self.alone else "the port that SAGEMAKER_BIND_TO_PORT names"
        return (
            f"The program `{' '.join(self.server.command)}` must answer GET /ping with status 200 on {where}, at all "
            "addresses or at 127.0.0.1"
        )
