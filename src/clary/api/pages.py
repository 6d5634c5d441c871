"""Everything that a query finds, a page of documents at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from clary.storage.ports import Query, Resource, Transaction

PAGE = 1000
"""Resources held at a time."""


def pages(tx: Transaction, query: Query, limit: int | None = None) -> Iterator[Sequence[Resource]]:
    """At most `limit` resources; all where it is None. The query's own limit does not count."""
    left = limit
    while left is None or left > 0:
        page = tx.resources.list(replace(query, limit=PAGE if left is None else min(PAGE, left)))
        yield page.items
        if page.cursor is None:
            return
        left = None if left is None else left - len(page.items)
        query = replace(query, cursor=page.cursor)
