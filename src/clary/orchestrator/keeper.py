"""What is done with a job's output as long as its programs run: mirrors send files, a recorder its machine's metrics."""

from __future__ import annotations

import asyncio
from typing import Protocol

from clary.storage.objects import ObjectStore


class Keeper(Protocol):
    async def keep(self, objects: ObjectStore, ended: asyncio.Event) -> None:
        """Until `ended` is set, and all is sent."""
