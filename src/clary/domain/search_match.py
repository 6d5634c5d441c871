"""Whether a resource's properties meet a search expression. Pure; the definition that stores agree with.

- A property can have several values (see `properties`); a comparison holds when it holds for one of them.
  So NotEquals asks for a value that differs, and a resource without the property meets NotExists only.
- Equals is exact for texts, letters' case included. A filter value that reads as a number equals the
  number. Hyperparameters, which AWS keeps as texts, compare as numbers where both sides read as one.
- Greater and less compare numbers when the filter value reads as one, with the properties that are or
  read as numbers; otherwise texts by code point. Contains is a substring of a text, case included. (AWS
  documents no case rule; the names that it compares are kept with their case.)
- Nested holds when one element of a list meets all its comparisons, among the elements that have a value
  at or under its property.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any

from clary.domain.properties import NO_NUMBER, OUTSIDE, Value, number_of
from clary.domain.search import Both, Compare, Either, Expression, Nested, Operator

_ORDER: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.GREATER_THAN: gt,
    Operator.GREATER_THAN_OR_EQUAL_TO: ge,
    Operator.LESS_THAN: lt,
    Operator.LESS_THAN_OR_EQUAL_TO: le,
}


def compares_as_number(name: str) -> bool:
    """Whether texts of this property that read as numbers equal other spellings of the same number."""
    return name.startswith("HyperParameters.")


def wanted_values(term: Compare) -> tuple[str | float, ...]:
    """What an Equals, NotEquals or In compares with."""
    if isinstance(term.value, tuple):
        return term.value
    return () if term.value is None else (term.value,)


def matches(where: Expression | None, properties: Mapping[str, Sequence[Value]]) -> bool:
    if where is None:
        return True
    if isinstance(where, Compare):
        return _compare(where, properties.get(where.property, ()))
    if isinstance(where, Both):
        return all(matches(term, properties) for term in where.terms)
    if isinstance(where, Either):
        return any(matches(term, properties) for term in where.terms)
    return any(_element(where, properties, element) for element in _elements(where, properties))


def _elements(where: Nested, properties: Mapping[str, Sequence[Value]]) -> set[int]:
    return {
        value.element
        for name, values in properties.items()
        if name == where.property or name.startswith(f"{where.property}.")
        for value in values
        if value.element != OUTSIDE
    }


def _element(where: Nested, properties: Mapping[str, Sequence[Value]], element: int) -> bool:
    return all(
        _compare(term, [value for value in properties.get(term.property, ()) if value.element == element])
        for term in where.terms
    )


def _compare(term: Compare, values: Iterable[Value]) -> bool:
    if term.operator is Operator.NOT_EXISTS:
        return not list(values)
    return any(_holds(term, value) for value in values)


def _holds(term: Compare, value: Value) -> bool:
    operator, wanted = term.operator, term.value
    if operator is Operator.EXISTS:
        return True
    if operator in (Operator.EQUALS, Operator.IN):
        return any(_equals(term.property, value, one) for one in wanted_values(term))
    if operator is Operator.NOT_EQUALS:
        return not any(_equals(term.property, value, one) for one in wanted_values(term))
    if operator is Operator.CONTAINS:
        return isinstance(wanted, str) and value.is_text and wanted in value.text
    number = number_of(wanted) if isinstance(wanted, str) else wanted
    if isinstance(number, (int, float)):
        return value.number != NO_NUMBER and _ORDER[operator](value.number, number)
    return isinstance(wanted, str) and value.is_text and _ORDER[operator](value.text, wanted)


def _equals(name: str, value: Value, wanted: str | float) -> bool:
    if isinstance(wanted, str):
        number = number_of(wanted)
        if value.is_text and value.text == wanted:
            return True
    else:
        number = wanted
    if number is None or value.number != number:
        return False
    return not value.is_text or compares_as_number(name)
