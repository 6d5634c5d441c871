"""Runs programs on this machine. Each has a supervisor of its own that outlives the server (`supervisor/`).

- Nothing of a run is held in the server's memory: its folder says all, so a restarted server needs only the
  run's path. `launch` of a started key attaches to it.
- `wait` holds a FIFO open that the supervisor closes by dying, and sleeps in the event loop: no polling, no
  thread, one file descriptor a run.
- With a sandbox, the mounts are where the spec says. Without, the program gets the same folders by their
  real paths (`translation.py`), a `CLARY_ML_ROOT` that says where /opt/ml is, and no protection.
- Besides the spec's environment the program has `PWD`, as from a shell.
"""

from __future__ import annotations

import asyncio
import json
import marshal
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

from clary.engines import sandbox
from clary.engines.ports import ContainerSpec, EngineError, EngineState, Mount, Observation
from clary.engines.translation import translator

ML_ROOT = "/opt/ml"
LOG_LIMIT = 1 << 30
SOURCES = Path(__file__).parents[2]
START = f"""\
import sys
sys.path.append({str(SOURCES)!r})
from clary.engines.supervisor.main import main
main()
"""
REQUESTS = {"SIGTERM": b"T", "SIGKILL": b"K"}

SandboxUse = Literal["auto", "always", "never"]


class ProcessEngine:
    name = "process"

    def __init__(self, root: Path, *, sandbox: SandboxUse = "auto", log_limit: int = LOG_LIMIT) -> None:
        """`root`: the folder that runs lie in. `log_limit`: bytes that one run's log may take."""
        self.root, self.sandbox, self.log_limit = root, sandbox, log_limit

    @property
    def isolates(self) -> bool:
        return self.sandbox != "never" and sandbox.sandbox_report().bwrap is not None

    async def launch(self, spec: ContainerSpec) -> AsyncIterator[EngineState]:
        """Raises `EngineError`, and then nothing runs."""
        state: EngineState = {"engine": self.name, "key": spec.key, "run_dir": str(spec.run_dir.absolute())}
        yield state
        if not self._marker(state).exists():
            await asyncio.to_thread(self._start, spec)
        yield {**state, **json.loads((self._marker(state) / "started").read_bytes())}

    async def observe(self, state: EngineState) -> Observation:
        ended = self._ended(state)
        if ended is None and self._alive(state):
            began = json.loads((self._marker(state) / "started").read_bytes())["started"]
            return Observation("running", started=began)
        return ended or self._ended(state) or Observation("lost")

    async def wait(self, state: EngineState) -> Observation:
        alive = self._open_alive(state)
        if alive is not None:
            loop = asyncio.get_running_loop()
            gone: asyncio.Future[None] = loop.create_future()
            try:
                loop.add_reader(alive, finish, gone)
                await gone
            finally:
                loop.remove_reader(alive)
                os.close(alive)
        return self._ended(state) or Observation("lost")

    async def signal(self, state: EngineState, name: str) -> None:
        request = REQUESTS.get(name)
        if request is None:
            raise ValueError(f"An engine sends {' or '.join(REQUESTS)}, not {name}.")
        try:
            control = os.open(self._marker(state) / "control", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return  # nobody reads it, or it never was: ended
        try:
            os.write(control, request)
        except OSError:
            return
        finally:
            os.close(control)

    async def clean(self, state: EngineState) -> None:
        """Raises `EngineError` while it runs."""
        if self._alive(state):
            raise EngineError(f"{state['key']} is running.")
        await asyncio.to_thread(remove, Path(state["run_dir"]))

    def log_path(self, state: EngineState) -> Path:
        return Path(state["run_dir"]) / "log"

    def _marker(self, state: EngineState) -> Path:
        return Path(state["run_dir"]) / "supervisor"

    def _open_alive(self, state: EngineState) -> int | None:
        """The reading end, if there is a supervisor at the other."""
        try:
            alive = os.open(self._marker(state) / "alive", os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            os.read(alive, 1)
        except BlockingIOError:
            return alive
        os.close(alive)
        return None

    def _alive(self, state: EngineState) -> bool:
        alive = self._open_alive(state)
        if alive is None:
            return False
        os.close(alive)
        return True

    def _ended(self, state: EngineState) -> Observation | None:
        try:
            record = json.loads((Path(state["run_dir"]) / "exit.json").read_bytes())
        except FileNotFoundError:
            return None
        return Observation("exited", **record)

    def _bwrap(self) -> str | None:
        if self.sandbox == "never":
            return None
        report = sandbox.sandbox_report()
        if report.bwrap is None and self.sandbox == "always":
            raise EngineError(f"A sandbox is asked for, but {report.reason} {report.advice}")
        return report.bwrap

    def _start(self, spec: ContainerSpec) -> None:
        for mount in spec.mounts:
            if not mount.source.exists():
                raise EngineError(f"{mount.source}, to be mounted on {mount.target}, does not exist.")
        bwrap = self._bwrap()
        if bwrap is None and not spec.network:
            raise EngineError(
                "ClientError: EnableNetworkIsolation needs the sandbox, which does not work here: see clary doctor."
            )
        try:
            spec.run_dir.mkdir(parents=True, exist_ok=True)
            order = self._order(spec, bwrap)
            supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", START], env={}, cwd="/", start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            raise EngineError(f"{spec.key} cannot be started: {error}") from error
        said, _ = supervisor.communicate(marshal.dumps(order))
        if said not in (b"started\n", b"attached\n"):
            errors = spec.run_dir / "supervisor" / "errors"
            told = said or (errors.read_bytes() if errors.exists() else b"")
            raise EngineError(f"{spec.key} cannot be started: {told.decode('utf-8', 'replace').strip()}")

    def _order(self, spec: ContainerSpec, bwrap: str | None) -> dict[str, Any]:
        """What the supervisor reads: see its `main`."""
        translate: Callable[[str], str] = str
        env = dict(spec.env)
        if bwrap is None:
            home = Mount(sandbox.private(spec.run_dir, "home"), sandbox.HOME, writable=True)
            translate = translator([*spec.mounts, home])
            if any(mount.target == ML_ROOT for mount in spec.mounts):
                env.setdefault("CLARY_ML_ROOT", ML_ROOT)
            env["PWD"] = spec.cwd
        return {
            "run_dir": str(spec.run_dir.absolute()),
            "argv": [translate(argument) for argument in spec.argv],
            "env": {name: translate(value) for name, value in env.items()},
            "cwd": translate(spec.cwd),
            "grace": float(spec.grace),
            "cpus": spec.cpus,
            "limit": self.log_limit,
            "bwrap": sandbox.command(bwrap, spec) if bwrap else None,
        }


def finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def remove(folder: Path) -> None:
    """With what the program has closed to itself."""

    def open_up(function: Callable[..., Any], path: str, _error: Any) -> None:
        for closed in (Path(path).parent, Path(path)):
            closed.chmod(0o700)
        function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=open_up)
