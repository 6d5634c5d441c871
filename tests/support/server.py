"""A gateway on a free port, in a thread, for tests that speak to it as clients do.

    with running(ports, ["sts", "iam"]) as server:
        server.client("sts").get_caller_identity()

`ports_in(tmp_path)` makes what it stands on: a SQLite store and objects in a folder. The root's key is made by
`clary.services.iam.bootstrap`; boto3's clients neither retry nor look at the environment's configuration.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.loaders import Loader, create_loader

from clary.api import Changes, Ports
from clary.gateway import Gateway
from clary.gateway.server import Server, listen
from clary.services import iam
from clary.settings import Settings
from clary.storage.ports import Key

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True)
class Running:
    """A server that listens at `url`, and its root's key."""

    url: str
    ports: Ports
    key: Key

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def credentials(self) -> Credentials:
        """For botocore's signers."""
        return Credentials(self.key.id, self.key.secret, self.key.token)

    def client(self, name: str, key: Key | None = None, config: Config | None = None, **options: Any) -> Any:
        """A boto3 client that acts with the root's key, or another. Its connections are closed by the garbage
        collector at the latest; use one client for many calls."""
        key = key or self.key
        once = Config(retries={"total_max_attempts": 1}, max_pool_connections=64)
        core = botocore.session.Session()
        core.register_component("data_loader", _models())
        session = boto3.session.Session(
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            aws_session_token=key.token,
            region_name=REGION,
            botocore_session=core,
        )
        return session.client(
            name, endpoint_url=self.url, config=once.merge(config) if config else once, **options
        )


@cache
def _models() -> Loader:
    """botocore's models, parsed once for all clients: most of the time that it takes to make one."""
    return create_loader()


def ports_in(home: Path, **settings: Any) -> Ports:
    """A store and objects in this folder; close `ports.store` when done."""
    from clary.storage.blobs import FileBlobs
    from clary.storage.objects import ObjectStore
    from clary.storage.sql import open_store

    home.mkdir(parents=True, exist_ok=True)
    kept = Settings(home=home, account=ACCOUNT, **settings)
    store = open_store(kept.database)
    return Ports(kept, store, ObjectStore(store, FileBlobs(home / "objects")), Changes())


@contextmanager
def running(
    ports: Ports, services: Sequence[str], wrap: Callable[[Any], Any] | None = None, **options: Any
) -> Iterator[Running]:
    """`options` go to `Gateway` (`clock`, `extensions`); `wrap` may put another ASGI application round it."""
    key = iam.bootstrap(ports)
    gateway = Gateway(ports, services, **options)
    listening = threading.Event()
    found: list[int] = []

    def ready(port: int) -> None:
        found.append(port)
        listening.set()

    server = Server(wrap(gateway) if wrap else gateway, listen("127.0.0.1", 0), ready)
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    try:
        if not listening.wait(30):
            raise RuntimeError("The server did not start.")
        yield Running(f"http://127.0.0.1:{found[0]}", ports, key)
    finally:
        server.should_exit = True
        thread.join(30)
        gateway.close()
