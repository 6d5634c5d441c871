"""Where a page of associations or of a graph's entities ended: the NextToken of lineage's own listings."""

from __future__ import annotations

import base64
import json
from typing import Any

from clary.api import Document, ServiceError
from clary.storage.ports import EdgePlace


def edge(request: Document, *, typed: bool) -> EdgePlace | None:
    """When the last association of the page before was made, and its ends; behind the type that it is sorted by, where
    it is `typed`. Raises ServiceError."""
    if "NextToken" not in request:
        return None
    match _untoken(request["NextToken"]):
        case [int() | float() as created, str() as source, str() as destination] if not typed:
            return created, source, destination
        case [str() as kind, int() | float() as created, str() as source, str() as destination] if typed:
            return kind, created, source, destination
    raise _bad_token()


def start(request: Document) -> int:
    """The place of the page's first item in a list that is made again for each page."""
    found = _untoken(request["NextToken"]) if "NextToken" in request else 0
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise _bad_token()
    return found


def token(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _untoken(text: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(text))
    except ValueError:
        raise _bad_token() from None


def _bad_token() -> ServiceError:
    return ServiceError("ValidationException", "Invalid pagination token: NextToken.")
