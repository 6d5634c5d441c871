"""One instance of a variant: its container started, watched, and started again when it ends.

A run is named by its number, which is kept before it starts, so a restarted server attaches to the one that
runs. Cancelling leaves the container as it is; `stop` ends it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from clary.domain.endpoint import Began
from clary.engines.ports import Engine, EngineError, EngineState, Observation
from clary.orchestrator.container import Workplace
from clary.orchestrator.endpoints import reach
from clary.orchestrator.endpoints.container import Prepared
from clary.orchestrator.endpoints.names import instance_name, log_group, machine, run_key, stream_name
from clary.orchestrator.endpoints.pool import Pool
from clary.orchestrator.endpoints.program import REACH
from clary.orchestrator.failure import TAIL, traceback_end
from clary.orchestrator.follower import Follower, MetricPatterns
from clary.orchestrator.proc import Processes
from clary.orchestrator.usage import Watched
from clary.storage.ports import Exists, Resource, Store

log = logging.getLogger(__name__)

LONGEST_BACK_OFF = 60.0
FULL = 0.8
"""Share of its memory."""
USAGE_PERIOD = 60.0
"""Seconds between two looks at what it uses, as on AWS."""
STEADY = 60.0
"""Seconds after which an instance's end no longer counts as a failure to start."""

Tell = Callable[[Any], Awaitable[None]]


