"""Runs effects and records what they led to.

- Every effect in the outbox runs at least once; its event is recorded at most once, in the transaction that
  takes the effect out. An event whose effect is gone meanwhile (the job was stopped) is dropped.
- Effects of one resource may overlap (a program runs while its deadline is awaited); steps of one resource
  never do: each is a compare-and-swap on the row.
- A restarted server finds in the outbox just the effects without an event, and runs them again; handlers
  are idempotent.
- An effect that raises becomes an `EffectFailed` event, never a dead task.
- A full disk delays what is to be recorded, and loses nothing: the reserve is given up, and it is tried again.
- Nothing polls: a commit that queues an effect wakes the loop, and the next due time bounds its sleep.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from clary.domain.machine import Step
from clary.orchestrator.reserve import Reserve
from clary.storage.ports import Conflict, Effect, Full, Resource, Store, Transaction

log = logging.getLogger(__name__)


Tell = Callable[[Any], Coroutine[Any, Any, None]]
"""Records an event of the resource at hand while its effect goes on: progress, where the program runs."""


RETRY = 0.5
"""Seconds until what a full disk refused is tried again."""


THREADS = 8
"""For steps, which take milliseconds and wait for each other's commits."""

T = TypeVar("T")


class Machine(Protocol):
    """A kind's behaviour: the pure step, what runs its effects, and what else to write with a step."""

    @property
    def status(self) -> str:
        """The document's member that the row's status shows."""
        ...

    def step(self, resource: Resource, event: Any, now: float) -> Step: ...
    def failed(self, error: Exception) -> Any:
        """The event for an effect that raised."""
        ...

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[Any]]]:
        """By name. A handler answers an event, or None to be taken out without one."""
        ...

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        """In the step's transaction: keep what derives from the row up to date."""
        ...

    def committed(self, after: Resource) -> None:
        """After it, on the loop."""
        ...

    def resumed(self, resource: Resource, effect: str) -> None:
        """At start, before anything runs, for each effect left over."""
        ...


class Reconciler:
    def __init__(
        self,
        store: Store,
        machines: Mapping[str, Machine],
        clock: Callable[[], float] = time.time,
        reserve: Reserve | None = None,
    ) -> None:
        self._store, self._machines, self._clock, self._reserve = store, machines, clock, reserve
        self._running: dict[int, tuple[str, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._threads = ThreadPoolExecutor(THREADS, "step")

    async def run(self) -> None:
        """Until cancelled. What runs then is left as it is: it belongs to the next server."""
        loop = asyncio.get_running_loop()
        self._store.subscribe(partial(_wake, loop, self._woken))
        await self._resume()
        try:
            while True:
                self._woken.clear()
                delay = await self._start_due()
                try:
                    await asyncio.wait_for(self._woken.wait(), delay)
                except TimeoutError:
                    continue
        finally:
            tasks = [task for _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """In threads of its own: no state waits behind what moves files or starts programs."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _resume(self) -> None:
        def leftovers() -> list[tuple[Resource, str]]:
            with self._store.read() as tx:
                found = [
                    (tx.resources.find(effect.arn), effect.name) for effect in tx.outbox.due(float("inf"))
                ]
                return [(resource, name) for resource, name in found if resource is not None]

        for resource, name in await self._in_thread(leftovers):
            if resource.kind in self._machines:
                self._machines[resource.kind].resumed(resource, name)

    async def _start_due(self) -> float | None:
        now = self._clock()

        def look() -> tuple[list[Effect], float | None]:
            with self._store.read() as tx:
                due = list(tx.outbox.due(now, limit=10_000))
                future = tx.outbox.next_due_after(now)
                return due, future

        due, future = await self._in_thread(look)
        for effect in due:
            if effect.id not in self._running:
                task = asyncio.create_task(self._perform(effect), name=f"{effect.name} {effect.arn}")
                self._running[effect.id] = (effect.arn, task)
        return None if future is None else max(0.0, future - self._clock())

    async def _perform(self, effect: Effect) -> None:
        try:
            queued, resource = await self._in_thread(self._look_up, effect)
            if not queued:
                return
            if resource is None or resource.kind not in self._machines:
                await self._in_thread(self._drop, effect)
                return
            machine = self._machines[resource.kind]
            try:
                event = await machine.effects()[effect.name](resource, partial(self._tell, effect.arn))
            except Exception as error:
                log.exception("%s of %s failed", effect.name, effect.arn)
                event = machine.failed(error)
            await self._record(effect, event)
        finally:
            self._running.pop(effect.id, None)
            self._woken.set()

    async def _tell(self, arn: str, event: Any) -> None:
        await self._record(Effect(arn, 0, ""), event)

    async def _record(self, effect: Effect, event: Any) -> None:
        while True:
            try:
                done = await self._in_thread(self._step, effect, event)
                break
            except Conflict:
                continue
            except Full:
                log.warning("The disk is full: %s of %s waits to be recorded", effect.name, effect.arn)
                if self._reserve is not None:
                    self._reserve.give_up()
                await asyncio.sleep(RETRY)
        if self._reserve is not None:
            await self._in_thread(self._reserve.keep)
        if done is None:
            return
        after, abandoned = done
        # Just those: what the step queued may run already.
        for id in abandoned & self._running.keys():
            self._running[id][1].cancel()
        self._machines[after.kind].committed(after)

    def _step(self, effect: Effect, event: Any) -> tuple[Resource, frozenset[int]] | None:
        with self._store.begin() as tx:
            if effect.id and not tx.outbox.delete(effect.id):
                return None
            before = tx.resources.find(effect.arn)
            if before is None or event is None:
                return None
            return advance(tx, self._machines[before.kind], before, event, self._clock())

    def _look_up(self, effect: Effect) -> tuple[bool, Resource | None]:
        """Whether it is queued still (it may have been recorded after the queue was read), and its resource."""
        with self._store.read() as tx:
            queued = any(other.id == effect.id for other in tx.outbox.list(effect.arn))
            return queued, tx.resources.find(effect.arn)

    def _drop(self, effect: Effect) -> None:
        with self._store.begin() as tx:
            tx.outbox.delete(effect.id)


def advance(
    tx: Transaction, machine: Machine, before: Resource, event: Any, now: float
) -> tuple[Resource, frozenset[int]]:
    """Step a resource within a transaction: what became of it, and the ids of its effects that are dropped.
    For the reconciler, and for what happens to a resource because another one was stepped."""
    decision = machine.step(before, event, now)
    abandoned: frozenset[int] = frozenset()
    if decision.abandon:
        abandoned = frozenset(effect.id for effect in tx.outbox.list(before.arn))
        tx.outbox.clear(before.arn)
    for name, due in decision.effects:
        tx.outbox.put(Effect(before.arn, before.generation, name, due=due))
    after = before
    if decision.changes:
        state = {**before.state, **decision.changes}
        after = tx.resources.update(
            replace(before, state=state, status=state.get(machine.status), modified=now)
        )
        machine.recorded(tx, before, after)
    return after, abandoned


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(woken.set)
