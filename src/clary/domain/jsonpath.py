"""The part of JSONPath that batch transform's filters use: names, indices, slices and unions of them.

    $   $.a.b   $['a']   $[0]   $[-1]   $[1:3]   $[0,2]   $[0,4:]   $.SageMakerOutput[0]

A filter of one thing gives it bare, one of several gives a list. Source: "Associate Prediction Results with
Input Records" in AWS's developer guide; the operators that it excludes (filters, `..`, `*` of objects) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][\w-]*)|\[\s*(?P<quote>['\"])(?P<quoted>.*?)(?P=quote)\s*\]|\[(?P<inside>[^\]]*)\]"
)

Filter = Callable[[Any], Any]


class BadPath(ValueError):
    """No path of this kind; the message says which."""


class NoMatch(LookupError):
    """The record does not have what the path names."""


def compile_path(path: str) -> Filter:
    """Raises `BadPath`; the filter raises `NoMatch`."""
    if not path.startswith("$"):
        raise BadPath(f"{path!r} is not a JSONPath: it does not start with $.")
    steps: list[Filter] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise BadPath(
                f"{path!r} is not a JSONPath that a transform job can use: {path[at:]!r} is not understood."
            )
        name = match["name"] if match["name"] is not None else match["quoted"]
        steps.append(_member(name) if name is not None else _inside(path, match["inside"]))
        at = match.end()

    def apply(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return apply


def _member(name: str) -> Filter:
    def member(value: Any) -> Any:
        if not isinstance(value, dict) or name not in value:
            raise NoMatch(f"there is no {name!r} in the record")
        return value[name]

    return member


def _inside(path: str, text: str) -> Filter:
    parts = [part.strip() for part in text.split(",")]
    picks = [_pick(path, part) for part in parts]
    single = len(picks) == 1 and isinstance(picks[0], int)

    def pick(value: Any) -> Any:
        if not isinstance(value, list):
            raise NoMatch("the record is not a list")
        found: list[Any] = []
        for each in picks:
            if isinstance(each, slice):
                found += value[each]
            elif -len(value) <= each < len(value):
                found.append(value[each])
            else:
                raise NoMatch(f"the record has {len(value)} elements, none with index {each}")
        return found[0] if single else found

    return pick


def _pick(path: str, part: str) -> int | slice:
    if part == "*":
        return slice(None)
    bounds = part.split(":")
    try:
        numbers = [int(bound) if bound else None for bound in bounds]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and numbers[0] is not None:
        return numbers[0]
    if 2 <= len(numbers) <= 3:
        return slice(*numbers)
    raise BadPath(f"{path!r} is not a JSONPath that a transform job can use: [{part}] is not understood.")
