"""Baking: a new fleet has its share of the traffic for a while, and an alarm turns the update back.

An alarm that is in ALARM when the first traffic would turn over does so too: nothing would be told from what the
new fleet does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from clary.api.context import Ports
from clary.storage.ports import Resource

LOOK = 0.5
"""Seconds between two looks at the alarms."""


class Alarmed(Exception):
    """The update is to be rolled back; the message is the endpoint's FailureReason."""


async def bake(ports: Ports, endpoint: Resource, alarms: Sequence[str], seconds: float) -> None:
    """For `seconds`, one look at least. Raises `Alarmed`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        if alarms:
            tripped = await asyncio.to_thread(_tripped, ports, endpoint, alarms)
            if tripped:
                names = ", ".join(tripped)
                raise Alarmed(
                    f"One or more of the alarms of AutoRollbackConfiguration are in ALARM state: [{names}]. "
                    "The deployment was rolled back."
                )
        left = until - loop.time()
        if left <= 0:
            return
        await asyncio.sleep(min(LOOK, left) if alarms else left)


def _tripped(ports: Ports, endpoint: Resource, alarms: Sequence[str]) -> list[str]:
    with ports.store.read() as tx:
        found = tx.resources.find_many(
            f"arn:aws:cloudwatch:{endpoint.region}:{endpoint.account}:alarm:{name}" for name in alarms
        )
    return [alarm.name for alarm in found.values() if alarm.status == "ALARM"]
