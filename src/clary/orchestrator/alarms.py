"""The reconciler's machine for kind MetricAlarm: one effect, `watch`, for as long as an alarm is there.

It looks once a second, and writes only when the state changes. What acts on an alarm (a rollback, a scaling policy)
looks at its row.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from clary.api.context import Ports
from clary.domain import alarms as rules
from clary.domain.machine import Step
from clary.orchestrator.reconciler import Tell
from clary.storage.metric_series import newest
from clary.storage.ports import Resource, Transaction

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two looks."""


class Alarms:
    status = "StateValue"

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def step(self, alarm: Resource, event: rules.Judged, now: float) -> Step:
        return rules.step(alarm, event, now)

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[None]]]:
        return {"watch": self.watch}

    def failed(self, error: Exception) -> rules.Judged:
        return rules.Judged(rules.INSUFFICIENT, f"Evaluation failed: {error}"[:1023], "")

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        """Nothing derives from it."""

    def committed(self, after: Resource) -> None:
        self._ports.changes.publish(after.arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        """It takes no room."""

    async def watch(self, alarm: Resource, tell: Tell) -> None:
        with self._ports.changes.watch(alarm.arn) as watch:
            while True:
                try:
                    current, verdict = await asyncio.to_thread(self._look, alarm.arn)
                except Exception:
                    log.exception("%s could not be judged", alarm.arn)
                    await asyncio.sleep(PAUSE)
                    continue
                if current is None or current.created != alarm.created:
                    return
                if verdict is not None and verdict.value != current.status:
                    await tell(verdict)
                await watch.wait(PAUSE)

    def _look(self, arn: str) -> tuple[Resource | None, rules.Judged | None]:
        now = time.time()
        with self._ports.store.read() as tx:
            alarm = tx.resources.find(arn)
            if alarm is None or alarm.state["Clary"]["hold"] > now:
                return alarm, None
            return alarm, rules.judged(alarm.spec, datapoints(tx, alarm, now), now)


def datapoints(tx: Transaction, alarm: Resource, now: float) -> list[float | None]:
    """What an alarm looks at, oldest first."""
    spec = alarm.spec
    dimensions = {each["Name"]: each["Value"] for each in spec.get("Dimensions", ())}
    periods = newest(
        alarm, tx, spec["Namespace"], spec["MetricName"], dimensions, spec["Period"], rules.watched(spec), now
    )
    return rules.datapoints(spec, periods)
