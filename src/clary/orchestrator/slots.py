"""Room for jobs: CPUs, memory and GPUs of this machine, given out first come, first served."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    cpus: int
    memory_gib: float
    gpus: int = 0

    def holds(self, other: Room) -> bool:
        return self.cpus >= other.cpus and self.memory_gib >= other.memory_gib and self.gpus >= other.gpus

    def __sub__(self, other: Room) -> Room:
        return Room(self.cpus - other.cpus, self.memory_gib - other.memory_gib, self.gpus - other.gpus)

    def clipped(self, other: Room) -> Room:
        """As much of this as fits into all of `other`."""
        return Room(
            min(self.cpus, other.cpus), min(self.memory_gib, other.memory_gib), min(self.gpus, other.gpus)
        )


class Slots:
    """- A key holds at most one room; asking again is free.
    - The queue's head is never overtaken, so a large job is not starved by small ones.
    - `hold` takes without asking: for jobs found running after a restart, even beyond the total.
    - A waiter that is cancelled leaves the queue.
    - Nothing is kept on disk: a restarted server holds again for what runs, and the others queue again.
    """

    def __init__(self, total: Room) -> None:
        self.total = total
        self._held: dict[str, Room] = {}
        self._queue: OrderedDict[str, tuple[Room, asyncio.Future[None]]] = OrderedDict()

    @property
    def free(self) -> Room:
        room = self.total
        for held in self._held.values():
            room = room - held
        return room

    def hold(self, key: str, need: Room) -> None:
        self._held[key] = need.clipped(self.total)

    async def acquire(self, key: str, need: Room) -> None:
        """Wait for room; what exceeds the machine is clipped to it."""
        if key in self._held:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue[key] = (need.clipped(self.total), future)
        self._admit()
        try:
            await future
        except asyncio.CancelledError:
            self._queue.pop(key, None)
            self._held.pop(key, None)
            self._admit()
            raise

    def ahead(self, key: str) -> int:
        """How many wait before this key."""
        return list(self._queue).index(key) if key in self._queue else 0

    def release(self, key: str) -> None:
        if self._held.pop(key, None) is not None:
            self._admit()

    def _admit(self) -> None:
        while self._queue:
            key, (need, future) = next(iter(self._queue.items()))
            if not future.cancelled() and not self.free.holds(need):
                return
            del self._queue[key]
            if not future.cancelled():
                self._held[key] = need
                future.set_result(None)
