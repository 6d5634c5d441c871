"""The table of operations: which function answers which operation of which service.

    @operation("sts", "GetCallerIdentity")
    def get_caller_identity(ctx: Context, request: Document) -> Document: ...

A plain function runs in a thread; an `async def` one, for what streams, runs on the edge's loop and must
not block. The request arrives decoded and validated by the model, the answer is encoded by the output
shape, which takes the members it knows. A name that the model does not have fails at import.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from clary.api.context import Context
from clary.wire.messages import Document, HttpRequest, HttpResponse
from clary.wire.models import service as model_of

F = TypeVar("F", bound=Callable[..., Any])

SyncHandler = Callable[[Context, Document], Document | None]
Shortcut = Callable[[Context, HttpRequest], Awaitable[HttpResponse | None]]
AsyncHandler = Callable[[Context, Document], Awaitable[Document | None]]


@dataclass(frozen=True, slots=True)
class Handler:
    service: str
    name: str
    function: Callable[..., Any]
    is_async: bool


_TABLE: dict[tuple[str, str], Handler] = {}
_SHORTCUTS: dict[tuple[str, str], Shortcut] = {}


def operation(service: str, name: str) -> Callable[[F], F]:
    """Answer operation `name` of `service` (botocore's name: `sagemaker`, `sagemaker-runtime`, `s3`, ...)."""
    if name not in model_of(service).operations:
        raise LookupError(f"{service} has no operation {name}")

    def register(function: F) -> F:
        if (service, name) in _TABLE:
            raise LookupError(f"{service}.{name} is answered twice")
        _TABLE[service, name] = Handler(service, name, function, inspect.iscoroutinefunction(function))
        return function

    return register


def shortcut(service: str, name: str) -> Callable[[Shortcut], Shortcut]:
    """Answer the operation's requests as they came where that spares something, or give None: then the operation's
    own function is asked, with the request decoded. Runs on the edge's loop."""

    def register(function: Shortcut) -> Shortcut:
        _SHORTCUTS[service, name] = function
        return function

    return register


def shortcut_of(service: str, name: str) -> Shortcut | None:
    return _SHORTCUTS.get((service, name))


def handler(service: str, name: str) -> Handler | None:
    return _TABLE.get((service, name))


def implemented() -> dict[str, list[str]]:
    """Operations by service, sorted: the reference documentation is made from it."""
    table: dict[str, list[str]] = {}
    for service, name in sorted(_TABLE):
        table.setdefault(service, []).append(name)
    return table
