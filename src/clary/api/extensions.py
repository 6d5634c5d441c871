"""Calls that AWS does not have, under /_clary/: authenticated as any call (SigV4, for the service `sagemaker`).

    @extension("GET", "/_clary/metrics")
    def metrics(ctx: Context, asked: Asked) -> Answer: ...

A plain function, run in a thread. It answers a document, which becomes JSON, or an `HttpResponse` of its
own; it refuses by `ServiceError`, which the client sees as a REST-JSON service's error. What is open to all
(`/_clary/health`) is the gateway's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clary.api.context import Context
from clary.api.errors import ServiceError
from clary.wire.messages import Document, HttpResponse

SIGNING_NAME = "sagemaker"


@dataclass(frozen=True, slots=True)
class Asked:
    query: Mapping[str, str]
    """Decoded; of a repeated name, the last."""
    document: Document
    """The JSON body; empty without one."""

    def text(self, name: str) -> str:
        """From the query. Raises ServiceError (`ValidationException`) where it is not given."""
        if not self.query.get(name):
            raise ServiceError("ValidationException", f"The parameter {name} is required.")
        return self.query[name]

    def choice(self, name: str, *options: str) -> str:
        """One of the options, the first where nothing is given. Raises ServiceError."""
        value = self.query.get(name) or options[0]
        if value not in options:
            raise ServiceError(
                "ValidationException", f"{name} must be one of {', '.join(options)}, not {value!r}."
            )
        return value


Answer = Document | HttpResponse
Function = Callable[[Context, Asked], Answer]

_TABLE: dict[str, dict[str, Function]] = {}


def extension(method: str, path: str) -> Callable[[Function], Function]:
    """Answer `method` of exactly `path`, which begins with /_clary/."""
    if not path.startswith("/_clary/"):
        raise LookupError(f"{path} is not under /_clary/")

    def register(function: Function) -> Function:
        if _TABLE.setdefault(path, {}).setdefault(method, function) is not function:
            raise LookupError(f"{method} {path} is answered twice")
        return function

    return register


def methods(path: str) -> Mapping[str, Function]:
    """What answers at a path, by method; empty where nothing does."""
    return _TABLE.get(path, {})
