"""What an author of a service sees: `@operation`, `Context`, `Kind`, `ServiceError`."""

from clary.api.context import Context, Principal
from clary.api.errors import ServiceError
from clary.api.kind import Kind
from clary.api.operations import operation
from clary.wire.messages import Document

__all__ = ["Context", "Document", "Kind", "Principal", "ServiceError", "operation"]
