"""The reconciler's guarantees, with a toy kind: three effects in a row, handlers that a test controls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from clary.domain.machine import Step
from clary.orchestrator.reconciler import Reconciler, Tell
from clary.storage.memory import MemoryStore
from clary.storage.ports import Effect, Resource, Transaction

ARN = "arn:aws:clary:us-east-1:123456789012:toy/one"
NEXT = {"wake": "cut", "cut": "sew", "sew": None}


@dataclass
class Toys:
    status: str = "ToyStatus"
    ran: Counter[str] = field(default_factory=Counter)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)

    def step(self, toy: Resource, event: Any, now: float) -> Step:
        if event == "stop":
            return Step({"ToyStatus": "Stopped"}, abandon=True)
        if isinstance(event, tuple):
            return Step({"ToyStatus": f"Failed: {event[1]}"}, abandon=True)
        following = NEXT[event]
        done = [*toy.state.get("done", []), event]
        if following is None:
            return Step({"ToyStatus": "Done", "done": done})
        return Step({"ToyStatus": following, "done": done}, ((following, now),))

    def failed(self, error: Exception) -> Any:
        return ("failed", str(error))

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[Any]]]:
        return {name: self._run(name) for name in NEXT}

    def _run(self, name: str) -> Callable[[Resource, Tell], Awaitable[Any]]:
        async def run(toy: Resource, tell: Tell) -> Any:
            self.ran[name] += 1
            if name in self.gates:
                await self.gates[name].wait()
            if name in self.fails:
                raise RuntimeError("scissors broke")
            return name

        return run

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None: ...
    def committed(self, after: Resource) -> None: ...
    def resumed(self, resource: Resource, effect: str) -> None: ...


def begin(store: MemoryStore) -> None:
    with store.begin() as tx:
        tx.resources.insert(
            Resource(ARN, "123456789012", "us-east-1", "Toy", "one", created=0.0, modified=0.0)
        )
        tx.outbox.put(Effect(ARN, 1, "wake"))


def toy(store: MemoryStore) -> Resource:
    with store.read() as tx:
        return tx.resources.get(ARN)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about")


def test_effects_follow_each_other_and_are_taken_out() -> None:
    async def scenario() -> None:
        store, toys = MemoryStore(), Toys()
        task = asyncio.create_task(Reconciler(store, {"Toy": toys}).run())
        begin(store)
        await until(lambda: toy(store).status == "Done")
        assert toy(store).state["done"] == ["wake", "cut", "sew"]
        with store.read() as tx:
            assert not tx.outbox.list(ARN)
        task.cancel()

    asyncio.run(scenario())


def test_an_effect_that_raises_becomes_an_event() -> None:
    async def scenario() -> None:
        store, toys = MemoryStore(), Toys(fails={"cut"})
        task = asyncio.create_task(Reconciler(store, {"Toy": toys}).run())
        begin(store)
        await until(lambda: (toy(store).status or "").startswith("Failed"))
        assert toy(store).status == "Failed: scissors broke"
        task.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize("at", ["wake", "cut", "sew"])
def test_a_server_that_died_runs_again_just_what_has_no_event(at: str) -> None:
    async def first(store: MemoryStore, toys: Toys) -> None:
        toys.gates[at] = asyncio.Event()
        task = asyncio.create_task(Reconciler(store, {"Toy": toys}).run())
        begin(store)
        await until(lambda: toys.ran[at] == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def second(store: MemoryStore, toys: Toys) -> None:
        task = asyncio.create_task(Reconciler(store, {"Toy": toys}).run())
        await until(lambda: toy(store).status == "Done")
        task.cancel()

    store, before, after = MemoryStore(), Toys(), Toys()
    asyncio.run(first(store, before))
    asyncio.run(second(store, after))
    assert toy(store).state["done"] == ["wake", "cut", "sew"]
    assert before.ran[at] == after.ran[at] == 1
    assert all((before.ran + after.ran)[name] == 1 for name in NEXT if name != at)


def test_abandoning_drops_what_runs_and_what_waits() -> None:
    async def scenario() -> None:
        store, toys = MemoryStore(), Toys()
        toys.gates["cut"] = asyncio.Event()
        reconciler = Reconciler(store, {"Toy": toys})
        task = asyncio.create_task(reconciler.run())
        begin(store)
        await until(lambda: toys.ran["cut"] == 1)
        await reconciler._tell(ARN, "stop")
        toys.gates["cut"].set()
        await until(lambda: not reconciler._running)
        assert toy(store).status == "Stopped"
        assert toy(store).state["done"] == ["wake"]
        with store.read() as tx:
            assert not tx.outbox.list(ARN)
        task.cancel()

    asyncio.run(scenario())


def test_abandoning_spares_what_the_same_step_queued() -> None:
    """The commit wakes the loop, which may start the new effect before the old one's task goes on."""

    class Restarting(Toys):
        def step(self, toy: Resource, event: Any, now: float) -> Step:
            decision = super().step(toy, event, now)
            return Step(decision.changes, decision.effects, abandon=event == "wake")

    async def scenario() -> None:
        store, toys = MemoryStore(), Restarting()
        reconciler = Reconciler(store, {"Toy": toys})
        begin(store)
        with store.read() as tx:
            (wake,) = tx.outbox.list(ARN)
        after = reconciler._step(wake, "wake")
        assert after is not None
        with store.read() as tx:
            (cut,) = tx.outbox.list(ARN)
        assert cut.name == "cut"
        assert cut.id not in after[1]

    asyncio.run(scenario())


def test_a_due_time_is_waited_for() -> None:
    async def scenario() -> None:
        store, toys = MemoryStore(), Toys()
        now = [100.0]
        reconciler = Reconciler(store, {"Toy": toys}, clock=lambda: now[0])
        with store.begin() as tx:
            tx.resources.insert(Resource(ARN, "1", "r", "Toy", "one", created=0.0, modified=0.0))
            tx.outbox.put(Effect(ARN, 1, "sew", due=100.2))
        task = asyncio.create_task(reconciler.run())
        await asyncio.sleep(0.05)
        assert toys.ran["sew"] == 0
        now[0] = 100.3
        await until(lambda: toys.ran["sew"] == 1)
        task.cancel()

    asyncio.run(scenario())


def test_an_effect_recorded_after_the_queue_was_read_does_not_run_again() -> None:
    async def scenario() -> None:
        store, toys = MemoryStore(), Toys()
        reconciler = Reconciler(store, {"Toy": toys})
        begin(store)
        with store.read() as tx:
            (stale,) = tx.outbox.list(ARN)
        await reconciler._perform(stale)
        assert toys.ran["wake"] == 1
        await reconciler._perform(stale)
        assert toys.ran["wake"] == 1
        assert toy(store).state["done"] == ["wake"]

    asyncio.run(scenario())
