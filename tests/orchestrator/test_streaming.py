"""An answer in pieces between a worker and a reader who may be slow, or gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from clary.api import ServiceError
from clary.api.routes import Broken, TimedOut
from clary.orchestrator.endpoints.streaming import HIGH_WATER, Streamed
from clary.services.runtime.stream import parts

LARGE = b"x" * HIGH_WATER


class Worker:
    def __init__(self, stalled: float = 60.0) -> None:
        self.held = False
        self.ended: list[bool] = []
        self.answer = Streamed(
            lambda: setattr(self, "held", True), lambda: setattr(self, "held", False), stalled
        )
        self.answer.follow(self.ended.append)


def test_a_worker_is_free_once_its_answer_is_made() -> None:
    async def run() -> None:
        worker = Worker()
        worker.answer.put(b"a")
        worker.answer.put(b"b")
        worker.answer.end(whole=True)
        assert worker.ended == [True]
        assert [piece async for piece in worker.answer] == [b"a", b"b"]
        await worker.answer.aclose()
        assert worker.ended == [True]

    asyncio.run(run())


def test_a_worker_is_held_back_while_nobody_reads() -> None:
    async def run() -> None:
        worker = Worker()
        worker.answer.put(LARGE)
        assert not worker.held
        worker.answer.put(b"more")
        assert worker.held
        assert await anext(worker.answer) == LARGE
        assert not worker.held
        assert worker.ended == []

    asyncio.run(run())


def test_who_reads_nothing_for_too_long_loses_the_rest() -> None:
    async def run() -> None:
        worker = Worker(stalled=0.0)
        worker.answer.put(LARGE + b"x")
        given_up = asyncio.Event()
        worker.answer.follow(lambda whole: given_up.set())
        await given_up.wait()
        worker.answer.put(b"late")
        with pytest.raises(Broken):
            await anext(worker.answer)

    asyncio.run(run())


def test_what_came_before_it_broke_off_is_read_first() -> None:
    async def run() -> None:
        worker = Worker()
        reading = asyncio.create_task(anext(worker.answer))
        await asyncio.sleep(0)
        worker.answer.put(b"a")
        worker.answer.end(whole=False)
        assert await reading == b"a"
        with pytest.raises(Broken):
            await anext(worker.answer)
        late: list[bool] = []
        worker.answer.follow(late.append)
        assert (worker.ended, late) == ([False], [False])

    asyncio.run(run())


@pytest.mark.parametrize(("overdue", "error"), [(False, Broken), (True, TimedOut)])
def test_what_breaks_off_says_whether_it_took_too_long(overdue: bool, error: type[Exception]) -> None:
    async def main() -> None:
        worker = Worker()
        worker.answer.put(b"half")
        worker.answer.overdue = overdue
        worker.answer.end(whole=False)
        assert await anext(worker.answer) == b"half"
        with pytest.raises(error):
            await anext(worker.answer)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "code", "more"),
    [
        (Broken("gone"), "ModelStreamError", {"ErrorCode": "StreamBroken"}),
        (TimedOut("late"), "ModelStreamError", {"ErrorCode": "ModelInvocationTimeExceeded"}),
        (RuntimeError("a fault of ours"), "InternalStreamFailure", {}),
    ],
)
def test_how_a_stream_ends_is_told_by_aws_s_names(error: Exception, code: str, more: dict[str, str]) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise error

    async def main() -> None:
        events = parts(body())
        assert await anext(events) == {"PayloadPart": {"Bytes": b"half"}}
        with pytest.raises(ServiceError) as raised:
            await anext(events)
        assert (raised.value.code, raised.value.fields) == (code, more)

    asyncio.run(main())
