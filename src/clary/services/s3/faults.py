"""S3's errors: code, status and message as AWS documents them, and the one place where they are made.

Source: "Error responses" in the Amazon S3 API reference. A full disk is no error that AWS knows; it is
answered as 400 `InsufficientStorage`, because clients retry a 5xx for minutes and a full disk stays full.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from clary.api.context import Context
from clary.api.errors import ServiceError
from clary.api.operations import operation
from clary.storage.blobs import NoSpace
from clary.storage.objects import NoSuchBucket, NoSuchKey
from clary.wire.messages import Document

F = TypeVar("F", bound=Callable[..., Any])

_KNOWN: dict[str, tuple[int, str]] = {
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs"),
    "AccessDenied": (403, "Access Denied"),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAlreadyOwnedByYou": (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "BucketAlreadyExists": (
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users of "
        "the system. Please select a different name and try again.",
    ),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "IllegalLocationConstraintException": (
        400,
        "The unspecified location constraint is incompatible for the region specific endpoint this "
        "request was sent to.",
    ),
    "IncompleteBody": (
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    ),
    "InsufficientStorage": (
        400,
        "The disk that holds Clary's objects is full. Nothing was kept; free some space and try again.",
    ),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
    "InvalidPart": (
        400,
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
        "specified entity tag may not match the part's entity tag.",
    ),
    "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
    "InvalidPartOrder": (
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidTag": (400, "The tag provided was not a valid tag."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedXML": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size"),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed.",
    ),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
    "NotModified": (304, "Not Modified"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "UnsupportedOperation": (400, "Clary does not implement this."),
}


def fault(code: str, message: str | None = None, **fields: Any) -> ServiceError:
    """The error of this code. Raises `KeyError` for one that is not in the table."""
    status, text = _KNOWN[code]
    return ServiceError(code, message or text, status, **fields)


def answers(name: str) -> Callable[[F], F]:
    """`@operation("s3", NAME)`, with what the storage raises told in S3's words."""

    def register(function: F) -> F:
        wrapped: Any
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def wrapped(ctx: Context, request: Document) -> Any:
                with _told(request):
                    return await function(ctx, request)
        else:

            @wraps(function)
            def wrapped(ctx: Context, request: Document) -> Any:
                with _told(request):
                    return function(ctx, request)

        operation("s3", name)(wrapped)
        return function

    return register


@contextmanager
def _told(request: Document) -> Iterator[None]:
    bucket, key = request.get("Bucket"), request.get("Key")
    try:
        try:
            yield
        except NoSuchBucket as error:
            raise fault("NoSuchBucket", BucketName=error.bucket) from error
        except NoSuchKey as error:
            raise fault("NoSuchKey", Key=error.key) from error
        except NoSpace as error:
            raise fault("InsufficientStorage") from error
    except ServiceError as error:
        if bucket is not None:
            error.fields.setdefault("BucketName", bucket)
            error.fields.setdefault("Resource", f"/{bucket}/{key}" if key is not None else f"/{bucket}")
        if key is not None:
            error.fields.setdefault("Key", key)
        raise
