"""Tags as requests carry them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clary.api.errors import ServiceError

RESERVED = "aws:"
"""No key of a user's begins so, in any case of letters."""


def given_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """A request's list of tags by key. Raises ServiceError (`ValidationException`) for a key that is there twice or
    that is reserved."""
    found: dict[str, str] = {}
    for tag in tags:
        key = tag["Key"]
        if key in found:
            raise ServiceError(
                "ValidationException", "Duplicate tag keys found. Each tag key must be unique."
            )
        if key.lower().startswith(RESERVED):
            raise ServiceError(
                "ValidationException", f"Tag keys that start with '{RESERVED}' are reserved: {key}"
            )
        found[key] = tag["Value"]
    return found
