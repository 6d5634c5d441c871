"""Functions handed to threads: results and errors come back, none waits for a free thread in vain."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from clary.gateway.threads import Threads


def test_results_and_errors_come_back() -> None:
    async def run() -> None:
        threads = Threads(2)
        assert await threads.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await threads.run(divmod, 1, 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await threads.run(next, iter(()))
        assert sorted(await asyncio.gather(*(threads.run(abs, -n) for n in range(20)))) == list(range(20))
        threads.close()

    asyncio.run(run())


def test_as_many_at_once_as_there_may_be() -> None:
    """All meet at the barrier, which fewer threads would never reach."""

    async def run() -> None:
        threads, everyone = Threads(4), threading.Barrier(4)
        for _ in range(2):
            await asyncio.gather(*(threads.run(everyone.wait, 20) for _ in range(4)))
        threads.close()

    asyncio.run(run())


def test_nobody_is_told_who_gave_up() -> None:
    async def run() -> None:
        threads, go, ended = Threads(1), threading.Event(), threading.Event()

        def slow() -> None:
            go.wait(20)
            ended.set()

        waiting = asyncio.ensure_future(threads.run(slow))
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        go.set()
        assert await threads.run(abs, -1) == 1
        assert ended.is_set()
        threads.close()

    asyncio.run(run())


def test_closing_waits_for_what_is_under_way() -> None:
    done: list[int] = []

    async def run() -> None:
        threads, began = Threads(1), threading.Event()

        def slow() -> None:
            began.set()
            done.append(1)

        waiting = asyncio.ensure_future(threads.run(slow))
        await asyncio.sleep(0)
        threads.close()
        assert done == [1]
        await waiting

    asyncio.run(run())
