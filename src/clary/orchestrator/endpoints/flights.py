"""Work that several callers wait for, done once: it goes on when they can wait no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

from clary.api.routes import NotReady

T = TypeVar("T")


class Flights(Generic[T]):
    """By key, one piece of work at a time."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    def __contains__(self, key: str) -> bool:
        """Whether it is under way."""
        return key in self._under_way

    def __len__(self) -> int:
        return len(self._under_way)

    async def join(
        self, key: str, work: Callable[[], Coroutine[Any, Any, T]], seconds: float, words: str
    ) -> T:
        """What `work` gives, or what is under way already by this key, which is waited for `seconds`.
        Raises what it raises; `NotReady`, with `words`."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = asyncio.create_task(work())
            flight.add_done_callback(partial(self._landed, key))
        await _wait(flight, seconds, words)
        return flight.result()

    async def settled(self, key: str, seconds: float, words: str) -> None:
        """Once nothing is under way by this key, however it ended. Raises `NotReady`, with `words`."""
        if key in self._under_way:
            await _wait(self._under_way[key], seconds, words)

    def after(self, key: str, then: Callable[[], None]) -> None:
        """Call `then` once nothing is under way by this key; now, if nothing is."""
        flight = self._under_way.get(key)
        if flight is None:
            then()
        else:
            flight.add_done_callback(lambda _: then())

    def _landed(self, key: str, flight: asyncio.Task[T]) -> None:
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()  # told to whoever still waits


async def _wait(flight: asyncio.Task[T], seconds: float, words: str) -> None:
    done, _ = await asyncio.wait([flight], timeout=seconds)
    if not done:
        raise NotReady(words)
