"""Filters as SQL conditions. They say in SQL what `clary.domain.search_match` says of one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, exists, false, func, or_, select, true
from sqlalchemy.ext.compiler import compiles

from clary.domain.properties import NO_NUMBER, OUTSIDE, number_of
from clary.domain.search import Both, Compare, Either, Expression, Nested, Operator
from clary.domain.search_match import compares_as_number, wanted_values
from clary.storage.sql.names import Names
from clary.storage.sql.schema import properties, property_names, resources
from clary.storage.sql.session import Session

Condition = ColumnElement[bool]

COLUMNS: dict[str, Column[Any]] = {
    "Name": resources.c.name,
    "Status": resources.c.status,
    "Arn": resources.c.arn,
    "ParentArn": resources.c.parent,
    "CreationTime": resources.c.created,
    "LastModifiedTime": resources.c.modified,
}
"""Properties that are columns of `resources`."""
_NUMERIC = frozenset({"CreationTime", "LastModifiedTime"})
_ORDER: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.GREATER_THAN: gt,
    Operator.GREATER_THAN_OR_EQUAL_TO: ge,
    Operator.LESS_THAN: lt,
    Operator.LESS_THAN_OR_EQUAL_TO: le,
}


def mentions_metrics(where: Expression | None) -> bool:
    if isinstance(where, Compare):
        return where.property.startswith("Metrics.")
    return where is not None and any(mentions_metrics(term) for term in where.terms)


class Unindexed(ColumnElement[Any]):
    """A column in a probe of a single resource. SQLite would rather range over all values of the property,
    having no statistics that tell it better; `+column` keeps its index out."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(Unindexed)
def _plain(element: Unindexed, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.column, **options))


@compiles(Unindexed, "sqlite")
def _sqlite(element: Unindexed, compiler: Any, **options: Any) -> str:
    return f"+{_plain(element, compiler, **options)}"


class Filter:
    """Compiles for a query's scopes. A name that no resource has compiles to nothing found."""

    def __init__(self, session: Session, names: Names, scopes: Sequence[int]) -> None:
        self._session, self._names, self._scopes = session, names, scopes

    def condition(self, where: Expression | None, id: ColumnElement[int]) -> Condition:
        """Of the resource with this id, whose row is in the statement."""
        if where is None:
            return true()
        if isinstance(where, Compare):
            if where.property in COLUMNS:
                return _on_column(where)
            if where.operator is Operator.NOT_EXISTS:
                return ~self.has(where.property, id)
            return self._exists(where, id)
        if isinstance(where, Nested):
            return self._nested(where, id)
        terms = [self.condition(term, id) for term in where.terms]
        if isinstance(where, Both):
            return and_(true(), *terms)
        assert isinstance(where, Either)
        return or_(false(), *terms)

    def has(self, name: str, id: ColumnElement[int]) -> Condition:
        return self._exists(Compare(name, Operator.EXISTS), id)

    def ids(self, term: Compare) -> Select[Any]:
        """Ids of the resources for which a term (not `NotExists`) holds."""
        if term.property in COLUMNS:
            return select(resources.c.id).where(resources.c.scope.in_(self._scopes), _on_column(term))
        row = properties.alias()
        return select(row.c.resource).where(
            self._named(row, term.property), _on_row(row.c.number, row.c.text, term)
        )

    def among(self, column: ColumnElement[Any], ids: Sequence[int]) -> Condition:
        return column == ids[0] if len(ids) == 1 else column.in_(ids) if ids else false()

    def _named(self, row: Any, name: str) -> Condition:
        return self.among(row.c.name, self._names.names(self._session, self._scopes, name))

    def _exists(self, term: Compare, id: ColumnElement[int]) -> Condition:
        row = properties.alias()
        return exists().where(
            row.c.resource == id,
            self._named(row, term.property),
            _on_row(Unindexed(row.c.number), Unindexed(row.c.text), term),
        )

    def _nested(self, where: Nested, id: ColumnElement[int]) -> Condition:
        element = properties.alias()
        under = select(property_names.c.id).where(
            property_names.c.scope.in_(self._scopes),
            or_(
                property_names.c.name == where.property,
                and_(
                    property_names.c.name >= f"{where.property}.",
                    property_names.c.name < f"{where.property}/",
                ),
            ),
        )
        terms = [self._of_element(term, element) for term in where.terms]
        return exists().where(
            element.c.resource == id, element.c.element != OUTSIDE, element.c.name.in_(under), *terms
        )

    def _of_element(self, term: Compare, element: Any) -> Condition:
        row = properties.alias()
        at = (
            row.c.resource == element.c.resource,
            self._named(row, term.property),
            row.c.element == element.c.element,
        )
        if term.operator is Operator.NOT_EXISTS:
            return ~exists().where(*at)
        return exists().where(*at, _on_row(Unindexed(row.c.number), Unindexed(row.c.text), term))


def _on_row(number: ColumnElement[Any], text: ColumnElement[Any], term: Compare) -> Condition:
    """Of one row of `properties`."""
    operator, value = term.operator, term.value
    if operator is Operator.EXISTS:
        return true()
    if operator in (Operator.EQUALS, Operator.IN):
        return or_(false(), *(_equals(number, text, term.property, wanted) for wanted in wanted_values(term)))
    if operator is Operator.NOT_EQUALS:
        return ~or_(
            false(), *(_equals(number, text, term.property, wanted) for wanted in wanted_values(term))
        )
    is_text = or_(number == NO_NUMBER, text != "")
    if operator is Operator.CONTAINS:
        return and_(is_text, func.instr(text, value) > 0) if isinstance(value, str) else false()
    compare = _ORDER[operator]
    wanted = number_of(value) if isinstance(value, str) else value
    if isinstance(wanted, (int, float)):
        return and_(number > NO_NUMBER, compare(number, float(wanted)))
    return and_(is_text, compare(text, value))


def _equals(
    number: ColumnElement[Any], text: ColumnElement[Any], name: str, wanted: str | float
) -> Condition:
    texts: tuple[str, ...] = ("",)
    if isinstance(wanted, str):
        as_number = number_of(wanted)
        if as_number is None:
            return and_(number == NO_NUMBER, text == wanted)
        texts = ("", wanted)
    else:
        as_number = float(wanted)
    if compares_as_number(name):
        return and_(number == as_number)
    return and_(number == as_number, text.in_(texts))


def _on_column(term: Compare) -> Condition:
    column = COLUMNS[term.property]
    operator, value = term.operator, term.value
    numeric = term.property in _NUMERIC
    if operator is Operator.EXISTS:
        return column.is_not(None)
    if operator is Operator.NOT_EXISTS:
        return column.is_(None)
    if operator in (Operator.EQUALS, Operator.IN, Operator.NOT_EQUALS):
        wanted = [_as(numeric, one) for one in wanted_values(term)]
        equals = or_(false(), *(column == one for one in wanted if one is not None))
        return and_(column.is_not(None), ~equals) if operator is Operator.NOT_EQUALS else equals
    if operator is Operator.CONTAINS:
        return func.instr(column, value) > 0 if isinstance(value, str) and not numeric else false()
    if isinstance(value, str) and not numeric and number_of(value) is not None:
        return false()
    one = None if isinstance(value, tuple) else _as(numeric, value)
    condition: Condition = false() if one is None else _ORDER[operator](column, one)
    return condition


def _as(numeric: bool, value: str | float | None) -> str | float | None:
    """The value as the column's type; None for one that equals none of its values."""
    if isinstance(value, str):
        return number_of(value) if numeric else value
    return float(value) if numeric and value is not None else None
