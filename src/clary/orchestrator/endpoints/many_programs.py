"""Programs of many models: an image's own server that keeps to AWS's contract for them.

    GET /models                 what is loaded: {"models": [{"modelName", "modelUrl"}, ...], "nextPageToken"}
    POST /models                load {"model_name", "url"}; 409: it is loaded; 507: there is no room for it
    GET /models/NAME            404: it is not loaded
    DELETE /models/NAME         unload
    POST /models/NAME/invoke    an invocation; 404: it is not loaded

- Models are a program's, whichever of its connections they were loaded by. A request goes where its model is.
- A model is loaded before its first request, once for all who wait for it. That may take `LOADING` seconds, longer
  than a request may: callers are told to come again (`NotReady`) while it goes on.
- A program that says 507, or that has filled its share of the memory, unloads the model that was not used for longest.
  A model that is at work is waited for.
- Which models a program has that an earlier server started, it tells itself; and one that has lost a model is given
  it anew.

Answers are whole: the API has no TargetModel for streams.

Source: "Custom Containers Contract for Multi-Model Endpoints" in AWS's developer guide.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from clary.api.routes import MODEL, Invocation, Reply
from clary.orchestrator.endpoints.connection import Connection, Lost, head
from clary.orchestrator.endpoints.flights import Flights
from clary.orchestrator.endpoints.many import UNPACKED
from clary.orchestrator.endpoints.many_pool import LOADING, WORDS
from clary.orchestrator.endpoints.pool import MOST, TIMEOUT, Pool
from clary.orchestrator.endpoints.worker import Worker

TARGET = "X-Amzn-SageMaker-Target-Model"
"""The header that says how callers name a model: for a program's log."""
ADVICE = (
    "The container answered POST /models with {}: a program for Mode MultiModel must serve /models, /models/NAME and "
    "/models/NAME/invoke, as AWS's contract for multi-model containers has them."
)


@dataclass(eq=False)
class Program:
    """What is known of one program's models."""

    models: OrderedDict[str, str] = field(default_factory=OrderedDict)
    """Loaded, by name, each with what callers call it; the one that was used last is the last."""
    loads: Flights[Reply | None] = field(default_factory=Flights)
    asked: bool = False
    """Whether it has told what it has."""


@dataclass(frozen=True, slots=True)
class Call:
    """A worker that has a request, and what this is about."""

    worker: Worker
    connection: Connection
    program: Program
    name: str
    target: str
    seconds: float


