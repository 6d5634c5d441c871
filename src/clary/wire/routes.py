"""Which operation of a service a request names, and in which protocol.

- json: `X-Amz-Target: Prefix.Operation`; cbor: `/service/Prefix/operation/Operation` with `smithy-protocol`.
- query: `Action=Operation`, in the body's form or the URL's query.
- REST: method, path and the literal queries of the model (`?uploads`, `?list-type=2`). Where several operations
  fit, the most specific wins: more literal path segments, then more literal queries, then all of its required
  query values and headers there (`uploadId`, `x-amz-copy-source`), then the more of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from clary.wire.bodies import structured
from clary.wire.compiled import compiled
from clary.wire.errors import Malformed
from clary.wire.messages import HttpRequest
from clary.wire.models import Operation, Service
from clary.wire.read_http import Template

HINT = "x-id"
"""A query that newer clients send to name the operation for logs; it is not part of the address."""

_ACTION = re.compile(r"(?:^|&)Action=(\w+)")


@dataclass(frozen=True, slots=True)
class Match:
    operation: Operation
    protocol: str


def find(service: Service, request: HttpRequest) -> Match | None:
    """None when the request names no operation of this service."""
    table = _table(service)
    if table.protocols & {"rest-json", "rest-xml"}:
        return table.rest(request)
    name = protocol = None
    if "json" in table.protocols and (target := request.headers.get("x-amz-target")):
        prefix, _, name = target.rpartition(".")
        protocol = "json" if prefix == table.target_prefix else None
    elif "smithy-rpc-v2-cbor" in table.protocols and "smithy-protocol" in request.headers:
        parts = request.path.split("/")
        if len(parts) >= 5 and parts[-4] == "service" and parts[-2] == "operation":
            name = parts[-1] if parts[-3] == table.target_prefix else None
        protocol = "smithy-rpc-v2-cbor"
    elif "query" in table.protocols:
        found = _ACTION.search(request.query)
        if found is None and isinstance(request.body, bytes):
            found = _ACTION.search(_form(request))
        name = found and found[1]
        protocol = "query"
    operation = None if name is None else service.operations.get(name)
    return None if operation is None or protocol is None else Match(operation, protocol)


def _form(request: HttpRequest) -> str:
    try:
        return structured(request).decode("latin-1")
    except Malformed:
        return ""


class _Route:
    """An operation's address, as the model gives it."""

    def __init__(self, operation: Operation, protocol: str) -> None:
        http = operation.model.http
        self.match = Match(operation, protocol)
        path, _, query = http["requestUri"].partition("?")
        self.path = path
        self.literals = {
            name: value for name, value in parse_qsl(query, keep_blank_values=True) if name != HINT
        }
        shape = operation.input
        required = (
            [] if shape is None else [(n, shape.members[n].serialization) for n in shape.required_members]
        )
        self.queries = [s["name"] for _, s in required if s.get("location") == "querystring"]
        self.headers = [s["name"].lower() for _, s in required if s.get("location") == "header"]
        self.deprecated = bool(operation.model.deprecated)

    def fit(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, ...] | None:
        """How specifically this address fits; None when it does not."""
        for name, value in self.literals.items():
            if name not in query or (value and query[name] != value):
                return None
        there = all(name in query for name in self.queries) and all(name in headers for name in self.headers)
        wanted = len(self.queries) + len(self.headers)
        return len(self.literals), wanted if there else -1, not self.deprecated


class _Table:
    def __init__(self, service: Service) -> None:
        metadata = service.model.metadata
        self.protocols = frozenset(metadata.get("protocols") or [metadata["protocol"]])
        self.target_prefix = metadata.get("targetPrefix")
        rest = next((p for p in ("rest-json", "rest-xml") if p in self.protocols), None)
        by_path: dict[str, dict[str, list[_Route]]] = {}
        if rest is not None:
            for operation in service.operations.values():
                route = _Route(operation, rest)
                by_path.setdefault(route.path, {}).setdefault(operation.model.http["method"], []).append(
                    route
                )
        self._plain = {
            (method, path): routes[0].match
            for path, methods in by_path.items()
            if "{" not in path
            for method, routes in methods.items()
            if len(routes) == 1 and not routes[0].literals
        }
        """Operations that have a method and a path without labels to themselves."""
        # Literal segments first: `/WriteGetObjectResponse` is no bucket.
        self._paths = [
            (Template(path), methods)
            for path, methods in sorted(by_path.items(), key=lambda item: _order(item[0]))
        ]

    def rest(self, request: HttpRequest) -> Match | None:
        plain = self._plain.get((request.method, request.path))
        if plain is not None:
            return plain
        query = dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {}
        for template, methods in self._paths:
            routes = methods.get(request.method)
            if routes is None or not template.fits(request.path):
                continue
            best: tuple[tuple[int, ...], _Route] | None = None
            for route in routes:
                fit = route.fit(query, request.headers)
                if fit is not None and (best is None or fit > best[0]):
                    best = fit, route
            if best is not None:
                return best[1].match
        return None


def _order(path: str) -> list[int]:
    """Segment by segment: a literal before a label, a label before a greedy one."""
    return [2 if part.endswith("+}") else 1 if part.startswith("{") else 0 for part in path.split("/")]


@compiled
def _table(service: Service) -> _Table:
    return _Table(service)
