"""How many instances policies want, and when they may have them."""

from __future__ import annotations

from typing import Any

import pytest

from clary.domain.autoscaling import Needs, Scaled, Wish, decide, needed, stepping, tracking

TRACK = {"TargetValue": 10.0, "ScaleOutCooldown": 60, "ScaleInCooldown": 30}


@pytest.mark.parametrize(
    ("current", "metric", "wanted"), [(1, 10.0, 1), (1, 10.1, 2), (2, 25.0, 5), (3, 0.0, 0), (0, 30.0, 3)]
)
def test_what_a_metric_calls_for(current: int, metric: float, wanted: int) -> None:
    assert needed(current, metric, 10.0) == wanted


def test_the_greatest_need_counts_once_it_was_looked_at_for_long_enough() -> None:
    needs = Needs()
    for now, need in ((0, 4), (1, 2), (2, 3), (5, 1)):
        needs.note(float(now), need, 10)
    assert needs.greatest(5.0, 10) is None
    needs.note(10.0, 1, 10)
    assert needs.greatest(10.0, 10) == 4
    needs.note(11.0, 1, 10)
    assert needs.greatest(11.0, 10) == 3
    needs.note(30.0, 1, 10)
    assert needs.greatest(30.0, 10) == 1


def track(current: int, metric: float, settled: int | None = None, **changes: Any) -> Wish | None:
    need = needed(current, metric, 10.0)
    return tracking("p", {**TRACK, **changes}, current, metric, need, settled)


def wanted(wish: Wish | None) -> int | None:
    return None if wish is None else wish.desired


def test_tracking_grows_at_once_and_shrinks_when_it_has_settled() -> None:
    assert wanted(track(1, 35.0)) == 4
    assert wanted(track(4, 10.0)) == 4
    assert wanted(track(4, 9.5, settled=3)) == 4, "within the slack"
    assert wanted(track(4, 2.0)) == 4, "not settled yet"
    assert wanted(track(4, 2.0, settled=2)) == 2
    assert track(4, 2.0, settled=2, DisableScaleIn=True) is None
    assert wanted(track(1, 35.0, DisableScaleIn=True)) == 4


STEPS = [
    {"MetricIntervalUpperBound": -10.0, "ScalingAdjustment": -2},
    {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 3},
]


def step(
    current: int, over: float, scaled: Scaled | None = None, now: float = 1000.0, **changes: Any
) -> int | None:
    config = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": STEPS, "Cooldown": 60, **changes}
    return wanted(stepping("p", config, current, over, "a", scaled or Scaled(), now))


def test_steps() -> None:
    assert (step(2, 0.0), step(2, 9.9), step(2, 10.0)) == (3, 3, 5)
    assert (step(5, -10.0), step(5, -5.0)) == (3, None)
    assert step(5, 10.0, Scaled(out=990.0, by=2)) == 6, "two of the three are there already"
    assert step(5, 10.0, Scaled(out=900.0, by=2)) == 8
    exact = [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 7}]
    assert step(2, 1.0, AdjustmentType="ExactCapacity", StepAdjustments=exact) == 7


@pytest.mark.parametrize(
    ("current", "percent", "least", "result"),
    [(10, 25, 1, 12), (1, 10, 1, 2), (10, -5, 1, 9), (10, -67, 1, 4), (4, 10, 2, 6)],
)
def test_steps_by_percent_are_rounded_as_on_aws(current: int, percent: int, least: int, result: int) -> None:
    steps = [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": percent}]
    found = step(
        current,
        1.0,
        AdjustmentType="PercentChangeInCapacity",
        StepAdjustments=steps,
        MinAdjustmentMagnitude=least,
    )
    assert found == result


def wish(desired: int, **changes: Any) -> Wish:
    return Wish(
        **{"policy": "p", "desired": desired, "why": "", "out_cooldown": 60, "in_cooldown": 30, **changes}
    )


def test_the_wish_that_wants_most_is_followed_within_the_bounds() -> None:
    def found(*desired: int, current: int = 4) -> int | None:
        return wanted(decide([wish(each) for each in desired], current, 2, 6, Scaled(), 0.0))

    assert (found(5, 3), found(3, 1), found(9), found(0), found(4, 1), found()) == (5, 3, 6, 2, None, None)
    assert (found(4, current=1), found(4, current=9)) == (2, 6)


def test_cooldowns() -> None:
    def found(desired: int, now: float, **changes: Any) -> int | None:
        scaled = Scaled(out=100.0, by=2, into=150.0)
        return wanted(decide([wish(desired, **changes)], 4, 1, 20, scaled, now))

    assert (found(5, 159.0), found(6, 159.0), found(7, 159.0)) == (None, None, 7), "only a larger step"
    assert found(5, 160.0) == 5
    assert found(5, 159.0, steps=True) == 5, "whose size knows the cooldown"
    assert (found(3, 179.0), found(3, 180.0)) == (None, 3)


def test_what_is_suspended_does_not_happen() -> None:
    assert decide([wish(5)], 4, 1, 9, Scaled(), 0.0, out=False) is None
    assert decide([wish(3)], 4, 1, 9, Scaled(), 0.0, into=False) is None
    assert decide([wish(5)], 4, 5, 9, Scaled(), 0.0, out=False) is None
