"""Waiting in line and working within a limit, without a timer for each request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from clary.api.routes import Overloaded
from clary.orchestrator.endpoints.patience import Line, Patience


def nothing(_: str) -> None:
    raise AssertionError("nobody left")


def nothing_yet(_: str) -> None:
    """What a caller has done with what it is given, before it wakes."""


def test_whoever_came_first_is_given_first() -> None:
    async def run() -> None:
        line: Line[str] = Line(60)
        taken: list[str] = []
        waiting = [asyncio.create_task(line.wait(taken.append, nothing)) for _ in range(3)]
        await asyncio.sleep(0)
        assert [line.give(each) for each in "abc"] == [True] * 3
        assert taken == ["a", "b", "c"]
        assert await asyncio.gather(*waiting) == ["a", "b", "c"]
        assert not line.give("d")

    asyncio.run(run())


def test_who_leaves_is_passed_over_and_gives_back_what_came_too_late() -> None:
    async def run() -> None:
        line: Line[str] = Line(60)
        back: list[str] = []
        first, second, third = (asyncio.create_task(line.wait(nothing_yet, back.append)) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert line.give("a")
        second.cancel()  # in the same moment
        await asyncio.gather(second, return_exceptions=True)
        assert back == ["a"]
        assert line.give("b")
        assert await third == "b"

    asyncio.run(run())


def test_who_waits_too_long_is_told_so_and_the_next_waits_on() -> None:
    async def run() -> None:
        line: Line[str] = Line(0.05)
        first = asyncio.create_task(line.wait(nothing_yet, nothing))
        await asyncio.sleep(0.03)
        second = asyncio.create_task(line.wait(nothing_yet, nothing))
        with pytest.raises(Overloaded, match=r"within 0\.05 seconds"):
            await first
        assert not second.done()
        with pytest.raises(Overloaded):
            await second
        third = asyncio.create_task(line.wait(nothing_yet, nothing))
        await asyncio.sleep(0)
        assert line.give("a")
        assert await third == "a"

    asyncio.run(run())


@pytest.mark.parametrize("limits", [(0.02,), (60.0, 0.02), (0.01, 0.03)])
def test_a_limit_that_passes_is_said_once(limits: tuple[float, ...]) -> None:
    """Whatever limits were set and lifted before it."""

    async def run() -> None:
        over: list[bool] = []
        expired = asyncio.Event()

        def tell() -> None:
            over.append(True)
            expired.set()

        patience = Patience(tell)
        for limit in limits:
            patience.end()
            patience.begin(limit)
        assert not patience.over
        await expired.wait()
        assert (patience.over, over) == (True, [True])
        patience.begin(60)
        assert not patience.over

    asyncio.run(run())


def test_a_limit_that_is_lifted_never_passes() -> None:
    async def run(check: Callable[[Patience], None]) -> None:
        patience = Patience(lambda: check(patience))
        patience.begin(0.01)
        patience.end()
        await asyncio.sleep(0.05)
        assert not patience.over

    def fail(_: Patience) -> None:
        raise AssertionError

    asyncio.run(run(fail))
