"""What the model demands of a value, and AWS's words for what fails.

- `test(shape)`: one fast closure that says whether a value meets its shape's own length, range, pattern and
  enum; the readers call it on the way in, and note only *that* something failed.
- `violations(shape, document)`: the slow walk, run when something failed, which names every violation with its
  path as AWS prints it: members in lowerCamelCase, list items as `tags.1.member.key`. A list or map of scalars
  is reported whole (`Member must satisfy constraint: [...]`, `Map value must satisfy constraint: [...]`).

The constraint texts are those that AWS's services print, as its users quote them in public issues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex
from botocore.model import Shape

from clary.wire.values import show

Test = Callable[[Any], bool]
SCALARS = frozenset(
    {"string", "character", "integer", "long", "float", "double", "boolean", "timestamp", "blob"}
)
PATTERN_SECONDS = 0.2
"""A pattern that has not decided by then is taken as not matched: the model's patterns must not hold a server up."""
REMEMBERED, REMEMBERED_LENGTH = 512, 128
"""Values that are known to match a pattern, and how long one may be."""


@dataclass(frozen=True, slots=True)
class Violation:
    path: str
    value: Any
    text: str
    shape: Shape
    """Of the value that failed."""

    def __str__(self) -> str:
        if self.value is None:
            shown = "Value null"
        elif self.shape.metadata.get("sensitive"):
            shown = "Value"
        else:
            shown = f"Value '{show(self.value, self.shape)}'"
        return f"{shown} at '{self.path}' failed to satisfy constraint: {self.text}"


def test(shape: Shape) -> Test | None:
    """None when the shape demands nothing of its own."""
    tests = [made for _, made in _demands(shape) if made is not None]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)
    return lambda value: all(one(value) for one in tests)


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[Violation]:
    """All that fails in `value`, which the readers have made of this shape."""
    for text, made in _demands(shape):
        if made is not None and not made(value):
            yield Violation(path, value, text, shape)
    kind = shape.type_name
    if kind == "structure" and not shape.metadata.get("document"):
        yield from _structure(shape, value, path)
    elif kind == "list":
        yield from _items(shape, value, path)
    elif kind == "map":
        yield from _entries(shape, value, path)


def _structure(shape: Shape, value: dict[str, Any], path: str) -> Iterator[Violation]:
    required = frozenset(shape.required_members)
    for name, member in shape.members.items():
        below = _join(path, name[:1].lower() + name[1:])
        if (held := value.get(name)) is not None:
            yield from violations(member, held, below)
        elif name in required:
            yield Violation(below, None, "Member must not be null", member)
    if shape.metadata.get("union") and len(value) != 1:
        yield Violation(path, value, "Exactly one member of the union must be set", shape)


def _items(shape: Shape, value: list[Any], path: str) -> Iterator[Violation]:
    member = shape.member
    if None in value:
        at = _join(path, f"{value.index(None) + 1}.member")
        yield Violation(at, None, "Member must not be null", member)
    held = [(number, item) for number, item in enumerate(value, 1) if item is not None]
    if member.type_name not in SCALARS:
        for number, item in held:
            yield from violations(member, item, _join(path, f"{number}.member"))
    elif (made := test(member)) is not None and not all(made(item) for _, item in held):
        yield Violation(path, value, f"Member must satisfy constraint: {_all(member)}", shape)


def _entries(shape: Shape, value: dict[str, Any], path: str) -> Iterator[Violation]:
    if (made := test(shape.key)) is not None and not all(map(made, value)):
        yield Violation(path, value, f"Map keys must satisfy constraint: {_all(shape.key)}", shape)
    if shape.value.type_name not in SCALARS:
        for key, item in value.items():
            yield from violations(shape.value, item, _join(path, f"{key}.member"))
    elif (made := test(shape.value)) is not None and not all(map(made, value.values())):
        yield Violation(path, value, f"Map value must satisfy constraint: {_all(shape.value)}", shape)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _all(shape: Shape) -> str:
    return f"[{', '.join(text for text, _ in _demands(shape))}]"


def _demands(shape: Shape) -> list[tuple[str, Test | None]]:
    """Each own constraint: AWS's words for it, and its test (None for one that cannot fail)."""
    found: list[tuple[str, Test | None]] = []
    demands = shape.metadata
    low, high = demands.get("min"), demands.get("max")
    numeric = shape.type_name in {"integer", "long", "float", "double"}
    noun = "value" if numeric else "length"
    measured = _within if numeric else _sized
    if high is not None:
        found.append((f"Member must have {noun} less than or equal to {high}", measured(None, float(high))))
    if low is not None:
        needless = not numeric and low <= 0
        text = f"Member must have {noun} greater than or equal to {low}"
        found.append((text, None if needless else measured(float(low), None)))
    if shape.type_name in {"string", "character"}:
        if pattern := demands.get("pattern"):
            found.append((f"Member must satisfy regular expression pattern: {pattern}", _matcher(pattern)))
        if choices := demands.get("enum"):
            text = f"Member must satisfy enum value set: [{', '.join(choices)}]"
            found.append((text, frozenset(choices).__contains__))
    return found


def _within(low: float | None, high: float | None) -> Test:
    if low is not None:
        return low.__le__
    assert high is not None
    return high.__ge__


def _sized(low: float | None, high: float | None) -> Test:
    if low is not None:
        return lambda value: _length(value, low) >= low
    assert high is not None
    return lambda value: _length(value, high) <= high


def _length(value: Any, unknown: float) -> float:
    """Of a streamed payload, what its sender announced."""
    try:
        return len(value)
    except TypeError:
        announced: int | None = value.length
        return unknown if announced is None else announced


@cache
def _matcher(pattern: str) -> Test:
    """Java's `matches`: the whole string. Patterns that may take exponential time run under a timeout, which
    costs them some microseconds."""
    compiled = _compile(pattern)
    risky = regex.search(r"\)[*+{]|[*+}]\S*[*+}]\S*[*+}]", pattern) is not None
    if not risky:
        return lambda value: compiled.fullmatch(value) is not None

    # Names come again and again (an endpoint's with each invocation): one that matched is not tried again.
    known: set[str] = set()

    def matches(value: str) -> bool:
        if value in known:
            return True
        try:
            matched = compiled.fullmatch(value, timeout=PATTERN_SECONDS) is not None
        except TimeoutError:
            return False
        if matched and len(value) <= REMEMBERED_LENGTH:
            if len(known) >= REMEMBERED:
                known.clear()
            known.add(value)
        return matched

    return matches


def _compile(pattern: str) -> Any:
    """In Java a pair of surrogates is one character, and `\\w`, `\\d` and POSIX classes hold ASCII only."""
    unicode = regex.search(r"\\p\{[LMNPSZ]", pattern) is not None
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\\U00010000-\\U0010FFFF")
    return regex.compile(pattern, regex.UNICODE if unicode else regex.ASCII)
