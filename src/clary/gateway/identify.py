"""Which service a request is for, and where its bucket stands.

The signing name in the credential scope decides; an unsigned request, or one with a signature of version 2,
is told by its X-Amz-Target, its host and what its form asks for. A signing name can cover several of botocore's services
(`sagemaker` covers four): the target's prefix picks one, or else the one whose routes know the request.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from clary.wire import models
from clary.wire.messages import HttpRequest
from clary.wire.models import Service

_BUCKET_HOST = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.\-_]*)\."
    r"(?:s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
    r"|s3(?:[.-][a-z0-9-]+)?\.localhost(?:\.localdomain)?|localhost)",
    re.IGNORECASE,
)
_NOT_A_BUCKET = re.compile(r"s3(?:[.-][a-z0-9-]+)?", re.IGNORECASE)
FORM = "application/x-www-form-urlencoded"


class Directory:
    """The services that this edge knows, by what a request says of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.services = tuple(models.service(name) for name in names)
        self._signing: Mapping[str, Sequence[Service]] = _group(self.services, "signingName")
        self._targets = {
            service.model.metadata["targetPrefix"]: service
            for service in self.services
            if "targetPrefix" in service.model.metadata
        }
        targets = self._targets.values()
        self._untargeted = {
            name: [service for service in services if service not in targets]
            for name, services in self._signing.items()
        }
        """Those that no target names, by signing name."""
        self._hosts = {service.model.endpoint_prefix: service for service in self.services}

    def signed_for(self, name: str, request: HttpRequest) -> Sequence[Service]:
        """Candidates for a request signed for `name`; none if this edge does not know it."""
        services = self._signing.get(name, ())
        if len(services) < 2:
            return services
        target = self._target(request)
        if target is not None:
            return [target] if target in services else ()
        return services if request.path in ("", "/") else self._untargeted[name]

    def unsigned(self, request: HttpRequest) -> Sequence[Service]:
        """What a request without a scope seems to be for, by its target or its host; none if neither tells."""
        target = self._target(request)
        if target is not None:
            return (target,)
        host = request.headers.get("host", "").lower()
        return [service for prefix, service in self._hosts.items() if host.startswith(f"{prefix}.")][:1]

    def _target(self, request: HttpRequest) -> Service | None:
        target = request.headers.get("x-amz-target")
        return None if target is None else self._targets.get(target.rpartition(".")[0])


def _group(services: Iterable[Service], name: str) -> Mapping[str, Sequence[Service]]:
    groups: defaultdict[str, list[Service]] = defaultdict(list)
    for service in services:
        groups[service.model.metadata.get(name) or service.model.endpoint_prefix].append(service)
    return groups


def path_style(path: str, host: str) -> str:
    """The path with its bucket in front, where the host names the bucket (`bucket.s3.us-east-1.amazonaws.com`)."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    match = _BUCKET_HOST.fullmatch(name)
    if match is None or _NOT_A_BUCKET.fullmatch(match["bucket"]):
        return path
    return f"/{match['bucket']}{path}"


def form_error_protocol(request: HttpRequest) -> str:
    """How to answer a request that no service can be named for: in XML to a form, else in JSON."""
    return "query" if request.headers.get("content-type", "").startswith(FORM) else "json"
