"""Search expressions: a small tree over a resource's properties. Pure; a store compiles it.

A property is a scalar in a resource's document, by its dotted path (`HyperParameters.lr`,
`OutputDataConfig.S3OutputPath`, `Parameters.lr.NumberValue`), or one of these, which stores derive:

    Name, Status, CreationTime, LastModifiedTime, Arn, ParentArn   the row itself
    Tags.KEY                                                       its tags
    Metrics.NAME.{Last,Min,Max,Avg,Count,StdDev}                   its metric summaries
    Parents.TrialName, Parents.ExperimentName, Parents.TrialArn    through its `PartOf` edges

Inside lists of structures the path has no index: a property can have several values, and a
comparison holds when it holds for one of them. `Nested` asks that one list element meet them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Operator(Enum):
    """Search's ten operators, by AWS's names."""

    EQUALS = "Equals"
    NOT_EQUALS = "NotEquals"
    GREATER_THAN = "GreaterThan"
    GREATER_THAN_OR_EQUAL_TO = "GreaterThanOrEqualTo"
    LESS_THAN = "LessThan"
    LESS_THAN_OR_EQUAL_TO = "LessThanOrEqualTo"
    CONTAINS = "Contains"
    EXISTS = "Exists"
    NOT_EXISTS = "NotExists"
    IN = "In"


@dataclass(frozen=True, slots=True)
class Compare:
    """`value` is None for Exists and NotExists, a tuple for In. Numbers compare as numbers with numeric
    properties (times are epoch seconds), strings as text."""

    property: str
    operator: Operator
    value: str | float | tuple[str | float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Both:
    """All terms hold. Without terms: true."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one term holds. Without terms: false."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """One element of the outermost list at `property` meets all the comparisons (whose properties are full
    paths that begin with it)."""

    property: str
    terms: tuple[Compare, ...]


Expression = Compare | Both | Either | Nested
