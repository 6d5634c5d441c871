"""A Clary server as a user starts it: `clary serve` in its own process and home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from clary.clients import Connection, NotServing, discover, environment

ALIASES = {"*/plain:*": {"interpreter": sys.executable}}
"""`IMAGE` stands for the interpreter that runs the tests: no environment has to be built."""
CACHE = Path(__file__).parents[2] / ".cache"
SHARED = {"CLARY_ENVIRONMENTS": str(CACHE / "images")}
"""Environments are built once for all tests, and kept."""
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/plain:1"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


class Clary:
    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self._settings = {f"CLARY_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.connection: Connection

    def start(self) -> Clary:
        port = getattr(self, "port", 0)
        (self.home.parent / "server.log").touch()
        with (self.home.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "clary", "serve", "--home", str(self.home), "--port", str(port)],
                env={**os.environ, **SHARED, "CLARY_IMAGE_ALIASES": json.dumps(ALIASES), **self._settings},
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                self.connection = discover(self.home)
                break
            except NotServing:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"the server did not start:\n{self.log}") from None
                time.sleep(0.02)
        self.port = int(self.connection.url.rsplit(":", 1)[1])
        return self

    @property
    def log(self) -> str:
        return (self.home.parent / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """As a power cut would: nothing is said before."""
        self._end(signal.SIGKILL)
        # What a dead server leaves; the next start must not be taken for up before it is.
        (self.home / "server.json").unlink(missing_ok=True)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def __enter__(self) -> Clary:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self, service: str, **config: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.connection.url,
            region_name=self.connection.region,
            aws_access_key_id=self.connection.access_key,
            aws_secret_access_key=self.connection.secret_key,
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def environment(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The variables of a user's program, as `clary env` exports them."""
        found = self.connection
        return {**base, **environment(found.url, found.access_key, found.secret_key, found.region, base)}
