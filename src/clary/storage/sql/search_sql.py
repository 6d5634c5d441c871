"""The statements of a search, each compiled once for all queries of one shape.

    walk       rows along the sort property's index, each checked against the filter
    boundary   where that walk will be after so many steps
    lacking    rows without the sort property, in the order in which they were made
    chosen     the positions of the first among the rows that a driver leaves
    count      how many rows a driver leaves, as far as a bound

A row is (lacks, number, text, id, *RESOURCE): its position, then the resource, where the `whole` of it is asked
for. The parameters `number`, `text` and `id` are the position after which to go on; with `end_` before them, the
one at which to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from clary.domain.properties import NO_NUMBER
from clary.storage.sql.conditions import COLUMNS, Filter
from clary.storage.sql.forms import Form, without
from clary.storage.sql.rows import RESOURCE
from clary.storage.sql.schema import properties, resources
from clary.storage.sql.session import Statement, parameter

SHAPES = 1024
"""Statements of each sort that are kept, the least used dropped first."""
_TIMES = ("CreationTime", "LastModifiedTime")


@dataclass(frozen=True)
class Shape:
    """All of a query that its SQL depends on."""

    form: Form | None
    sort_by: str
    descending: bool
    scopes: tuple[int, ...]
    ids: tuple[tuple[str, tuple[int, ...]], ...]
    """Numbers of the names of all properties in it."""

    @cached_property
    def filter(self) -> Filter:
        return Filter(self.scopes, dict(self.ids))

    @cached_property
    def sort(self) -> Sort:
        column = COLUMNS.get(self.sort_by)
        return _by_property(self) if column is None else _by_column(self, column)


@dataclass(frozen=True)
class Sort:
    number: ColumnElement[Any]
    text: ColumnElement[Any]
    id: ColumnElement[int]
    order: tuple[ColumnElement[Any], ...]
    """What an index is in the order of, within the rows that have the property."""
    place: tuple[str, ...]
    """Parameters that stand for a position in that order."""
    keys: FromClause
    rows: FromClause
    has: ColumnElement[bool]
    lacks: ColumnElement[bool]
    every: FromClause
    """Rows with and without the property."""
    absent: ColumnElement[Any]
    """In `every`, whether a row has none."""
    always: bool
    """Whether every row has it."""


def _by_column(shape: Shape, column: ColumnElement[Any]) -> Sort:
    timed = shape.sort_by in _TIMES
    nullable = bool(getattr(column, "nullable", False))
    of_scope = resources.c.scope.in_(shape.scopes)
    return Sort(
        column if timed else literal(NO_NUMBER), literal("") if timed else column, resources.c.id,
        (column, resources.c.id), ("number" if timed else "text", "id"), resources, resources,
        and_(of_scope, column.is_not(None) if nullable else true()),
        column.is_(None) if nullable else false(),
        resources, column.is_(None) if nullable else literal(0), not nullable,
    )  # fmt: skip


def _by_property(shape: Shape) -> Sort:
    row = properties.c
    named = and_(shape.filter.named(properties, shape.sort_by), row.position == 0)
    return Sort(
        row.number, row.text, row.resource, (row.number, row.text, row.resource), ("number", "text", "id"),
        properties, properties.join(resources, resources.c.id == row.resource), named,
        ~shape.filter.has(shape.sort_by, resources.c.id),
        resources.outerjoin(properties, and_(row.resource == resources.c.id, named)), row.resource.is_(None), False,
    )  # fmt: skip


def _at(place: tuple[str, ...], prefix: str = "") -> Any:
    return tuple_(*(parameter(f"{prefix}{name}") for name in place))


def _ordered(shape: Shape, statement: Select[Any], *order: ColumnElement[Any]) -> Select[Any]:
    return statement.order_by(*(column.desc() if shape.descending else column for column in order))


def _after(shape: Shape, statement: Select[Any]) -> Select[Any]:
    at = tuple_(*shape.sort.order)
    seen = _at(shape.sort.place)
    return statement.where(at < seen if shape.descending else at > seen)


@lru_cache(SHAPES)
def walk(shape: Shape, seen: bool, bounded: bool, whole: bool) -> Statement:
    sort = shape.sort
    statement = (
        select(literal(0), sort.number, sort.text, sort.id, *(RESOURCE if whole else ()))
        .select_from(sort.rows)
        .where(sort.has, shape.filter.condition(shape.form, sort.id))
    )
    if seen:
        statement = _after(shape, statement)
    if bounded:
        at, end = tuple_(*sort.order), _at(sort.place, "end_")
        statement = statement.where(at >= end if shape.descending else at <= end)
    return Statement(_ordered(shape, statement, *sort.order).limit(parameter("limit")))


@lru_cache(SHAPES)
def boundary(shape: Shape, seen: bool) -> Statement:
    sort = shape.sort
    statement = select(sort.number, sort.text, sort.id).select_from(sort.keys).where(sort.has)
    if seen:
        statement = _after(shape, statement)
    return Statement(_ordered(shape, statement, *sort.order).limit(1).offset(parameter("steps")))


@lru_cache(SHAPES)
def lacking(shape: Shape, seen: bool, whole: bool) -> Statement:
    id = resources.c.id
    row = RESOURCE if whole else ()
    statement = select(literal(1), literal(NO_NUMBER), literal(""), id, *row).where(
        resources.c.scope.in_(shape.scopes), shape.sort.lacks, shape.filter.condition(shape.form, id)
    )
    if seen:
        statement = statement.where(id < parameter("id") if shape.descending else id > parameter("id"))
    return Statement(_ordered(shape, statement, id).limit(parameter("limit")))


@lru_cache(SHAPES)
def chosen(shape: Shape, driver: Form, seen: bool) -> Statement:
    sort, id = shape.sort, resources.c.id
    found = and_(id.in_(shape.filter.ids(driver)), shape.filter.condition(without(shape.form, driver), id))
    if sort.always:
        walked = select(literal(0), sort.number, sort.text, sort.id).where(found)
        walked = _after(shape, walked) if seen else walked
        return Statement(_ordered(shape, walked, *sort.order).limit(parameter("limit")))
    inner = (
        select(
            sort.absent.label("lacks"), func.coalesce(sort.number, NO_NUMBER).label("number"),
            func.coalesce(sort.text, "").label("text"), id.label("id"),
        )
        .select_from(sort.every)
        .where(found)
        .subquery()
    )  # fmt: skip
    row = inner.c
    order = (row.number, row.text, row.id)
    statement = select(row.lacks, *order)
    if seen:
        at, seen_at = tuple_(*order), _at(("number", "text", "id"))
        later = at < seen_at if shape.descending else at > seen_at
        statement = statement.where(
            or_(row.lacks > parameter("lacks"), and_(row.lacks == parameter("lacks"), later))
        )
    keys = [column.desc() if shape.descending else column for column in order]
    return Statement(statement.order_by(row.lacks, *keys).limit(parameter("limit")))


@lru_cache(SHAPES)
def count(shape: Shape, driver: Form) -> Statement:
    sample = shape.filter.ids(driver).limit(parameter("bound")).subquery()
    return Statement(select(func.count()).select_from(sample))


@lru_cache(SHAPES)
def total(shape: Shape) -> Statement:
    where = shape.filter.condition(shape.form, resources.c.id)
    return Statement(
        select(func.count()).select_from(resources).where(resources.c.scope.in_(shape.scopes), where)
    )
