"""Every exception as an error in AWS's form: services' own, the store's, and those that nobody meant.

A 5xx answer is retried by clients, so it is left to what a retry can cure.
"""

from __future__ import annotations

import logging

from clary.api.errors import ServiceError
from clary.storage import ports as storage
from clary.wire.errors import WireError

log = logging.getLogger("clary.gateway")

_CONFLICT = "The resource was changed by another request at the same time. Try again."
_FULL = "The disk that holds Clary's home is full. Free some space, then try again."
_CODES: dict[type[Exception], dict[str, tuple[str, int, str]]] = {
    storage.Conflict: {
        "s3": ("OperationAborted", 409, "A conflicting conditional operation is currently in progress against this"
                                        " resource. Please try again."),
        "iam": ("ConcurrentModification", 409, _CONFLICT),
        "": ("ConflictException", 400, _CONFLICT),
    },
    storage.Exists: {
        "iam": ("EntityAlreadyExists", 409, "The entity exists already."),
        "": ("ResourceInUse", 400, "The resource exists already."),
    },
    storage.Missing: {
        "iam": ("NoSuchEntity", 404, "The entity was not found."),
        "sagemaker": ("ResourceNotFound", 400, "Requested resource not found."),
        "": ("ResourceNotFoundException", 400, "The resource was not found."),
    },
    storage.Full: {
        "s3": ("InsufficientStorage", 400, _FULL),
        "": ("ResourceLimitExceeded", 400, _FULL),
    },
    storage.BadCursor: {
        "s3": ("InvalidArgument", 400, "The continuation token provided is incorrect"),
        "": ("ValidationException", 400, "Invalid pagination token."),
    },
}  # fmt: skip


def as_wire_error(error: Exception, service: str, what: str) -> WireError:
    """`service`: botocore's name. `what`: names the call, for the log."""
    if isinstance(error, WireError):
        return error
    if isinstance(error, ServiceError):
        return WireError(error.code, error.message, error.status, **error.fields)
    for kind, codes in _CODES.items():
        if isinstance(error, kind):
            code, status, message = codes.get(service) or codes[""]
            log.warning("%s: %s: %s", what, type(error).__name__, error)
            return WireError(code, message, status)
    log.error("%s failed", what, exc_info=error)
    if service == "s3":
        return WireError("InternalError", "We encountered an internal error. Please try again.", 500)
    return WireError("InternalFailure", "The request processing has failed because of an unknown error.", 500)


def unsupported(service: str, operation: str) -> WireError:
    """Of an operation that AWS has and Clary has not. Never 501: clients would retry."""
    return WireError(
        "UnsupportedOperation",
        f"Clary does not answer {operation} of {service}. GET /_clary/operations lists the operations that it answers.",
    )


def too_large(service: str, protocol: str) -> WireError:
    if service == "s3":
        return WireError("MaxMessageLengthExceeded", "Your request was too big.")
    suffix = "" if protocol == "query" else "Exception"
    return WireError(f"RequestEntityTooLarge{suffix}", "Request entity is too large.", 413)
