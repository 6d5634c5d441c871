"""A metric alarm's state, as pure functions: what its newest periods say, and what a change of state changes.

Periods slide: the last one ends now, so an alarm tells within seconds, and every period is a whole one. How
missing ones are treated is AWS's ("Configuring how CloudWatch alarms treat missing data"): an alarm looks at a few
periods more than it counts, and only where even these have too few values does TreatMissingData speak.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clary.domain.datapoints import statistic
from clary.domain.machine import Document, Row, Step

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
MISSING, IGNORE, BREACHING, NOT_BREACHING = "missing", "ignore", "breaching", "notBreaching"
TREATMENTS = (MISSING, IGNORE, BREACHING, NOT_BREACHING)
COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""Without those of anomaly bands."""
LOOK_BACK = 2
"""Periods beyond EvaluationPeriods that are looked at for values."""
HISTORY = 100
"""Items of history that are kept."""
CREATED = "Unchecked: Initial alarm creation"


@dataclass(frozen=True, slots=True)
class Judged:
    """The alarm is in this state now."""

    value: str
    reason: str
    data: str


def watched(alarm: Mapping[str, Any]) -> int:
    """How many periods are looked at."""
    return int(alarm["EvaluationPeriods"]) + LOOK_BACK


def datapoints(alarm: Mapping[str, Any], periods: Sequence[Sequence[float]]) -> list[float | None]:
    """The alarm's statistic of each period; None where there is nothing."""
    name = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    compute = statistic(name)
    assert compute is not None
    empty = 0.0 if name == "SampleCount" else None
    return [compute(values) if values else empty for values in periods]


def state(alarm: Mapping[str, Any], found: Sequence[float | None]) -> str | None:
    """Of `watched` datapoints, oldest first; None: it stays what it is."""
    wanted = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm", wanted))
    compare, _ = COMPARISONS[alarm["ComparisonOperator"]]
    treatment = alarm.get("TreatMissingData", MISSING)
    real = [value for value in found if value is not None][-wanted:]
    breaching = sum(compare(value, alarm["Threshold"]) for value in real)
    lacking = wanted - len(real)
    if breaching >= needed:
        return ALARM
    if breaching + lacking < needed or treatment == NOT_BREACHING:
        return OK
    if treatment == BREACHING:
        return ALARM
    if treatment == IGNORE:
        return None
    if not real:
        return INSUFFICIENT
    # Some breach, none after the first of them is well, and the first is old enough: AWS does not wait for more.
    first = next(
        (
            index
            for index, value in enumerate(found)
            if value is not None and compare(value, alarm["Threshold"])
        ),
        None,
    )
    if first is None or len(found) - first < needed:
        return OK
    after = [value for value in found[first:] if value is not None]
    return ALARM if all(compare(value, alarm["Threshold"]) for value in after) else OK


def judged(alarm: Mapping[str, Any], found: Sequence[float | None], now: float) -> Judged | None:
    """In AWS's words; None: it stays what it is."""
    value = state(alarm, found)
    if value is None:
        return None
    wanted = int(alarm["EvaluationPeriods"])
    real = [point for point in found if point is not None][-wanted:]
    _, words = COMPARISONS[alarm["ComparisonOperator"]]
    if value == INSUFFICIENT:
        reason = f"Insufficient Data: {_count(wanted)} {_was(wanted)} unknown."
    elif not real:
        reason = f"Threshold Crossed: no datapoints were received for {_periods(wanted)} and "\
                 f"{_periods(wanted)} {_was(wanted)} treated as [{_name(alarm)}]."  # fmt: skip
    else:
        needed = int(alarm.get("DatapointsToAlarm", wanted))
        compare, _ = COMPARISONS[alarm["ComparisonOperator"]]
        breaching = sum(compare(point, alarm["Threshold"]) for point in real)
        shown = real if value == OK else [point for point in real if compare(point, alarm["Threshold"])]
        listed = ", ".join(f"{point:g}" for point in shown)
        stamp = datetime.fromtimestamp(now, UTC).strftime("%d/%m/%y %H:%M:%S")
        before = OK if value == ALARM else ALARM
        size = breaching if value == ALARM else len(shown)
        reason = (
            f"Threshold Crossed: {size} out of the last {_count(wanted)} [{listed} ({stamp})] {_was(size)}"
            f"{' not' if value == OK else ''} {words} the threshold ({float(alarm['Threshold'])}) "
            f"(minimum {_count(needed if value == ALARM else 1)} for {before} -> {value} transition)."
        )
    data = {
        "version": "1.0",
        "queryDate": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "statistic": alarm.get("Statistic") or alarm["ExtendedStatistic"],
        "period": alarm["Period"],
        "recentDatapoints": real,
        "threshold": alarm["Threshold"],
    }
    return Judged(value, reason[:1023], json.dumps(data)[:4000])


def step(alarm: Row, event: Judged, now: float) -> Step:
    if event.value == alarm.state["StateValue"]:
        return Step({})
    return Step(changed(alarm.state, event, now))


def changed(kept: Mapping[str, Any], event: Judged, now: float, hold: float = 0.0) -> Document:
    """What a new state changes in the alarm's document. `hold`: seconds for which it is not judged again."""
    before = kept["StateValue"]
    clary = kept["Clary"]
    summary = f"Alarm updated from {before} to {event.value}"
    data = {
        "version": "1.0",
        "oldState": {"stateValue": before, "stateReason": kept["StateReason"]},
        "newState": {"stateValue": event.value, "stateReason": event.reason},
    }
    changes: Document = {
        "StateValue": event.value,
        "StateReason": event.reason,
        "StateReasonData": event.data,
        "StateUpdatedTimestamp": now,
        "Clary": {
            "hold": now + hold,
            "history": [*clary["history"], item("StateUpdate", summary, data, now)][-HISTORY:],
        },
    }
    if before != event.value:
        changes["StateTransitionedTimestamp"] = now
    return changes


def item(kind: str, summary: str, data: Mapping[str, Any], now: float) -> Document:
    """Of an alarm's history."""
    return {
        "Timestamp": now,
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(data)[:4095],
    }


def _name(alarm: Mapping[str, Any]) -> str:
    return "Breaching" if alarm.get("TreatMissingData") == BREACHING else "NonBreaching"


def _count(number: int) -> str:
    return f"{number} datapoint{'' if number == 1 else 's'}"


def _periods(number: int) -> str:
    return f"{number} period{'' if number == 1 else 's'}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"
