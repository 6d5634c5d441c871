"""Pages of resources: a query becomes SQL over `resources` and `properties`.

A page is read in the order of its sort property's index, each row checked against the filter, until the page is
full: its cost does not grow with the table. Two kinds of filter would make that walk long, and are answered from
the other side: the resources that one of its terms leaves are taken from that term's index and sorted.

- A term leaves few of them (`FEW`).
- The walk found too little in its first `STEPS`, and a term leaves at most `MANY`.

Resources that lack the sort property follow at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clary.domain.search import Operator
from clary.storage.cursors import Cursors, Position
from clary.storage.ports import Query
from clary.storage.sql import search_sql
from clary.storage.sql.conditions import COLUMNS, is_driver
from clary.storage.sql.forms import Form, Group, Term, Values, conjuncts, properties_of
from clary.storage.sql.many import by_keys, keys
from clary.storage.sql.names import Names
from clary.storage.sql.rows import RESOURCE
from clary.storage.sql.schema import resources
from clary.storage.sql.search_sql import Shape
from clary.storage.sql.session import Row, Session, Statement
from clary.storage.sql.statistics import lagging, write_statistics

FEW = 2500
MANY = 30_000
STEPS = 4000
ALL = 2**62
_WEAK = frozenset({Operator.NOT_EQUALS, Operator.CONTAINS, Operator.EXISTS})
"""Operators that leave most resources, or look at all of them to tell."""

_by_id = Statement(by_keys(resources.c.id, resources.c.id, *RESOURCE))


def after_prefix(prefix: str) -> str:
    """The smallest text, by its UTF-8 bytes, that is greater than all that start with the prefix; where there
    is none (an empty prefix), one that is greater than all that occur."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1])
        if code < 0x10FFFF:
            return prefix[: end - 1] + chr(0xE000 if code == 0xD7FF else code + 1)
    return "\U0010ffff" * 257  # beyond every key: they have at most 1,024 bytes


def bring_up_to_date(session: Session, names: Names) -> None:
    """Write the statistics that lag behind. In a read-only session this renews its view of the store."""
    if lagging(session):
        if session.writable:
            write_statistics(session, names)
        elif session.catch_up is not None:
            session.catch_up()


def count(session: Session, names: Names, query: Query) -> int:
    shape, values = _shape(session, names, query)
    return int(session.all(search_sql.total(shape), **values)[0][0])


def page(session: Session, names: Names, cursors: Cursors, query: Query) -> tuple[list[Row], str | None]:
    """Rows of RESOURCE, and where to go on."""
    position = None if query.cursor is None else cursors.take(query, query.cursor)
    shape, values = _shape(session, names, query)
    if not shape.scopes:
        return [], None
    found = _Search(session, shape, values, query.limit + 1).after(position)
    rows = found[: query.limit]
    cursor = cursors.give(query, _position(rows[-1])) if len(found) > query.limit and rows else None
    return [row[4:] for row in rows], cursor


def ids(session: Session, names: Names, query: Query, limit: int | None) -> Iterable[int]:
    """All that match, at most `limit`."""
    shape, values = _shape(session, names, query)
    if not shape.scopes:
        return ()
    found = _Search(session, shape, values, ALL if limit is None else limit, whole=False).after(None)
    return (row[3] for row in found)


def _shape(session: Session, names: Names, query: Query) -> tuple[Shape, Values]:
    values = Values()
    form = None if query.where is None else values.form(query.where)
    properties = dict.fromkeys((query.sort_by, *properties_of(form)))
    if any(name.startswith("Metrics.") for name in properties):
        bring_up_to_date(session, names)
    found = (names.scope(session, (query.account, query.region, kind)) for kind in dict.fromkeys(query.kinds))
    scopes = tuple(scope for scope in found if scope is not None)
    ids = tuple(
        (name, tuple(names.names(session, scopes, name))) for name in properties if name not in COLUMNS
    )
    return Shape(form, query.sort_by, query.descending, scopes, ids), values


def _position(row: Sequence[Any]) -> Position:
    return Position(bool(row[0]), row[1], row[2], row[3])


class _Search:
    def __init__(
        self, session: Session, shape: Shape, values: Values, wanted: int, *, whole: bool = True
    ) -> None:
        self._session, self._shape, self._values, self._wanted = session, shape, values, wanted
        self._whole = whole
        """Whether the resources are read with their positions."""

    def after(self, position: Position | None) -> list[Row]:
        drivers = [term for term in conjuncts(self._shape.form) if is_driver(term)]
        driver = self._fewest((term for term in drivers if not _is_weak(term)), FEW)
        if driver is None and drivers:
            rows = self._walk(position, STEPS)
            if len(rows) == self._wanted:
                return rows
            driver = self._fewest(drivers, MANY)
        if driver is not None:
            return self._chosen(driver, position)
        rows = self._walk(position)
        if len(rows) < self._wanted and not self._shape.sort.always:
            rows += self._lacking(position, self._wanted - len(rows))
        return rows

    def _all(self, statement: Statement, position: Position | None, **values: Any) -> list[Row]:
        at = {} if position is None else position._asdict()
        return self._session.all(statement, **self._values, **at, **values)

    def _fewest(self, terms: Iterable[Form], bound: int) -> Form | None:
        """The term that leaves the fewest resources, if those are at most `bound`."""
        best = None
        for term in terms:
            found = self._all(search_sql.count(self._shape, term), None, bound=bound + 1)[0][0]
            if found <= bound:
                best, bound = term, found - 1
        return best

    def _walk(self, position: Position | None, steps: int | None = None) -> list[Row]:
        if position is not None and position.lacks:
            return []
        shape, seen = self._shape, position is not None
        end: list[Row] = []
        if steps is not None:
            end = self._all(search_sql.boundary(shape, seen), position, steps=steps)
        bound = dict(zip(("end_number", "end_text", "end_id"), end[0], strict=True)) if end else {}
        return self._all(
            search_sql.walk(shape, seen, bool(end), self._whole), position, limit=self._wanted, **bound
        )

    def _lacking(self, position: Position | None, limit: int) -> list[Row]:
        seen = position is not None and position.lacks
        return self._all(search_sql.lacking(self._shape, seen, self._whole), position, limit=limit)

    def _chosen(self, driver: Form, position: Position | None) -> list[Row]:
        statement = search_sql.chosen(self._shape, driver, position is not None)
        found = self._all(statement, position, limit=self._wanted)
        if not self._whole:
            return found
        rows = {row[0]: row[1:] for row in self._session.all(_by_id, keys=keys(row[3] for row in found))}
        return [(*row, *rows[row[3]]) for row in found]


def _is_weak(form: Form) -> bool:
    if isinstance(form, Group):
        return any(map(_is_weak, form.terms))
    return isinstance(form, Term) and form.operator in _WEAK
