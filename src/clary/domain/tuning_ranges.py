"""The ranges that a tuning job searches: as AWS's documents name them, and as numbers a suggester can use. Pure.

    Number   an integer or continuous hyperparameter between two bounds, on a linear, logarithmic or reverse
             logarithmic scale (steps of equal ratio in 1 - x: for momentum and the like, near 1)
    Choice   one of some texts

Values are texts, as hyperparameters are. Errors are `ValueError`s in AWS's words.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
Values = dict[str, str]
"""A hyperparameter's value by its name."""

SPAN = 100.0
"""`Auto` takes the logarithmic scale where the upper bound is this many times the lower one, or more."""


@dataclass(frozen=True, slots=True)
class Number:
    name: str
    low: float
    high: float
    scale: str = "Linear"
    integer: bool = False

    @property
    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.integer else math.inf

    def text(self, value: float) -> str:
        return str(round(value)) if self.integer else repr(min(max(float(value), self.low), self.high))

    def holds(self, text: str) -> bool:
        try:
            value = float(text)
        except ValueError:
            return False
        return self.low <= value <= self.high and not (self.integer and value != round(value))

    def every(self) -> Iterator[str]:
        return (str(value) for value in range(int(self.low), int(self.high) + 1))


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    values: tuple[str, ...]

    @property
    def size(self) -> float:
        return len(self.values)

    def holds(self, text: str) -> bool:
        return text in self.values

    def every(self) -> Iterator[str]:
        return iter(self.values)


Range = Number | Choice
Ranges = tuple[Range, ...]


def combinations(ranges: Sequence[Range]) -> float:
    """How many combinations of values there are; infinite with a continuous range."""
    return math.prod(each.size for each in ranges)


def grid(ranges: Sequence[Range]) -> Iterator[Values]:
    """All combinations, the last range's values changing fastest. No range may be continuous."""
    names = [each.name for each in ranges]
    for row in itertools.product(*(each.every() for each in ranges)):
        yield dict(zip(names, row, strict=True))


def ranges(document: Document) -> Ranges:
    """Of a ParameterRanges document. Raises `ValueError`."""
    found = (
        *(_number(each, integer=True) for each in document.get("IntegerParameterRanges", ())),
        *(_number(each, integer=False) for each in document.get("ContinuousParameterRanges", ())),
        *(_choice(each) for each in document.get("CategoricalParameterRanges", ())),
        *(guess(each["Name"], each["ValueHint"]) for each in document.get("AutoParameters", ())),
    )
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"Hyperparameter [{name}] has more than one range. Provide one range for each name."
            )
    return found


def _number(document: Document, integer: bool) -> Number:
    name, scale = document["Name"], document.get("ScalingType", "Auto")
    try:
        low, high = (_parse(document[member], integer) for member in ("MinValue", "MaxValue"))
    except ValueError:
        kind = "an integer" if integer else "a number"
        raise ValueError(f"MinValue and MaxValue of hyperparameter [{name}] must each be {kind}.") from None
    if low >= high:
        raise ValueError(
            f"MinValue [{document['MinValue']}] of hyperparameter [{name}] must be less than its MaxValue "
            f"[{document['MaxValue']}]."
        )
    if scale == "Logarithmic" and low <= 0:
        raise ValueError(
            f"Logarithmic scaling works only for ranges that have only values greater than 0: hyperparameter [{name}]."
        )
    if scale == "ReverseLogarithmic" and (integer or low < 0 or high >= 1):
        raise ValueError(
            "Reverse logarithmic scaling works only for continuous ranges that are entirely within the range "
            f"0<=x<1.0: hyperparameter [{name}]."
        )
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high / low >= SPAN else "Linear"
    return Number(name, low, high, scale, integer)


def _parse(text: str, integer: bool) -> float:
    value = int(text) if integer else float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _choice(document: Document) -> Choice:
    name, values = document["Name"], tuple(document["Values"])
    if len(set(values)) < len(values):
        raise ValueError(f"The values of hyperparameter [{name}] must be different from each other.")
    return Choice(name, values)


def guess(name: str, hint: str) -> Range:
    """A range round an example value, as Autotune makes one. AWS does not say how it does: here a positive number
    stands in the middle of a logarithmic range (a quarter to four times for integers, a tenth to ten times
    else), a share below 1 stays below 1, a truth value becomes a choice, and any other text stays as it is."""
    bare = hint.strip('"')
    if bare.lower() in ("true", "false"):
        return Choice(name, ("True", "False") if bare[0].isupper() else ("true", "false"))
    try:
        value = float(bare)
    except ValueError:
        return Choice(name, (hint,))
    if not math.isfinite(value):
        return Choice(name, (hint,))
    if bare.lstrip("+-").isdigit():
        if value > 0:
            return Number(name, max(1, value // 4), value * 4, "Logarithmic", integer=True)
        return Number(name, value * 2 - 1, abs(value) + 1, "Linear", integer=True)
    if value > 0:
        high = min(value * 10, 0.5 + value / 2) if value < 1 else value * 10
        return Number(name, value / 10, high, "Logarithmic")
    return Number(name, value - 1, value + 1)