class ProgramPool(Pool):
    at_once = False

    def __init__(
        self, folder: str, full: Callable[[object], bool], timeout: float = TIMEOUT, *, cached: bool = True, most: int = MOST
    ) -> None:  # fmt: skip
        """`folder`: of all models, as programs see it. `full`: whether an instance has filled its memory; blocking.
        `cached`: whether models stay loaded after their requests."""
        super().__init__(timeout, most=most)
        self._folder, self._full, self._cached = folder, full, cached
        self._programs: dict[object, Program] = {}
        """By instance."""
        self._at: dict[Worker, str] = {}
        """By worker at work, the model that it asks."""
        self._freed = asyncio.Event()

    def remove(self, instance: object) -> None:
        super().remove(instance)
        self._programs.pop(instance, None)

    def free(self, worker: Worker) -> None:
        self._left(worker)
        super().free(worker)

    def lost(self, worker: Worker) -> None:
        self._left(worker)
        super().lost(worker)

    def _left(self, worker: Worker) -> None:
        if self._at.pop(worker, None) is not None:
            self._freed.set()

    async def invoke(self, invocation: Invocation) -> Reply:
        """Raises `NotReady`, and as `Pool` does."""
        name = invocation.headers.get(MODEL, "")
        programs = self._programs.values()
        loading = next((each.loads for each in programs if name in each.loads), None)
        if loading is not None and not any(name in each.models for each in programs):
            # Wait without a worker, which others may use.
            await loading.settled(name, invocation.timeout or self.timeout, WORDS)
        self.prefer(lambda worker: name in self._program(worker).models)
        return await super().invoke(invocation)

    def _program(self, worker: Worker) -> Program:
        return self._programs.setdefault(worker.instance, Program())

    async def _ask(self, worker: Worker, _: bytes, invocation: Invocation) -> tuple[Reply, bool]:
        if worker.connection is None:
            raise Lost(False)
        headers = {name: value for name, value in invocation.headers.items() if name != MODEL}
        name = invocation.headers.get(MODEL, "")
        call = Call(
            worker, worker.connection, self._program(worker), name, headers.get(TARGET, name),
            invocation.timeout or self.timeout,
        )  # fmt: skip
        self._at[worker] = name
        refused = await self._have(call)
        if refused is not None:
            return refused, self._answered(worker, call.connection, refused)
        asked = head("POST", f"/models/{name}/invoke", headers, len(invocation.body))
        began = time.perf_counter()
        reply = await self._send(worker, call.connection, asked, invocation, call.seconds)
        reply.seconds = time.perf_counter() - began
        if reply.status == 404 and (await self._manage(call, "GET", f"/models/{name}")).status == 404:
            call.program.models.pop(name, None)
            refused = await self._have(call)
            reply = refused or await self._send(worker, call.connection, asked, invocation, call.seconds)
        if not self._cached:
            await self._clear(call)
        return reply, self._answered(worker, call.connection, reply)

    async def _have(self, call: Call) -> Reply | None:
        """Once the call's program has its model; the reply of one that does not load it. Raises `NotReady`."""
        program, name = call.program, call.name
        if name in program.models:
            program.models.move_to_end(name)
            return None
        mine = name not in program.loads
        try:
            return await program.loads.join(name, partial(self._load, call), call.seconds, WORDS)
        except BaseException:
            if mine:  # its caller waits no longer; the worker may still be at it
                program.loads.after(name, partial(self._back, call))
            else:
                self._back(call)
            raise

    def _back(self, call: Call) -> None:
        if call.worker.connection is call.connection:
            self.free(call.worker)

    async def _load(self, call: Call) -> Reply | None:
        program, name = call.program, call.name
        if not program.asked:
            await self._learn(call)
            if name in program.models:
                return None
        now = asyncio.get_running_loop().time()
        if await asyncio.to_thread(self._full, call.worker.instance):
            await self._make_room(call, until=now)
        wanted = {"model_name": name, "url": f"{self._folder}/{name}/{UNPACKED}"}
        while True:
            reply = await self._manage(call, "POST", "/models", wanted)
            if reply.status != 507 or not await self._make_room(call, until=now + self.timeout):
                break
        if reply.status in (404, 405, 501):
            return Reply(reply.status, {}, ADVICE.format(reply.status).encode())
        if reply.status >= 300 and reply.status != 409:
            return reply
        replaced = [other for other, target in program.models.items() if target == call.target]
        program.models[name] = call.target
        for other in replaced:
            if not self._at_work(program, other):
                await self._unload(call, other)
        return None

    async def _learn(self, call: Call) -> None:
        """Which models the program has, from itself: an earlier server may have loaded some."""
        path = "/models"
        while path:
            reply = await self._manage(call, "GET", path)
            try:
                told = json.loads(reply.body) if reply.status == 200 and isinstance(reply.body, bytes) else {}
                for each in told.get("models", []):
                    call.program.models.setdefault(str(each["modelName"]), "")
                token = told.get("nextPageToken")
            except (ValueError, TypeError, KeyError, AttributeError):
                break  # what it cannot tell, it says when it is asked to load it
            path = f"/models?next_page_token={quote(str(token))}" if token else ""
        call.program.asked = True

    async def _make_room(self, call: Call, until: float) -> bool:
        """Unload the model that was not used for longest; whether that could be done. Models that are at work or being
        loaded are waited for, `until` then by the loop's clock."""
        loop, program = asyncio.get_running_loop(), call.program
        while True:
            for name in program.models:
                if not self._at_work(program, name):
                    await self._unload(call, name)
                    return True
            others = len(program.loads) > 1 or program.models
            if not others or loop.time() > until:
                return False
            self._freed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._freed.wait()

    def _at_work(self, program: Program, name: str) -> bool:
        return any(
            each == name and self._programs.get(worker.instance) is program
            for worker, each in self._at.items()
        )

    async def _clear(self, call: Call) -> None:
        """Unload all that is not at work, where models are not to stay."""
        self._at.pop(call.worker, None)
        for name in list(call.program.models):
            if not self._at_work(call.program, name):
                await self._unload(call, name)

    async def _unload(self, call: Call, name: str) -> None:
        """Of no account what it answers: one that it still has is loaded, when it is asked to load it."""
        call.program.models.pop(name, None)
        await self._manage(call, "DELETE", f"/models/{name}")

    async def _manage(
        self, call: Call, method: str, path: str, document: Mapping[str, str] | None = None
    ) -> Reply:
        """Raises `TimedOut`, `Lost`."""
        body = json.dumps(document).encode() if document is not None else b""
        headers = {"Accept": "application/json", TARGET: call.target}
        if body:
            headers["Content-Type"] = "application/json"
        asked = head(method, path, headers, len(body))
        reply = await self._send(call.worker, call.connection, asked, Invocation(body, {}), LOADING)
        call.worker.patience.end()
        return reply
