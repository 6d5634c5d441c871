"""What an alarm makes of its datapoints, by the tables in CloudWatch's guide ("How alarms treat missing data")."""

from __future__ import annotations

from typing import Any

import pytest

from clary.domain.alarms import ALARM, INSUFFICIENT, OK, changed, datapoints, judged, state, step
from clary.domain.machine import Document

X, Z = 10.0, 0.0
KEPT = "kept"


def alarm(**changes: Any) -> Document:
    return {
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 3, "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "missing", "ignore", "breaching", "not_breaching"),
    [
        ([Z, None, X, None, X], OK, OK, OK, OK),
        ([None] * 5, INSUFFICIENT, KEPT, ALARM, OK),
        ([Z, None, None, None, None], OK, KEPT, ALARM, OK),
        ([Z, X, X, None, X], ALARM, ALARM, ALARM, ALARM),
        ([None, None, X, None, None], ALARM, KEPT, ALARM, OK),
    ],
)
def test_missing_data(
    found: list[float | None], missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    treatments = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    if found[0] == Z and found[1:] == [None] * 4:  # two to fill: enough neither to breach nor to be well
        treatments = dict.fromkeys(treatments, OK)
    for treatment, wanted in treatments.items():
        assert (state(alarm(TreatMissingData=treatment), found) or KEPT) == wanted, treatment


@pytest.mark.parametrize(
    ("found", "wanted"),
    [([Z, X, Z, X], ALARM), ([X, Z, Z, X], OK), ([X, X, Z, Z], OK), ([Z, Z, X, X], ALARM)],
)
def test_two_of_three(found: list[float | None], wanted: str) -> None:
    assert state(alarm(DatapointsToAlarm=2), found) == wanted


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        ("GreaterThanThreshold", OK), ("GreaterThanOrEqualToThreshold", ALARM), ("LessThanThreshold", OK),
        ("LessThanOrEqualToThreshold", ALARM),
    ],
)  # fmt: skip
def test_at_the_threshold(operator: str, wanted: str) -> None:
    assert state(alarm(ComparisonOperator=operator), [5.0] * 5) == wanted


def test_statistics_of_periods() -> None:
    periods = [[1.0, 2.0], [], [6.0]]
    assert datapoints(alarm(), periods) == [3.0, None, 6.0]
    assert datapoints(alarm(Statistic="SampleCount"), periods) == [2.0, 0.0, 1.0]
    assert datapoints({**alarm(), "Statistic": None, "ExtendedStatistic": "p50"}, periods) == [1.5, None, 6.0]


class Row:
    target = None
    created = 0.0

    def __init__(self, value: str) -> None:
        self.spec: Document = {}
        self.state: Document = {
            "StateValue": value,
            "StateReason": "r",
            "Clary": {"hold": 0.0, "history": []},
        }


def test_only_a_change_is_kept_and_remembered() -> None:
    event = judged(alarm(EvaluationPeriods=1, DatapointsToAlarm=1), [Z, Z, X], 100.0)
    assert event is not None
    assert event.value == ALARM
    assert event.reason.startswith("Threshold Crossed: 1 out of the last 1 datapoint [10 (")
    assert "was greater than the threshold (5.0)" in event.reason
    assert step(Row(ALARM), event, 100.0).changes == {}
    changes = step(Row(OK), event, 100.0).changes
    assert (changes["StateValue"], changes["StateTransitionedTimestamp"]) == (ALARM, 100.0)
    assert [item["HistorySummary"] for item in changes["Clary"]["history"]] == [
        "Alarm updated from OK to ALARM"
    ]
    for _ in range(300):
        row = Row(OK)
        row.state["Clary"] = changes["Clary"]
        changes = changed(row.state, event, 101.0)
    assert len(changes["Clary"]["history"]) == 100
