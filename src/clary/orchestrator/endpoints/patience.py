"""How long a request may wait for a worker, and a worker work on it: limits without a timer for each request.

    Line       those who wait for a worker, in turn; one timer looks after whoever waits longest
    Patience   a worker's limit, set and lifted for each request; one timer looks whether it has passed

Almost no request reaches its limit, and a timer made and taken back costs as much as reading the request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from clary.api.routes import Overloaded

T = TypeVar("T")


class Line(Generic[T]):
    def __init__(self, longest: float) -> None:
        self.longest = longest
        """Seconds, for all the same: so whoever came first is the first to have waited too long."""
        self._waiting: deque[tuple[float, asyncio.Future[T], Callable[[T], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, taken: Callable[[T], None], returned: Callable[[T], None]) -> T:
        """What is given to whoever is first, after `taken` had it: that is called at once, where a busy loop may wake
        the caller late. Raises `Overloaded`. A caller that leaves just as it is given something gives it to
        `returned`."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[T] = loop.create_future()
        self._waiting.append((loop.time() + self.longest, turn, taken))
        if self._timer is None:
            self._timer = loop.call_later(self.longest, self._look)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                returned(turn.result())
            raise

    def give(self, what: T) -> bool:
        """To the first in line; False if nobody waits."""
        while self._waiting:
            _, turn, taken = self._waiting.popleft()
            if not turn.done():
                taken(what)
                turn.set_result(what)
                return True
        return False

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting:
            until, turn, _ = self._waiting[0]
            if not turn.done():
                if until > loop.time():
                    self._timer = loop.call_at(until, self._look)
                    return
                words = f"No worker of the model came free within {self.longest:g} seconds."
                turn.set_exception(Overloaded(words))
            self._waiting.popleft()


class Patience:
    def __init__(self, expired: Callable[[], None]) -> None:
        self._expired = expired
        self._until: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.over = False
        """Whether the last limit passed."""

    def begin(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.over = False
        self._until = until = loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_at(until, self._look)
        elif self._timer.when() > until:
            self._timer.cancel()
            self._timer = loop.call_at(until, self._look)

    def end(self) -> None:
        self._until = None

    def _look(self) -> None:
        self._timer = None
        if self._until is None:
            return
        loop = asyncio.get_running_loop()
        if self._until > loop.time():
            self._timer = loop.call_at(self._until, self._look)
        else:
            self._until, self.over = None, True
            self._expired()
