"""From a Search request's expression to `clary.domain.search`. Pure; driven by the shape that answers.

A filter's name is a path through the shape of the resource, in any letter case:

    DisplayName, Source.SourceArn       members
    Parameters.lr                       a map's entry by its key; a parameter is its number or its string
    InputArtifacts.data.Value           a member of a map's entry
    InputDataConfig.ChannelName         a member of a list's elements: one of them is enough
    Metrics.acc.max, Metrics.acc        a metric's statistic, by default the last value
    Tags.owner, Parents.TrialName       what the store derives

The values of a filter arrive as text; the shape says whether they are numbers or times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.model import Shape, StructureShape

from clary.api import Document, ServiceError
from clary.domain.properties import METRIC_STATISTICS, number_of
from clary.domain.search import Both, Compare, Either, Expression, Nested, Operator

STATISTICS = {name.lower(): name for name in METRIC_STATISTICS}
PARENTS = {name.lower(): name for name in ("TrialName", "ExperimentName", "TrialArn")}
ORDERED = frozenset(
    {
        Operator.GREATER_THAN,
        Operator.GREATER_THAN_OR_EQUAL_TO,
        Operator.LESS_THAN,
        Operator.LESS_THAN_OR_EQUAL_TO,
    }
)
TEXTS = frozenset({Operator.CONTAINS, Operator.IN})
"""Operators of texts only."""
_NUMBERS = frozenset({"integer", "long", "float", "double"})


@dataclass(frozen=True, slots=True)
class Property:
    """A scalar by the store's path. `type`: text, number, time, truth, or entry for a map's free text, which
    compares as a number where both sides are numbers."""

    path: str
    type: str


def properties(shape: StructureShape, name: str) -> tuple[Property, ...]:
    """What `name` may stand for, in the order in which it is looked at. Raises ServiceError for a name that
    the shape does not have."""
    head, _, rest = name.partition(".")
    member = _member(shape, head)
    if head.lower() == "tags" and rest:
        return (Property(f"Tags.{rest}", "text"),)
    if head.lower() == "metrics" and rest:
        return (_metric(rest),)
    if member == "Parents" and rest.lower() in PARENTS:
        return (Property(f"Parents.{PARENTS[rest.lower()]}", "text"),)
    found = tuple(_walk(shape, name, ""))
    if not found:
        raise ServiceError("ValidationException", f"Unknown property name: {name}")
    return found


def expression(shape: StructureShape, document: Document, heading: str = "") -> Expression | None:
    """A SearchExpression's document as an expression; None for an empty one. `heading` may stand before the name
    of a filter. Raises ServiceError."""
    filters = [{**item, "Name": item["Name"].removeprefix(heading)} for item in document.get("Filters", ())]
    terms: list[Expression] = [_filter(shape, item) for item in filters]
    for item in document.get("NestedFilters", ()):
        name = item["NestedPropertyName"].removeprefix(heading)
        inner = [{**each, "Name": each["Name"].removeprefix(heading)} for each in item["Filters"]]
        terms.append(_nested(shape, {**item, "NestedPropertyName": name, "Filters": inner}))
    terms += [
        term
        for item in document.get("SubExpressions", ())
        if (term := expression(shape, item, heading)) is not None
    ]
    if not terms:
        return None
    if len(terms) == 1:
        return terms[0]
    return Either(tuple(terms)) if document.get("Operator") == "Or" else Both(tuple(terms))


def _filter(shape: StructureShape, document: Document) -> Expression:
    operator = Operator(document.get("Operator", "Equals"))
    terms = tuple(
        term
        for item in properties(shape, document["Name"])
        if (term := _compare(item, operator, document)) is not None
    )
    if not terms and operator in TEXTS:
        raise _refuse(document, f"Operator {operator.value} is only supported for text properties")
    if not terms:
        raise _refuse(document, f"Invalid value for property {document['Name']}: {document.get('Value')}")
    if len(terms) == 1:
        return terms[0]
    return Both(terms) if operator is Operator.NOT_EXISTS else Either(terms)


def _nested(shape: StructureShape, document: Document) -> Expression:
    name = document["NestedPropertyName"]
    inner = [
        item
        if item["Name"].lower().startswith(f"{name.lower()}.")
        else {**item, "Name": f"{name}.{item['Name']}"}
        for item in document["Filters"]
    ]
    terms = tuple(_filter(shape, item) for item in inner)
    compares = tuple(term for term in terms if isinstance(term, Compare))
    path = _list_path(shape, name)
    if path is None or len(compares) < len(terms):
        return Both(terms)
    return Nested(path, compares)


def _compare(item: Property, operator: Operator, document: Document) -> Compare | None:
    """None where the value cannot be one of this property's; another alternative may take it."""
    if operator in (Operator.EXISTS, Operator.NOT_EXISTS):
        return Compare(item.path, operator)
    text = document.get("Value")
    if text is None:
        raise _refuse(document, f"A value is required for operator {operator.value}")
    if item.type in ("text", "entry") and operator is Operator.IN:
        return Compare(item.path, operator, tuple(part.strip() for part in text.split(",")))
    if item.type == "text":
        if operator in ORDERED:
            raise _refuse(document, f"Operator {operator.value} is not supported for text properties")
        return Compare(item.path, operator, text)
    if item.type == "string":
        # A parameter is a text or a number: its other property takes what this one cannot.
        return None if operator in ORDERED else Compare(item.path, operator, text)
    if item.type == "entry":
        value = number_of(text) if operator in ORDERED else None
        return Compare(item.path, operator, text if value is None else value)
    if operator in TEXTS:
        return None
    scalar = _scalar(item.type, text)
    return None if scalar is None else Compare(item.path, operator, scalar)


