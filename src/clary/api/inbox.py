"""What other threads have to tell a loop, told together.

Waking a loop costs a system call and a turn of it, so what comes until it has woken comes with the same wake.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary


class Inbox:
    """`put` may be called from any thread; what is put runs on the loop, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._waking = False

    def put(self, function: Callable[..., object], *arguments: Any) -> None:
        """Nothing happens where the loop is closed: nobody waits any more."""
        self._calls.append((function, arguments))
        if not self._waking and not self._loop.is_closed():
            self._waking = True
            self._loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        self._waking = False  # first: what is put from now on may come after the last look
        calls = self._calls
        while calls:
            function, arguments = calls.popleft()
            function(*arguments)


_inboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Inbox] = WeakKeyDictionary()


def inbox() -> Inbox:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    found = _inboxes.get(loop)
    if found is None:
        found = _inboxes[loop] = Inbox(loop)
    return found
