"""How many instances a scaling policy wants, and whether it may have them now. Pure: numbers and times in.

- Target tracking keeps a metric a minute and instance near its target: it grows as soon as the metric is above the
  target, and shrinks once the metric has called for less throughout its ScaleInCooldown (`Needs`).
- Step scaling adds what the step says in which its alarm's metric lies.
- Of several policies the one that wants most is followed, in both directions.
- In a cooldown after growing, only a larger step grows further; one after shrinking forbids only shrinking.

Source: "Target tracking scaling policies", "Step scaling policies" in Application Auto Scaling's user guide.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COOLDOWN = 300.0
"""Seconds, where a policy of a SageMaker variant says nothing."""
SLACK = 0.9
"""The share of the target below which there is too much capacity, as AWS's low alarms have it."""
SHORTEST = 5.0
"""Seconds for which less must do before anything shrinks, however short the cooldown."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one policy wants."""

    policy: str
    desired: int
    why: str
    out_cooldown: float = COOLDOWN
    in_cooldown: float = COOLDOWN
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Scaled:
    """The last activities of a target: epoch seconds of their ends, and how many instances the last growth added."""

    out: float = -math.inf
    by: int = 0
    into: float = -math.inf


class Needs:
    """What a metric called for, over time."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._kept: deque[tuple[float, int]] = deque()

    def note(self, now: float, need: int, seconds: float) -> None:
        """Keep those of the last `seconds`."""
        self._since = now if self._since is None else self._since
        while self._kept and self._kept[-1][1] <= need:
            self._kept.pop()
        self._kept.append((now, need))
        while self._kept and self._kept[0][0] < now - seconds:
            self._kept.popleft()

    def greatest(self, now: float, seconds: float) -> int | None:
        """Of the last `seconds`; None before that long was looked at."""
        if self._since is None or now - self._since < seconds or not self._kept:
            return None
        return self._kept[0][1]


def needed(current: int, metric: float, target: float) -> int:
    """Instances for which a metric per instance is at its target."""
    return max(0, math.ceil(max(1, current) * metric / target - 1e-9))


def patience(config: Mapping[str, Any]) -> float:
    """Seconds for which less must do before a tracking policy shrinks."""
    return max(SHORTEST, float(config.get("ScaleInCooldown", COOLDOWN)))


def tracking(
    policy: str, config: Mapping[str, Any], current: int, metric: float, need: int, settled: int | None
) -> Wish | None:  # fmt: skip
    """`metric`: per instance; `need`: what it calls for; `settled`: `Needs.greatest`. None: it has no opinion."""
    target = float(config["TargetValue"])
    cooldowns = (
        float(config.get("ScaleOutCooldown", COOLDOWN)),
        float(config.get("ScaleInCooldown", COOLDOWN)),
    )
    if metric > target:
        why = f"the metric was {metric:g}, above the target {target:g}, which triggered policy {policy}"
        return Wish(policy, max(need, current + 1), why, *cooldowns)
    if config.get("DisableScaleIn"):
        return None
    if settled is not None and settled < current and metric < SLACK * target:
        why = f"the metric was {metric:g}, below the target {target:g}, which triggered policy {policy}"
        return Wish(policy, settled, why, *cooldowns)
    return Wish(policy, current, "", *cooldowns)


def stepping(
    policy: str, config: Mapping[str, Any], current: int, over: float, alarm: str, scaled: Scaled, now: float
) -> Wish | None:  # fmt: skip
    """Where the policy's alarm is up; `over`: its metric less its threshold. None: no step is there for it."""
    cooldown = float(config.get("Cooldown", COOLDOWN))
    adjustment = _step(config["StepAdjustments"], over)
    if adjustment is None:
        return None
    # In the cooldown what was added counts as part of what the next step adds.
    base = current - scaled.by if adjustment > 0 and now - scaled.out < cooldown else current
    kind = config["AdjustmentType"]
    if kind == "ExactCapacity":
        desired = adjustment
    else:
        change = float(adjustment) if kind == "ChangeInCapacity" else base * adjustment / 100
        size = max(1 if change else 0, math.floor(abs(change) + 1e-9))
        if kind == "PercentChangeInCapacity" and change:
            size = max(size, int(config.get("MinAdjustmentMagnitude", 1)))
        desired = base + int(math.copysign(size, change))
    why = f"monitor alarm {alarm} in state ALARM triggered policy {policy}"
    return Wish(policy, desired, why, cooldown, cooldown, steps=True)


def _step(steps: Sequence[Mapping[str, Any]], over: float) -> int | None:
    for each in steps:
        low = each.get("MetricIntervalLowerBound", -math.inf)
        high = each.get("MetricIntervalUpperBound", math.inf)
        if (low <= over < high) if over >= 0 else (low < over <= high):
            return int(each["ScalingAdjustment"])
    return None


def decide(
    wishes: Iterable[Wish], current: int, least: int, most: int, scaled: Scaled, now: float, *,
    out: bool = True, into: bool = True,
) -> Wish | None:  # fmt: skip
    """The wish to follow, within the bounds; None: all stays. `out`, `into`: whether growing and shrinking are
    allowed at all."""
    given = list(wishes)
    if current < least:
        return Wish("", least, f"minimum capacity was set to {least}") if out else None
    if current > most:
        return Wish("", most, f"maximum capacity was set to {most}") if into else None
    wish = max(given, key=lambda each: each.desired, default=None)
    if wish is None:
        return None
    desired = min(max(wish.desired, least), most)
    if desired == current or not (out if desired > current else into):
        return None
    if desired < current:
        allowed = now - scaled.into >= wish.in_cooldown
    else:
        cooling = now - scaled.out < wish.out_cooldown
        allowed = not cooling or wish.steps or desired - current > scaled.by
    if not allowed:
        return None
    return Wish(wish.policy, desired, wish.why, wish.out_cooldown, wish.in_cooldown, wish.steps)
