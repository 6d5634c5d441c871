"""What waits in line for a worker is bounded, in number and in bytes."""

from __future__ import annotations

import asyncio

import pytest

from clary.api.routes import Invocation, Overloaded
from clary.orchestrator.endpoints.pool import Pool


def invocation(size: int) -> Invocation:
    return Invocation(b"x" * size, {})


async def waits(pool: Pool, size: int) -> asyncio.Task[object]:
    """One that is in line."""
    load = pool.load
    task: asyncio.Task[object] = asyncio.create_task(pool.invoke(invocation(size)))
    await asyncio.sleep(0)
    assert pool.load == load + 1
    return task


async def leaves(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_more_requests_than_may_be_are_refused_at_once() -> None:
    async def run() -> None:
        pool = Pool(most=2)
        first, second = await waits(pool, 1), await waits(pool, 1)
        with pytest.raises(Overloaded, match="no more than 2"):
            await pool.invoke(invocation(1))
        await leaves(first)
        third = await waits(pool, 1)
        for task in (second, third):
            await leaves(task)
        assert pool.load == 0

    asyncio.run(run())


def test_bodies_in_line_have_so_much_room() -> None:
    async def run() -> None:
        pool = Pool(room=100)
        first = await waits(pool, 80)
        with pytest.raises(Overloaded, match="too large"):
            await pool.invoke(invocation(21))
        small = await waits(pool, 20)
        await leaves(first)
        large = await waits(pool, 80)
        for task in (small, large):
            await leaves(task)
        assert pool.load == 0

    asyncio.run(run())


def test_one_that_waits_for_too_long_is_refused() -> None:
    async def run() -> None:
        with pytest.raises(Overloaded, match="came free"):
            await Pool(longest_wait=0.0).invoke(invocation(1))

    asyncio.run(run())
