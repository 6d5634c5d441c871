"""What an author of a service sees: `@operation`, `Context`, `Kind`, `ServiceError`."""

from clary.api.changes import Changes
from clary.api.context import Context, Ports, Principal
from clary.api.errors import ServiceError
from clary.api.extensions import Answer, Asked, extension
from clary.api.kind import Kind
from clary.api.operations import operation
from clary.wire.messages import Document

__all__ = [
    "Answer",
    "Asked",
    "Changes",
    "Context",
    "Document",
    "Kind",
    "Ports",
    "Principal",
    "ServiceError",
    "extension",
    "operation",
]
