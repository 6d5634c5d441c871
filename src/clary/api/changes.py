"""Tells whoever waits inside this server that a resource changed; what changed, they read from the store."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Watch:
    """Remembers a change from the moment it was made, so look at the store *inside* the watch, then wait."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """True once something changed since the last wait, False after `seconds` without."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def notify(self) -> None:
        self._changed.set()


class Changes:
    """- `publish` may be called from any thread; watching is for the loop that `bind` named.
    - A hint, never the truth: nothing is kept, and a server that restarts has told nobody.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def publish(self, arn: str) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notify, arn)

    @contextmanager
    def watch(self, arn: str) -> Iterator[Watch]:
        watch = Watch()
        self._watches[arn].add(watch)
        try:
            yield watch
        finally:
            self._watches[arn].discard(watch)
            if not self._watches[arn]:
                del self._watches[arn]

    def _notify(self, arn: str) -> None:
        for watch in self._watches.get(arn, ()):
            watch.notify()
