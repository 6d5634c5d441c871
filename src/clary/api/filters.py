"""The filters of a List request, by the names that all List operations use for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clary.domain.search import Both, Compare, Expression, Operator

_COMPARED: Mapping[str, tuple[str, Operator]] = {
    "NameContains": ("Name", Operator.CONTAINS),
    "StatusEquals": ("Status", Operator.EQUALS),
    "WarmPoolStatusEquals": ("WarmPoolStatus.Status", Operator.EQUALS),
    "CreationTimeAfter": ("CreationTime", Operator.GREATER_THAN),
    "CreationTimeBefore": ("CreationTime", Operator.LESS_THAN),
    "CreatedAfter": ("CreationTime", Operator.GREATER_THAN),
    "CreatedBefore": ("CreationTime", Operator.LESS_THAN),
    "LastModifiedTimeAfter": ("LastModifiedTime", Operator.GREATER_THAN),
    "LastModifiedTimeBefore": ("LastModifiedTime", Operator.LESS_THAN),
}
_PAGING = {"NextToken", "MaxResults", "SortBy", "SortOrder"}


def list_filter(request: Mapping[str, Any]) -> Expression | None:
    """The members of a List request as an expression. `XEquals` asks for property X."""
    terms: list[Expression] = []
    for member, value in request.items():
        if member in _COMPARED:
            name, operator = _COMPARED[member]
            terms.append(Compare(name, operator, value))
        elif member not in _PAGING and member.endswith("Equals"):
            terms.append(Compare(member.removesuffix("Equals"), Operator.EQUALS, value))
    return Both(tuple(terms)) if terms else None


def both(terms: Iterable[Expression | None]) -> Expression | None:
    """All terms that are there hold; None when none is."""
    given = tuple(term for term in terms if term is not None)
    return None if not given else given[0] if len(given) == 1 else Both(given)
