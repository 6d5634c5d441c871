"""First come, first served; never more than there is, unless found running."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from clary.orchestrator.slots import Room, Slots

HALF = Room(1, 4.0)
ALL = Room(2, 8.0)


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_large_job_is_not_overtaken_by_a_small_one() -> None:
    async def scenario() -> list[str]:
        slots, order = Slots(ALL), []

        async def job(name: str, need: Room) -> None:
            await slots.acquire(name, need)
            order.append(name)

        async with asyncio.TaskGroup() as group:
            for name, need in [("first", HALF), ("large", ALL), ("small", HALF)]:
                group.create_task(job(name, need))
                await turns()
            assert order == ["first"]
            assert (slots.ahead("large"), slots.ahead("small")) == (0, 1)
            slots.release("first")
            await turns()
            assert order == ["first", "large"]
            slots.release("large")
        return order

    assert asyncio.run(scenario()) == ["first", "large", "small"]


def test_what_exceeds_the_machine_gets_all_of_it() -> None:
    async def scenario() -> Room:
        slots = Slots(ALL)
        await slots.acquire("p3", Room(8, 61.0, 1))
        return slots.free

    assert asyncio.run(scenario()) == Room(0, 0.0)


def test_a_waiter_that_gives_up_lets_the_next_one_through() -> None:
    async def scenario() -> None:
        slots = Slots(ALL)
        await slots.acquire("running", HALF)
        large = asyncio.create_task(slots.acquire("large", ALL))
        small = asyncio.create_task(slots.acquire("small", HALF))
        await turns()
        assert not small.done()
        large.cancel()
        await asyncio.wait_for(small, 5)

    asyncio.run(scenario())


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=40))
def test_never_more_than_the_total_and_none_forgotten(script: list[tuple[int, int, bool]]) -> None:
    async def scenario() -> None:
        slots = Slots(Room(3, 12.0))
        tasks: dict[str, asyncio.Task[None]] = {}
        for number, cpus, release in script:
            key = str(number)
            if release:
                if key in tasks and tasks[key].done():
                    del tasks[key]
                    slots.release(key)
            elif key not in tasks:
                tasks[key] = asyncio.create_task(slots.acquire(key, Room(cpus, float(cpus))))
            await turns()
            assert slots.free.cpus >= 0
        while tasks:
            done = [key for key, task in tasks.items() if task.done()]
            assert done, "a waiter is stuck"
            for key in done:
                del tasks[key]
                slots.release(key)
            await turns()
        assert slots.free == slots.total

    asyncio.run(scenario())
