"""What an operation knows of the call it answers, and what it may reach."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

from clary.api.ahead import Ahead
from clary.api.changes import Changes
from clary.api.routes import Routes
from clary.settings import Settings
from clary.storage.ports import Store, Transaction

if TYPE_CHECKING:
    from clary.storage.objects import ObjectStore


class Principal(Struct, frozen=True):
    """Who calls: `arn:aws:iam::ACCOUNT:root`, `...:user/NAME`, `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`."""

    arn: str
    account: str
    access_key: str = ""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the house stands on; made once, by `clary.app`."""

    settings: Settings
    store: Store
    objects: ObjectStore
    changes: Changes
    routes: Routes = field(default_factory=Routes)
    """Of endpoints that serve."""
    ahead: Ahead = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ahead", Ahead(self.store))


class Context(Struct, frozen=True):
    account: str
    region: str
    principal: Principal
    request_id: str
    now: float
    """Epoch seconds, taken once per call: every time that the call writes is this one."""
    ports: Ports
    user_agent: str = ""

    @property
    def settings(self) -> Settings:
        return self.ports.settings

    @property
    def store(self) -> Store:
        return self.ports.store

    @property
    def objects(self) -> ObjectStore:
        return self.ports.objects

    def begin(self) -> AbstractContextManager[Transaction]:
        return self.store.begin()

    def read(self) -> AbstractContextManager[Transaction]:
        return self.store.read()

    def arn(self, service: str, resource: str) -> str:
        """`arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
