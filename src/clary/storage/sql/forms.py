"""A filter apart from its values, so that one compiled statement serves all searches of a form.

    Compare("Parents.TrialName", EQUALS, "a")   ->   Term("Parents.TrialName", EQUALS, (Slot(0, text),))   {"t0": "a", ...}

What of a value decides the SQL stays in its slot: whether it is a text, and whether it reads as a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter

from clary.domain.properties import number_of
from clary.domain.search import Both, Compare, Expression, Nested, Operator
from clary.domain.search_match import wanted_values
from clary.storage.sql.session import parameter


@dataclass(frozen=True, slots=True)
class Slot:
    """A value's place. A text that reads as a number is both."""

    index: int
    is_text: bool
    is_number: bool

    @property
    def text(self) -> BindParameter[Any]:
        return parameter(f"t{self.index}")

    @property
    def number(self) -> BindParameter[Any]:
        return parameter(f"n{self.index}")


@dataclass(frozen=True, slots=True)
class Term:
    path: str
    operator: Operator
    slots: tuple[Slot, ...]
    listed: bool = False
    """The value was a tuple."""

    @property
    def slot(self) -> Slot | None:
        """The value that there is one of."""
        return None if self.listed or not self.slots else self.slots[0]


@dataclass(frozen=True, slots=True)
class Group:
    every: bool
    """All terms hold; else, one of them."""
    terms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Element:
    path: str
    terms: tuple[Term, ...]


Form = Term | Group | Element


class Values(dict[str, Any]):
    """By parameter, of all slots of a form."""

    def slot(self, value: str | float) -> Slot:
        index = len(self) // 2
        number = number_of(value) if isinstance(value, str) else float(value)
        is_text = isinstance(value, str)
        self[f"t{index}"] = value if is_text else ""
        self[f"n{index}"] = number
        return Slot(index, is_text, number is not None)

    def term(self, compare: Compare) -> Term:
        slots = tuple(map(self.slot, wanted_values(compare)))
        return Term(compare.property, compare.operator, slots, isinstance(compare.value, tuple))

    def form(self, where: Expression) -> Form:
        if isinstance(where, Compare):
            return self.term(where)
        if isinstance(where, Nested):
            return Element(where.property, tuple(map(self.term, where.terms)))
        return Group(isinstance(where, Both), tuple(map(self.form, where.terms)))


def properties_of(form: Form | None) -> Iterable[str]:
    """The properties that it compares."""
    if isinstance(form, Term):
        yield form.path
    elif form is not None:
        for term in form.terms:
            yield from properties_of(term)


def conjuncts(form: Form | None) -> Iterable[Form]:
    """Terms that must all hold."""
    if isinstance(form, Group) and form.every:
        for term in form.terms:
            yield from conjuncts(term)
    elif form is not None:
        yield form


def without(form: Form | None, known: Form) -> Form:
    """What is left to be checked where one of the conjuncts is known to hold."""
    return Group(True, tuple(term for term in conjuncts(form) if term != known))
