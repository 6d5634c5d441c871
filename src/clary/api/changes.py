"""Tells whoever waits inside this server that a resource changed; what changed, they read from the store."""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Changes:
    """- Callable from any thread; waiting is for the loop that `bind` named.
    - A hint, never the truth: nothing is kept, and a server that restarts has told nobody.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def publish(self, arn: str) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, arn)

    async def wait(self, arn: str, seconds: float) -> bool:
        """True once `arn` changed, False after `seconds` without."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[arn].add(future)
        try:
            await asyncio.wait_for(future, seconds)
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting[arn].discard(future)
            if not self._waiting[arn]:
                del self._waiting[arn]

    def _wake(self, arn: str) -> None:
        for future in self._waiting.get(arn, ()):
            if not future.done():
                future.set_result(None)
