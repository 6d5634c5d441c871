"""What hypothesis' state machines of the services stand on: operations called as the gateway calls them, over a SQLite
store in a folder of its own, with a clock that goes on by a second a call."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine
from tests.support.server import ACCOUNT, REGION, ports_in

from clary.api import Context, Document, Principal, ServiceError
from clary.api.operations import handler


class Services:
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.ports = ports_in(Path(self.folder.name))
        self.now = 1_700_000_000.0

    def close(self) -> None:
        self.ports.store.close()
        self.folder.cleanup()

    @property
    def context(self) -> Context:
        root = Principal(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
        return Context(ACCOUNT, REGION, root, "id", self.now, self.ports)

    def call(self, name: str, service: str = "sagemaker", **request: Any) -> Document:
        self.now += 1
        found = handler(service, name)
        assert found is not None
        answer: Any = found.function(self.context, request)
        return (asyncio.run(answer) if found.is_async else answer) or {}


class Machine(Services, RuleBasedStateMachine):
    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        Services.__init__(self)

    def teardown(self) -> None:
        self.close()

    def accepted(self, expected: bool, name: str, service: str = "sagemaker", **request: Any) -> bool:
        """Calls; whether it is refused must be as expected."""
        return self.permitted(expected, lambda: self.call(name, service, **request), name)

    def permitted(self, expected: bool, action: Callable[[], Any], name: str) -> bool:
        refusal: ServiceError | None = None
        try:
            action()
        except ServiceError as error:
            refusal = error
        assert (refusal is None) == expected, refusal or f"{name} should have been refused"
        if refusal is not None:
            assert refusal.code in ("ValidationException", "ResourceNotFound", "ResourceNotFoundException")
        return refusal is None
