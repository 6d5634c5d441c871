"""An answer that comes in pieces, between a worker that makes it and a caller who reads it.

The worker is free for the next request as soon as it has made all of the answer, however slow the reader is: up to
`HIGH_WATER` bytes wait here. Beyond that the worker waits for its reader, `STALLED` seconds at most; one who reads
nothing for so long, or who leaves, loses the rest of the answer and the worker comes back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from clary.api.routes import Broken, TimedOut

HIGH_WATER = 1 << 20
"""Bytes of an answer that wait for their reader before the worker is held back."""
STALLED = 60.0
"""Seconds for which a worker that is held back waits for a reader who reads nothing."""


class Streamed:
    """The pieces, as an asynchronous iterator. `pause` and `resume` hold the worker back."""

    def __init__(
        self, pause: Callable[[], None], resume: Callable[[], None], stalled: float = STALLED
    ) -> None:  # fmt: skip
        self._pause, self._resume, self._seconds = pause, resume, stalled
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._paused: asyncio.TimerHandle | None = None
        self._more = asyncio.Event()
        self._whole: bool | None = None
        self.overdue = False
        """Whether it broke off because the worker took too long."""
        self._ended: Callable[[bool], None] | None = None

    def follow(self, ended: Callable[[bool], None]) -> None:
        """Have `ended` called once: True when the worker has made all of it, False when it is to be given up."""
        if self._whole is None:
            self._ended = ended
        else:
            ended(self._whole)

    def put(self, piece: bytes) -> None:
        if self._whole is not None:
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        self._more.set()
        if self._waiting > HIGH_WATER and self._paused is None:
            self._pause()
            self._arm()

    def end(self, *, whole: bool) -> None:
        """What has come is still for its reader; where it is not the whole, its end is `Broken`."""
        if self._whole is None:
            self._whole = whole
            self._disarm()
            self._more.set()
            if self._ended is not None:
                self._ended(whole)

    def __aiter__(self) -> Streamed:
        return self

    async def __anext__(self) -> bytes:
        """Raises `Broken`, `TimedOut`."""
        while not self._pieces:
            if self._whole is not None:
                if self._whole:
                    raise StopAsyncIteration
                if self.overdue:
                    raise TimedOut("The model server did not finish its answer in time.")
                raise Broken("The model server's answer broke off.")
            self._more.clear()
            await self._more.wait()
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        if self._paused is not None:
            if self._waiting <= HIGH_WATER:
                self._disarm()
                self._resume()
            else:
                self._disarm()
                self._arm()
        return piece

    async def aclose(self) -> None:
        """Its reader leaves."""
        self._pieces.clear()
        self.end(whole=False)

    def _arm(self) -> None:
        self._paused = asyncio.get_running_loop().call_later(self._seconds, self._give_up)

    def _disarm(self) -> None:
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None

    def _give_up(self) -> None:
        self._paused = None
        self._pieces.clear()
        self.end(whole=False)
