"""Filters' forms as SQL conditions. They say in SQL what `clary.domain.search_match` says of one document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.compiler import compiles

from clary.domain.properties import NO_NUMBER, OUTSIDE
from clary.domain.search import Operator
from clary.domain.search_match import compares_as_number
from clary.storage.sql.forms import Element, Form, Group, Slot, Term
from clary.storage.sql.schema import properties, property_names, resources

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
    """Compiles for a query's scopes; `ids` are the numbers of the properties' names in them. A name that no
    resource has compiles to nothing found."""

    def __init__(self, scopes: Sequence[int], ids: Mapping[str, Sequence[int]]) -> None:
        self._scopes, self._ids = scopes, ids

    def condition(self, form: Form | None, id: ColumnElement[int]) -> Condition:
        """Of the resource with this id, whose row is in the statement."""
        if form is None:
            return true()
        if isinstance(form, Term):
            if form.path in COLUMNS:
                return _on_column(form)
            if form.operator is Operator.NOT_EXISTS:
                return ~self.has(form.path, id)
            return self._exists(form, id)
        if isinstance(form, Element):
            return self._nested(form, id)
        terms = [self.condition(term, id) for term in form.terms]
        return and_(true(), *terms) if form.every else or_(false(), *terms)

    def has(self, name: str, id: ColumnElement[int]) -> Condition:
        return self._exists(Term(name, Operator.EXISTS, ()), id)

    def ids(self, form: Form) -> Select[Any] | CompoundSelect[Any]:
        """Ids, some perhaps repeated, of the resources for which a driver holds (see `is_driver`)."""
        found = list(self._ids_of(form))
        return found[0] if len(found) == 1 else union_all(*found)

    def _ids_of(self, form: Form) -> Iterator[Select[Any]]:
        """One statement a term: SQLite knows no parentheses round those that it unites."""
        if isinstance(form, Group):
            for term in form.terms:
                yield from self._ids_of(term)
            return
        assert isinstance(form, Term)
        if form.path in COLUMNS:
            yield select(resources.c.id).where(resources.c.scope.in_(self._scopes), _on_column(form))
            return
        row = properties.alias()
        yield select(row.c.resource).where(
            self.named(row, form.path), _on_row(row.c.number, row.c.text, form)
        )

    def named(self, row: Any, name: str) -> Condition:
        ids = self._ids.get(name, ())
        return row.c.name == ids[0] if len(ids) == 1 else row.c.name.in_(ids) if ids else false()

    def _exists(self, term: Term, id: ColumnElement[int]) -> Condition:
        row = properties.alias()
        return exists().where(
            row.c.resource == id,
            self.named(row, term.path),
            _on_row(Unindexed(row.c.number), Unindexed(row.c.text), term),
        )

    def _nested(self, form: Element, id: ColumnElement[int]) -> Condition:
        element = properties.alias()
        under = select(property_names.c.id).where(
            property_names.c.scope.in_(self._scopes),
            or_(
                property_names.c.name == form.path,
                and_(property_names.c.name >= f"{form.path}.", property_names.c.name < f"{form.path}/"),
            ),
        )
        terms = [self._of_element(term, element) for term in form.terms]
        return exists().where(
            element.c.resource == id, element.c.element != OUTSIDE, element.c.name.in_(under), *terms
        )

    def _of_element(self, term: Term, element: Any) -> Condition:
        row = properties.alias()
        at = (
            row.c.resource == element.c.resource,
            self.named(row, term.path),
            row.c.element == element.c.element,
        )
        if term.operator is Operator.NOT_EXISTS:
            return ~exists().where(*at)
        return exists().where(*at, _on_row(Unindexed(row.c.number), Unindexed(row.c.text), term))


def is_driver(form: Form) -> bool:
    """Whether the resources for which it holds can be listed from an index."""
    if isinstance(form, Group):
        return not form.every and bool(form.terms) and all(map(is_driver, form.terms))
    return isinstance(form, Term) and form.operator is not Operator.NOT_EXISTS


def _on_row(number: ColumnElement[Any], text: ColumnElement[Any], term: Term) -> Condition:
    """Of one row of `properties`."""
    operator, slot = term.operator, term.slot
    if operator is Operator.EXISTS:
        return true()
    if operator in (Operator.EQUALS, Operator.IN, Operator.NOT_EQUALS):
        equals = or_(false(), *(_equals(number, text, term.path, one) for one in term.slots))
        return ~equals if operator is Operator.NOT_EQUALS else equals
    if slot is None:
        return false()
    is_text = or_(number == NO_NUMBER, text != "")
    if operator is Operator.CONTAINS:
        return and_(is_text, func.instr(text, slot.text) > 0) if slot.is_text else false()
    compare = _ORDER[operator]
    if slot.is_number:
        return and_(number > NO_NUMBER, compare(number, slot.number))
    return and_(is_text, compare(text, slot.text))


def _equals(number: ColumnElement[Any], text: ColumnElement[Any], name: str, slot: Slot) -> Condition:
    if not slot.is_number:
        return and_(number == NO_NUMBER, text == slot.text)
    if compares_as_number(name):
        return and_(number == slot.number)
    return and_(number == slot.number, text.in_(["", slot.text] if slot.is_text else [""]))


def _on_column(term: Term) -> Condition:
    column = COLUMNS[term.path]
    operator, slot = term.operator, term.slot
    numeric = term.path in _NUMERIC
    if operator is Operator.EXISTS:
        return column.is_not(None)
    if operator is Operator.NOT_EXISTS:
        return column.is_(None)
    if operator in (Operator.EQUALS, Operator.IN, Operator.NOT_EQUALS):
        wanted = [one.number if numeric else one.text for one in term.slots if _fits(one, numeric)]
        equals = or_(false(), *(column == one for one in wanted))
        return and_(column.is_not(None), ~equals) if operator is Operator.NOT_EQUALS else equals
    if slot is None or not _fits(slot, numeric):
        return false()
    if operator is Operator.CONTAINS:
        return false() if numeric else func.instr(column, slot.text) > 0
    if not numeric and slot.is_number:
        return false()
    condition: Condition = _ORDER[operator](column, slot.number if numeric else slot.text)
    return condition


def _fits(slot: Slot, numeric: bool) -> bool:
    """Whether the value is of the column's type; else it equals none of its values."""
    return slot.is_number if numeric else slot.is_text
