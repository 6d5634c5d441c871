"""What of a resource can be searched: its scalars, by dotted path. Pure, and shared by every store.

    {"HyperParameters": {"lr": "0.1"}, "InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}]}
        HyperParameters.lr            ("0.1", also the number 0.1)
        InputDataConfig.ChannelName   ("a" of element 0), ("b" of element 1)

- A list adds nothing to the path; a value remembers which element of the outermost list it lies in.
- Booleans are the texts `true` and `false`; null, non-finite numbers and empty containers are nothing.
- A text that reads as a decimal number has that number too, as AWS reads hyperparameters.
- Texts are searchable by their first 1,025 characters: one more than a filter value can have, so that
  no filter equals a text that was cut.
- The member `Clary` is the server's own and not searchable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

NO_NUMBER = -math.inf
TEXT_LIMIT = 1025
OUTSIDE = -1
"""The element of a value that lies in no list."""

HIDDEN = frozenset({"Clary", "Tags", "Metrics", "Parents"})
"""Members that are the server's own, or stand for what a store derives."""
ROW = frozenset({"Name", "Status", "CreationTime", "LastModifiedTime", "Arn", "ParentArn"})
"""Properties that come from the row itself and hide the document's members of these names."""

FINAL_METRICS = "FinalMetricDataList"
"""Where a training job's document shows the last values of its metrics, which are searched as a component's are."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_FIRST = frozenset("+-.0123456789")


class Value(NamedTuple):
    """Ordered as Search sorts: texts by code point, then numbers, equal numbers by text."""

    number: float
    """`NO_NUMBER` for a text that is none."""
    text: str
    """Empty for a number."""
    element: int = OUTSIDE

    @property
    def is_text(self) -> bool:
        return self.number == NO_NUMBER or self.text != ""


Properties = dict[str, list[Value]]


def number_of(text: str) -> float | None:
    """The finite decimal number that a text spells, or None."""
    if not text or text[0] not in _FIRST or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def scalar(value: Any, element: int = OUTSIDE) -> Value | None:
    """The searchable form of a JSON scalar; None for what has none."""
    if isinstance(value, str):
        number = number_of(value)
        return Value(NO_NUMBER if number is None else number, value[:TEXT_LIMIT], element)
    if isinstance(value, bool):
        return Value(NO_NUMBER, "true" if value else "false", element)
    if isinstance(value, (int, float)):
        try:
            number = float(value)
        except OverflowError:
            return None
        return Value(number, "", element) if math.isfinite(number) else None
    return None


def plain(text: str, element: int = OUTSIDE) -> Value:
    """A name: a text that never counts as a number."""
    return Value(NO_NUMBER, text[:TEXT_LIMIT], element)


def of_document(document: Mapping[str, Any]) -> Properties:
    found: Properties = {}
    for member, value in document.items():
        if member not in HIDDEN and member not in ROW:
            _walk(value, member, OUTSIDE, found)
    for item in document.get(FINAL_METRICS) or ():
        last = scalar(item["Value"])
        if last is not None:
            found[f"Metrics.{item['MetricName']}.Last"] = [last]
    return found


def _walk(value: Any, path: str, element: int, found: Properties) -> None:
    if isinstance(value, dict):
        for member, inner in value.items():
            _walk(inner, f"{path}.{member}", element, found)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _walk(inner, path, index if element == OUTSIDE else element, found)
    else:
        one = scalar(value, element)
        if one is not None:
            found.setdefault(path, []).append(one)


def of_tags(tags: Mapping[str, str]) -> Properties:
    return {f"Tags.{key}": [value] for key, text in tags.items() if (value := scalar(text)) is not None}


METRIC_STATISTICS = ("Last", "Min", "Max", "Avg", "Count", "StdDev", "TimeStamp")
"""In the order of `of_metric`'s numbers."""


def of_metric(name: str, numbers: Iterable[float]) -> Properties:
    """`numbers` in the order of METRIC_STATISTICS."""
    values = zip(METRIC_STATISTICS, map(scalar, numbers), strict=True)
    return {f"Metrics.{name}.{statistic}": [value] for statistic, value in values if value is not None}


def of_parents(parents: Iterable[tuple[str, str, str | None]]) -> Properties:
    """`parents`: (trial ARN, trial name, experiment name) of each trial that the resource is part of; each is an
    element of the list `Parents`."""
    found: Properties = {}
    for element, (arn, trial, experiment) in enumerate(parents):
        found.setdefault("Parents.TrialArn", []).append(plain(arn, element))
        found.setdefault("Parents.TrialName", []).append(plain(trial, element))
        if experiment is not None:
            found.setdefault("Parents.ExperimentName", []).append(plain(experiment, element))
    return found
