"""Threads that plain operations run in.

`run` hands a function over and awaits its result. It costs a third of what `loop.run_in_executor` does, whose futures
serve every kind of waiter: for an operation that reads one row, that was as much as the row.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from clary.api.inbox import Inbox, inbox

T = TypeVar("T")


class _Task(NamedTuple):
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    inbox: Inbox
    result: asyncio.Future[Any]


class Threads:
    """Up to `limit`, each begun when all others are at work. Used from one loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        task = _Task(function, arguments, inbox(), asyncio.get_running_loop().create_future())
        self._under_way += 1
        if len(self._threads) < min(self._under_way, self._limit):
            thread = threading.Thread(target=self._work, name="operation", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put(task)
        result: T = await task.result
        return result

    def close(self) -> None:
        """Let what is under way end."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                self._tell(task, asyncio.Future.set_result, task.function(*task.arguments))
            except StopIteration as error:  # which no future takes
                self._tell(
                    task, asyncio.Future.set_exception, RuntimeError(f"{task.function} raised {error!r}")
                )
            except BaseException as error:
                self._tell(task, asyncio.Future.set_exception, error)
            del task

    def _tell(self, task: _Task, what: Callable[[asyncio.Future[Any], Any], None], value: object) -> None:
        task.inbox.put(self._told, task.result, what, value)

    def _told(
        self, result: asyncio.Future[Any], what: Callable[[asyncio.Future[Any], Any], None], value: object
    ) -> None:
        self._under_way -= 1
        if not result.done():  # whoever waited may have given up
            what(result, value)
