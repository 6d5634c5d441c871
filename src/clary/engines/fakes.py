"""Engines for tests of whoever uses one: a class for each way in which a run can go. No processes, no clock.

Fake            runs are over at once, as its `code` and `lines` say; the base of the others
  SlowToStart   launch takes until `go` is set
  Refuses       launch raises before it yields anything
  DiesAtStart   launch raises after its first state: whoever launched it does not know what became of it
  NeverEnds     runs until it is stopped, which SIGTERM does
    Deaf        only SIGKILL, or `grace_over`, ends it
    Loses       `lose` makes what runs vanish without a word
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from clary.engines.ports import ContainerSpec, EngineError, EngineState, Observation

STARTED, ENDED = 1_700_000_000.0, 1_700_000_001.0


class Fake:
    name = "fake"
    isolates = True

    def __init__(self, lines: Sequence[str] = (), code: int = 0) -> None:
        self.lines, self.code = lines, code
        self.started: list[ContainerSpec] = []
        """What was really started, in order: a key is here at most once."""
        self.signals: list[tuple[str, str]] = []
        """Key and signal, as they were sent to running programs."""
        self._seen: dict[str, Observation] = {}
        self._ended: dict[str, asyncio.Event] = {}

    async def launch(self, spec: ContainerSpec) -> AsyncIterator[EngineState]:
        state: EngineState = {"engine": self.name, "key": spec.key, "run_dir": str(spec.run_dir)}
        yield state
        if spec.key not in self._seen:
            self._start(spec)
        yield {**state, "started": STARTED}

    async def observe(self, state: EngineState) -> Observation:
        return self._seen.get(state["key"], Observation("lost"))

    async def wait(self, state: EngineState) -> Observation:
        if state["key"] in self._ended:
            await self._ended[state["key"]].wait()
        return await self.observe(state)

    async def signal(self, state: EngineState, name: str) -> None:
        if (await self.observe(state)).status == "running":
            self.signals.append((state["key"], name))
            self._signalled(state["key"], name)

    async def clean(self, state: EngineState) -> None:
        self._seen.pop(state["key"], None)
        self._ended.pop(state["key"], None)
        self.log_path(state).unlink(missing_ok=True)

    def log_path(self, state: EngineState) -> Path:
        return Path(state["run_dir"]) / "log"

    def end(self, key: str, code: int | None = None, signal: int | None = None) -> None:
        """Let a running program end."""
        stopped = any(key == other for other, _ in self.signals)
        self._finish(
            key,
            replace(self._seen[key], status="exited", code=code, signal=signal, ended=ENDED, stopped=stopped),
        )

    def _start(self, spec: ContainerSpec) -> None:
        self.started.append(spec)
        self._seen[spec.key] = Observation("running", started=STARTED)
        self._ended[spec.key] = asyncio.Event()
        spec.run_dir.mkdir(parents=True, exist_ok=True)
        stamp = int(STARTED * 1000)
        (spec.run_dir / "log").write_text(
            "".join(f"{stamp} {line}\n" for line in self.lines), encoding="utf-8"
        )
        self._began(spec.key)

    def _began(self, key: str) -> None:
        self.end(key, self.code)

    def _signalled(self, key: str, name: str) -> None:
        raise NotImplementedError

    def _finish(self, key: str, seen: Observation) -> None:
        self._seen[key] = seen
        self._ended[key].set()


class SlowToStart(Fake):
    def __init__(self, lines: Sequence[str] = (), code: int = 0) -> None:
        super().__init__(lines, code)
        self.go = asyncio.Event()

    async def launch(self, spec: ContainerSpec) -> AsyncIterator[EngineState]:
        await self.go.wait()
        async for state in super().launch(spec):
            yield state


class Refuses(Fake):
    async def launch(self, spec: ContainerSpec) -> AsyncIterator[EngineState]:
        raise EngineError(f"{spec.key} cannot be started: this engine refuses.")
        yield {}


class DiesAtStart(Fake):
    async def launch(self, spec: ContainerSpec) -> AsyncIterator[EngineState]:
        yield {"engine": self.name, "key": spec.key, "run_dir": str(spec.run_dir)}
        raise EngineError(f"{spec.key} cannot be started: it died half-way.")


class NeverEnds(Fake):
    def _began(self, key: str) -> None:
        """It goes on."""

    def _signalled(self, key: str, name: str) -> None:
        self.end(key, signal=15 if name == "SIGTERM" else 9)


class Deaf(NeverEnds):
    def _signalled(self, key: str, name: str) -> None:
        if name == "SIGKILL":
            self.grace_over(key)

    def grace_over(self, key: str) -> None:
        self.end(key, signal=9)


class Loses(NeverEnds):
    def lose(self, key: str) -> None:
        self._finish(key, Observation("lost"))