class Instance:
    def __init__(
        self, endpoint: Resource, fleet: str, number: int, prepared: Prepared, pool: Pool, *,
        engine: Engine, store: Store, workplace: Workplace, tell: Tell, last: dict[str, Any] | None, steady: bool,
        stage: str = "", after: asyncio.Task[None] | None = None,
    ) -> None:  # fmt: skip
        """`last`: the run that was kept, as the endpoint's row has it. `steady`: it has served already, so an end
        is for starting again, not for giving up. `stage`: the container's name, where the variant has several.
        `after`: its predecessor, which is being stopped."""
        self.endpoint, self.fleet, self.number, self.prepared, self.pool = (
            endpoint,
            fleet,
            number,
            prepared,
            pool,
        )
        self.steady, self.stage = steady, stage
        self.ready = asyncio.Event()
        self.took = 0.0
        """Seconds until it served; next to none for one that an earlier server started."""
        self.died: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why it ended before it served."""
        self._made = time.monotonic()
        self._engine, self._store, self._workplace, self._tell = engine, store, workplace, tell
        self._run = last["run"] if last else 0
        self._state: EngineState | None = last["engine"] if last else None
        if after is not None:
            self._run, self._state = self._run + 1, None
        self._task = asyncio.create_task(self._keep(after))

    @property
    def name(self) -> str:
        return instance_name(self.prepared.variant["name"], self.number, self.stage)

    @property
    def key(self) -> str:
        return run_key(self.endpoint, self.fleet, self.name, self._run)

    @property
    def stream(self) -> str:
        """As AWS names them: the variant, or the job, the machine's id, and the container where there are several."""
        variant = self.prepared.variant["name"]
        where = machine(self.endpoint, self.fleet, instance_name(variant, self.number), self._run)
        return stream_name(self.endpoint, f"{where}/{self.stage}" if self.stage else where, variant)

    def full(self) -> bool:
        """Blocking. Whether what runs in it has taken so much of its memory that models of many must make room."""
        if self._state is None:
            return False
        _, used = Processes().used(self._state["pid"])
        return used > FULL * self.prepared.memory * self.prepared.workers

    def leave(self) -> None:
        """Let go of it; it runs on."""
        self._task.cancel()
        self.pool.remove(self)

    async def stop(self) -> None:
        """Workers end what they are at; then the container ends."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.pool.remove(self)
        if self._state is not None:
            ended = asyncio.Event()
            following = asyncio.create_task(self._follower(self._state).follow(ended))
            await self._engine.signal(self._state, "SIGTERM")
            await self._engine.wait(self._state)
            ended.set()
            await asyncio.gather(following, return_exceptions=True)
            await self._engine.clean(self._state)

    async def _keep(self, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait({after})
        failures = 0
        while True:
            began = time.monotonic()
            try:
                observation, refused = await self._once(), ""
            except EngineError as error:
                observation, refused = Observation("lost"), str(error)
                log.warning("%s of %s: %s", self.name, self.endpoint.arn, error)
            if not self.ready.is_set() and not self.steady:
                self.died.set_result(refused or await asyncio.to_thread(self._why, observation))
                return
            failures = 1 if time.monotonic() - began > STEADY else failures + 1
            await asyncio.sleep(0 if failures == 1 else min(LONGEST_BACK_OFF, 0.2 * 2 ** min(failures, 12)))
            if self._state is not None:
                await self._engine.clean(self._state)
            folder = self.prepared.place.run(self.number, self._run)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            self._run += 1
            self._state = None

    async def _once(self) -> Observation:
        """One run, until it has ended. Raises `EngineError` where it cannot begin."""
        spec = await asyncio.to_thread(
            self.prepared.spec, self.endpoint, self.key, self.number, self._run, self._workplace
        )
        async for learned in self._engine.launch(spec):
            if learned != self._state:
                self._state = learned
                await self._tell(Began(self.fleet, self.name, self._run, learned))
        assert self._state is not None
        await asyncio.to_thread(self._open_log)
        folder = os.open(
            self.prepared.place.run(self.number, self._run) / "sockets", os.O_PATH | os.O_DIRECTORY
        )
        ended = asyncio.Event()
        try:
            async with self._workplace.usage.of(self._watched(self._state)), asyncio.TaskGroup() as group:
                group.create_task(self._follower(self._state).follow(ended))
                serving = group.create_task(self._serve(folder, spec.env.get(REACH)))
                observation = await self._engine.wait(self._state)
                serving.cancel()
                self.pool.remove(self)
                ended.set()
            return observation
        finally:
            self.pool.remove(self)
            os.close(folder)

    def _watched(self, state: EngineState) -> Watched:
        folder, variant = self.prepared.place.run(self.number, self._run), self.prepared.variant["name"]
        if self.endpoint.kind == "TransformJob":
            host = f"i-{self.number}"
            return Watched(
                self.endpoint, host, "/aws/sagemaker/TransformJobs", state["pid"], folder, time.time()
            )
        dimensions = {"EndpointName": self.endpoint.name, "VariantName": variant}
        if self.stage:
            dimensions["ContainerName"] = self.stage
        return Watched(
            self.endpoint, self.name, "/aws/sagemaker/Endpoints", state["pid"], folder, time.time(), dimensions,
            USAGE_PERIOD,
        )  # fmt: skip

    async def _serve(self, folder: int, reached: str | None) -> None:
        # Through the open folder: a path of the home may be longer than a socket's address may be.
        root = Path(f"/proc/self/fd/{folder}")
        with ExitStack() as until_it_ends:
            if reached:
                host, _, port = reached.rpartition(":")
                until_it_ends.callback((await reach.offer(root, host, int(port))).close)
            await self._connect(root)
            await asyncio.Event().wait()

    async def _connect(self, root: Path) -> None:
        workers = [
            self.pool.add(self, root / f"{number}.sock", self._killer(root / "control.sock", number))
            for number in range(self.prepared.workers)
            for _ in range(self.prepared.at_once)
        ]
        for worker in workers:
            await worker.ready.wait()
        self.took = self.took or time.monotonic() - self._made
        self.ready.set()

    def _killer(self, control: Path, number: int) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def kill() -> None:
            loop.run_in_executor(None, order_kill, str(control), number)

        return kill

    def _open_log(self) -> None:
        with suppress(Exists), self._store.begin() as tx:
            tx.logs.create_stream(log_group(self.endpoint), self.stream, time.time())

    def _follower(self, state: EngineState) -> Follower:
        path = self._engine.log_path(state)
        return Follower(
            self._store, path, log_group(self.endpoint), self.stream, "", MetricPatterns(()), time.time
        )

    def _why(self, observation: Observation) -> str:
        with self._store.read() as tx:
            lines = tx.logs.lines(log_group(self.endpoint), [self.stream], limit=TAIL, newest=True)
        tail = [line.text for _, line in lines]
        said = traceback_end(tail) or "\n".join([line for line in tail if line.strip()][-5:])
        return (
            f"it ended with {_ending(observation)}: {said}"
            if said
            else f"it ended with {_ending(observation)}"
        )


def order_kill(control: str, number: int) -> None:
    """Have the master kill a worker that hangs. Blocking; a master that is gone has none."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(control)
        connection.sendall(f"kill {number}\n".encode())
        connection.recv(16)


def _ending(observation: Observation) -> str:
    if observation.status == "lost":
        return "no word"
    if observation.signal is not None:
        return f"signal {observation.signal}"
    return f"exit code {observation.code}"
