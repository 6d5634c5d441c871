"""What a Search request may say beside and within its expression: who sees what, and how often Contains."""

from __future__ import annotations

from collections.abc import Iterable

from clary.api import Document, ServiceError
from clary.domain.search import Both, Compare, Either, Expression, Operator

OFTEN = frozenset(
    {
        "displayname",
        "experimentname",
        "trialname",
        "trialcomponentname",
        "tags",
        "inputartifacts",
        "outputartifacts",
    }
)
"""Members of experiments, trials and trial components, in lower case, for which a request may say Contains more than
once; others only once."""


def visible(conditions: Iterable[Document]) -> Expression | None:
    """VisibilityConditions: what has a tag that they name must have their value."""
    terms: list[Expression] = []
    for item in conditions:
        key = item.get("Key", "")
        if not key.startswith("Tags.") or key == "Tags.":
            raise ServiceError(
                "ValidationException", f"A visibility condition's key must be Tags.<key>, not {key!r}."
            )
        value = Compare(key, Operator.EQUALS, item.get("Value", ""))
        terms.append(Either((Compare(key, Operator.NOT_EXISTS), value)))
    return Both(tuple(terms)) if terms else None


def refuse_contains(document: Document, *, experiments: bool) -> None:
    """Raises ServiceError where Contains is said more often than AWS takes it. `experiments`: the search is for
    experiments, trials or trial components."""
    names = [name.partition(".")[0].lower() for name in _containing(document)]
    if len([name for name in names if not experiments or name not in OFTEN]) > 1:
        raise ServiceError("ValidationException", "'CONTAINS' operator usage limit of 1 exceeded.")


MOST = 200
"""Filters in a search. AWS takes twenty; with some more than this, a store's query has more parts than SQLite takes."""


def refuse_many(document: Document) -> None:
    """Raises ServiceError for more filters than a search can have."""
    if _filters(document) > MOST:
        raise ServiceError("ValidationException", f"A search expression can have at most {MOST} filters.")


def _filters(document: Document) -> int:
    inner = (*document.get("NestedFilters", ()), *document.get("SubExpressions", ()))
    return len(document.get("Filters", ())) + sum(map(_filters, inner))


def _containing(document: Document) -> Iterable[str]:
    """Names of the filters that say Contains, at any depth."""
    for item in document.get("Filters", ()):
        if item.get("Operator") == Operator.CONTAINS.value:
            yield item["Name"]
    for inner in (*document.get("NestedFilters", ()), *document.get("SubExpressions", ())):
        yield from _containing(inner)