def _scalar(kind: str, text: str) -> str | float | None:
    if kind == "number":
        return number_of(text)
    if kind == "truth":
        return text.lower() if text.lower() in ("true", "false") else None
    value = number_of(text)
    if value is not None:
        return value
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _walk(shape: Shape, name: str, path: str) -> Iterable[Property]:
    kind = shape.type_name
    if kind == "structure" and name:
        head, _, rest = name.partition(".")
        member = _member(shape, head)
        if member is not None:
            yield from _walk(shape.members[member], rest, f"{path}.{member}" if path else member)
    elif kind == "list":
        yield from _walk(shape.member, name, path)
    elif kind == "map" and name:
        yield from _entry(shape.value, name, path)
    elif not name and kind not in ("structure", "map"):
        yield Property(path, _type(kind))


def _entry(value: Shape, name: str, path: str) -> Iterable[Property]:
    """Keys may have dots: a value's member is looked for at the end of the name."""
    if value.type_name != "structure":
        yield Property(f"{path}.{name}", "entry" if value.type_name == "string" else _type(value.type_name))
        return
    key, _, last = name.rpartition(".")
    member = _member(value, last) if key else None
    if member is not None:
        yield Property(f"{path}.{key}.{member}", _type(value.members[member].type_name))
        return
    # Numbers first, so that a sort by a parameter prefers them.
    members = sorted(value.members.items(), key=lambda pair: pair[1].type_name not in _NUMBERS)
    for member, inner in members:
        kind = _type(inner.type_name)
        yield Property(f"{path}.{name}.{member}", "string" if kind == "text" else kind)


def _metric(rest: str) -> Property:
    name, _, last = rest.rpartition(".")
    if name and last.lower() in STATISTICS:
        kind = "time" if last.lower() == "timestamp" else "number"
        return Property(f"Metrics.{name}.{STATISTICS[last.lower()]}", kind)
    return Property(f"Metrics.{rest}.Last", "number")


def _list_path(shape: Shape, name: str) -> str | None:
    """The path of the list that `name` is, None where it is something else."""
    path: list[str] = []
    for part in name.split("."):
        member = _member(shape, part) if shape.type_name == "structure" else None
        if member is None:
            return None
        path.append(member)
        shape = shape.members[member]
    return ".".join(path) if shape.type_name == "list" else None


def _member(shape: Shape, name: str) -> str | None:
    members = shape.members
    return name if name in members else next((own for own in members if own.lower() == name.lower()), None)


def _type(kind: str) -> str:
    if kind in _NUMBERS:
        return "number"
    return {"timestamp": "time", "boolean": "truth"}.get(kind, "text")


def _refuse(document: Document, message: str) -> ServiceError:
    return ServiceError("ValidationException", f"{message}. Filter: {document['Name']}")
