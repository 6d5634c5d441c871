"""What every engine promises (`clary.engines.ports`), tried with real programs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from clary.engines.fakes import Deaf, Fake, Loses, NeverEnds
from clary.engines.ports import ContainerSpec, Engine, EngineError, EngineState, Mount, Observation
from clary.engines.process import ProcessEngine
from clary.engines.sandbox import sandbox_report

T = TypeVar("T")
PATIENCE = 30.0


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, PATIENCE))


@pytest.fixture(params=["always", "never"], ids=["sandbox", "plain"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> ProcessEngine:
    report = sandbox_report()
    if request.param == "always" and report.bwrap is None:
        pytest.skip(report.reason)
    return ProcessEngine(tmp_path / "runs", sandbox=request.param)


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    folder = tmp_path / "ml"
    folder.mkdir()
    return folder


@pytest.fixture
def spec(tmp_path: Path, ml: Path) -> Callable[..., ContainerSpec]:
    def make(script: str, key: str = "job", **changes: Any) -> ContainerSpec:
        base = ContainerSpec(
            key=key, argv=("/bin/sh", "-c", script), run_dir=tmp_path / "runs" / key,
            mounts=(Mount(ml, "/opt/ml", writable=True),), env={"PATH": "/usr/bin:/bin"}, cwd="/opt/ml",
        )  # fmt: skip
        return replace(base, **changes)

    return make


Make = Callable[..., ContainerSpec]


async def launch(engine: Engine, spec: ContainerSpec) -> EngineState:
    state: EngineState = {}
    async for state in engine.launch(spec):  # noqa: B007 - the last one stands
        pass
    return state


async def finish(engine: Engine, spec: ContainerSpec) -> tuple[Observation, EngineState]:
    state = await launch(engine, spec)
    return await engine.wait(state), state


def lines(engine: Engine, state: EngineState) -> list[bytes]:
    """The log without its times."""
    return [line.partition(b" ")[2] for line in engine.log_path(state).read_bytes().split(b"\n")[:-1]]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
        await asyncio.sleep(0.005)


async def said(engine: Engine, state: EngineState, word: bytes) -> None:
    await until(lambda: engine.log_path(state).exists() and word in engine.log_path(state).read_bytes())


class TestEnds:
    def test_with_the_program_s_own_code(self, engine: ProcessEngine, spec: Make) -> None:
        seen, _ = run(finish(engine, spec("exit 3")))
        assert (seen.status, seen.code, seen.signal, seen.stopped) == ("exited", 3, None, False)
        assert seen.started is not None
        assert seen.ended is not None
        assert seen.started <= seen.ended <= time.time()
        assert seen.peak_memory is not None
        assert seen.peak_memory > 100_000

    def test_by_a_signal_that_nobody_asked_for(self, engine: ProcessEngine, spec: Make) -> None:
        seen, _ = run(finish(engine, spec("kill -9 $$")))
        assert (seen.status, seen.code, seen.signal, seen.stopped) == ("exited", None, 9, False)

    def test_at_once_when_there_is_no_such_program(self, engine: ProcessEngine, spec: Make) -> None:
        seen, state = run(finish(engine, spec("", argv=("/opt/ml/nothing",))))
        assert (seen.status, seen.code) == ("exited", 127)
        assert any(b"ml/nothing" in line for line in lines(engine, state))

    def test_when_its_folder_is_missing(self, engine: ProcessEngine, spec: Make) -> None:
        seen, state = run(finish(engine, spec("true", cwd="/opt/ml/nowhere")))
        assert seen.code in (125, 127)
        assert any(b"ml/nowhere" in line for line in lines(engine, state))

    def test_peak_memory_is_the_largest_process(self, engine: ProcessEngine, spec: Make) -> None:
        script = f"{sys.executable} -S -c 'x = bytes(range(100)) * 1_500_000'; exit 0"
        mounts = tuple(
            Mount(Path(path), path) for path in {sys.prefix, sys.base_prefix} if not path.startswith("/usr")
        )
        seen, _ = run(finish(engine, spec(script, mounts=mounts, cwd="/")))
        assert seen.code == 0
        assert seen.peak_memory is not None
        assert 150_000_000 < seen.peak_memory < 400_000_000


class TestOutput:
    def test_of_both_streams_in_order_with_times(self, engine: ProcessEngine, spec: Make) -> None:
        before = time.time()
        _, state = run(finish(engine, spec("echo one; echo two >&2; echo three; printf four")))
        assert lines(engine, state) == [b"one", b"two", b"three", b"four"]
        times = [int(line.split(b" ")[0]) / 1000 for line in engine.log_path(state).read_bytes().splitlines()]
        assert times == sorted(times)
        assert before - 0.001 <= times[0] <= times[-1] <= time.time()

    def test_none(self, engine: ProcessEngine, spec: Make) -> None:
        _, state = run(finish(engine, spec("true")))
        assert engine.log_path(state).read_bytes() == b""

    def test_of_any_bytes(self, engine: ProcessEngine, spec: Make) -> None:
        _, state = run(finish(engine, spec(r"printf '\377\000\n\n\303(\r50%%\r100%%\n'")))
        assert lines(engine, state) == [b"\xff\0", b"", b"\xc3(\r50%\r100%"]

    def test_that_is_long(self, engine: ProcessEngine, spec: Make) -> None:
        _, state = run(finish(engine, spec("seq 1 400000")))
        assert lines(engine, state) == [b"%d" % number for number in range(1, 400_001)]

    def test_beyond_the_limit_keeps_its_end(self, engine: ProcessEngine, spec: Make) -> None:
        engine.log_limit = 20_000
        _, state = run(finish(engine, spec("seq 1 100000; echo Traceback; echo Error: 5")))
        found = lines(engine, state)
        assert found[:3] == [b"1", b"2", b"3"] or b"limit" in found[0]
        assert found[-3:] == [b"100000", b"Traceback", b"Error: 5"]
        assert sum(b"left out" in line for line in found) == 2
        assert engine.log_path(state).stat().st_size < 120_000

    def test_is_there_while_it_runs(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        async def work() -> None:
            state = await launch(engine, spec("echo ready; while [ ! -e go ]; do sleep 0.01; done"))
            await said(engine, state, b"ready\n")
            assert (await engine.observe(state)).status == "running"
            (ml / "go").touch()
            assert (await engine.wait(state)).code == 0

        run(work())


class TestSurroundings:
    def test_the_environment_is_the_spec_s(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        given = {"A": "1", "JSON": '{"a": "b c"}', "EMPTY": "", "UMLAUT": "ä", "LINES": "a b=c"}
        _, state = run(finish(engine, spec("", argv=("/usr/bin/env",), env=given, mounts=(), cwd="/tmp")))
        found = dict(line.decode().split("=", 1) for line in lines(engine, state))
        assert found == {**given, "PWD": "/tmp"}

    def test_nothing_is_open_but_the_three_streams(self, engine: ProcessEngine, spec: Make) -> None:
        # `ls` itself opens the folder it lists.
        _, state = run(finish(engine, spec("", argv=("/bin/ls", "/proc/self/fd"))))
        assert lines(engine, state) == [b"0", b"1", b"2", b"3"]

    def test_signals_are_at_their_defaults(self, engine: ProcessEngine, spec: Make) -> None:
        _, state = run(
            finish(engine, spec("", argv=("/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")))
        )
        libc = 1 << 31 | 1 << 32  # signals 32 and 33 are the C library's own: nobody can set them
        assert [int(line.split()[1], 16) & ~libc for line in lines(engine, state)] == [0, 0]

    def test_it_writes_where_it_may(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        seen, _ = run(finish(engine, spec("pwd > place && echo m > /opt/ml/model", env={"X": "1"}, argv=(
            "/bin/sh", "-c", 'echo m > "$0"', "/opt/ml/model"))))  # fmt: skip
        assert seen.code == 0
        assert (ml / "model").read_text() == "m\n"

    def test_its_home_is_private(self, engine: ProcessEngine, spec: Make) -> None:
        script = 'cd && echo x > mark && cat "$HOME/mark"'
        seen, state = run(finish(engine, spec(script, env={"HOME": "/home/clary", "PATH": "/usr/bin:/bin"})))
        assert (seen.code, lines(engine, state)) == (0, [b"x"])
        assert (Path(state["run_dir"]) / "home" / "mark").exists()

    def test_it_reaches_the_server(self, engine: ProcessEngine, spec: Make) -> None:
        async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello\n")
            writer.close()

        async def work() -> list[bytes]:
            async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3"
                _, state = await finish(engine, spec("", argv=("bash", "-c", script)))
                return lines(engine, state)

        assert run(work()) == [b"hello"]

    def test_it_keeps_to_its_cpus(self, engine: ProcessEngine, spec: Make) -> None:
        mine = min(os.sched_getaffinity(0))
        _, state = run(finish(engine, spec("nproc", cpus=(mine,))))
        assert lines(engine, state) == [b"1"]

    def test_cpus_that_are_not_there_are_only_noted(self, engine: ProcessEngine, spec: Make) -> None:
        seen, state = run(finish(engine, spec("echo on", cpus=(1023,))))
        assert seen.code == 0
        assert lines(engine, state)[-1] == b"on"
        assert b"cannot pin" in lines(engine, state)[0]


class TestOnce:
    def test_a_second_launch_attaches(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        async def work() -> None:
            once = spec("echo x >> count; while [ ! -e go ]; do sleep 0.01; done; exit 4")
            first = await launch(engine, once)
            assert await launch(engine, once) == first
            (ml / "go").touch()
            assert (await engine.wait(first)).code == 4
            assert await launch(engine, once) == first
            assert (await engine.wait(first)).code == 4

        run(work())
        assert (ml / "count").read_text() == "x\n"

    def test_of_many_at_once_one_starts(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        async def work() -> None:
            states = await asyncio.gather(*(launch(engine, spec("echo x >> count")) for _ in range(6)))
            assert all(state == states[0] for state in states)
            assert (await engine.wait(states[0])).code == 0

        run(work())
        assert (ml / "count").read_text() == "x\n"

    def test_keys_are_apart(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> list[Observation]:
            specs = [spec(f"exit {number}", key=f"job-{number}") for number in range(20)]
            states = await asyncio.gather(*(launch(engine, each) for each in specs))
            return await asyncio.gather(*(engine.wait(state) for state in states))

        assert [seen.code for seen in run(work())] == list(range(20))

    def test_a_missing_mount_starts_nothing(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        wrong = spec("echo x >> count", mounts=(Mount(ml / "no", "/opt/ml"),))
        with pytest.raises(EngineError, match=r"ml/no, to be mounted on /opt/ml, does not exist"):
            run(launch(engine, wrong))
        seen, _ = run(finish(engine, spec("exit 0")))
        assert seen.code == 0

    def test_what_never_started_is_lost(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> None:
            state = await anext(engine.launch(spec("exit 0")))
            assert (await engine.observe(state)).status == "lost"
            assert (await engine.wait(state)).status == "lost"
            await engine.signal(state, "SIGTERM")
            assert (await engine.wait(await launch(engine, spec("exit 0")))).code == 0

        run(work())


DEAF = "trap '' TERM; echo ready; while :; do sleep 0.02; done"
POLITE = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done"


class TestStop:
    def test_within_the_grace(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> Observation:
            state = await launch(engine, spec(POLITE))
            await said(engine, state, b"ready")
            await engine.signal(state, "SIGTERM")
            return await engine.wait(state)

        seen = run(work())
        assert (seen.status, seen.code, seen.stopped) == ("exited", 7, True)

    def test_after_the_grace(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> Observation:
            state = await launch(engine, spec(DEAF, grace=0.2))
            await said(engine, state, b"ready")
            await engine.signal(state, "SIGTERM")
            return await engine.wait(state)

        seen = run(work())
        assert (seen.code, seen.signal, seen.stopped) == (None, 9, True)

    def test_at_once(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> Observation:
            state = await launch(engine, spec(DEAF))
            await said(engine, state, b"ready")
            await engine.signal(state, "SIGTERM")
            await engine.signal(state, "SIGKILL")
            return await engine.wait(state)

        seen = run(work())
        assert (seen.code, seen.signal, seen.stopped) == (None, 9, True)

    def test_before_it_has_really_begun(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> Observation:
            state = await launch(engine, spec("sleep 1000"))
            await engine.signal(state, "SIGTERM")
            return await engine.wait(state)

        seen = run(work())
        assert (seen.code, seen.signal, seen.stopped) == (None, 15, True)

    def test_reaches_its_children(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        child = "trap 'echo told > child; exit' TERM; echo ready; while :; do sleep 0.02; done"

        async def work() -> Observation:
            state = await launch(engine, spec(f"trap : TERM; ({child}) & wait; wait"))
            await said(engine, state, b"ready")
            await engine.signal(state, "SIGTERM")
            return await engine.wait(state)

        assert run(work()).stopped
        assert (ml / "child").read_text() == "told\n"

    def test_means_nothing_to_what_has_ended(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> Observation:
            state = await launch(engine, spec("exit 0"))
            await engine.wait(state)
            await engine.signal(state, "SIGTERM")
            return await engine.observe(state)

        seen = run(work())
        assert (seen.code, seen.stopped) == (0, False)

    def test_when_the_machine_tells_its_supervisor(self, engine: ProcessEngine, spec: Make) -> None:
        """As a shutdown does; what a terminal sends goes by."""

        async def work() -> Observation:
            state = await launch(engine, spec(POLITE))
            await said(engine, state, b"ready")
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGTERM):
                os.kill(state["pid"], number)
            return await engine.wait(state)

        seen = run(work())
        assert (seen.code, seen.stopped) == (7, True)

    def test_only_with_two_signals(self, engine: ProcessEngine, spec: Make) -> None:
        async def work() -> None:
            state = await launch(engine, spec("exit 0"))
            with pytest.raises(ValueError, match="SIGHUP"):
                await engine.signal(state, "SIGHUP")

        run(work())


def nobody_writes(fifo: Path) -> bool:
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(fd, 1) == b""
    except BlockingIOError:
        return False
    finally:
        os.close(fd)


HOLD = "exec 3<>/opt/ml/held; echo up > /opt/ml/up; sleep 1000"


class TestNothingIsLeft:
    """The program's descendants hold a FIFO open: when no one writes to it, they are gone."""

    def hold(self, spec: Make, ml: Path, script: str) -> ContainerSpec:
        os.mkfifo(ml / "held")
        (ml / "hold.sh").write_text(HOLD.replace("/opt/ml/", ""))
        return spec(script)

    @pytest.mark.parametrize(
        "start", ["sh hold.sh &", "setsid sh hold.sh & disown=1;", "(setsid sh hold.sh &)"]
    )
    def test_of_what_it_forked(self, engine: ProcessEngine, spec: Make, ml: Path, start: str) -> None:
        once = self.hold(spec, ml, f"{start}\nwhile [ ! -e up ]; do sleep 0.01; done; exit 5")
        seen, _ = run(finish(engine, once))
        assert seen.code == 5
        assert nobody_writes(ml / "held")

    def test_of_it_when_its_supervisor_is_killed(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        async def work() -> None:
            state = await launch(engine, self.hold(spec, ml, "exec sh hold.sh"))
            await until((ml / "up").exists)
            assert not nobody_writes(ml / "held")
            os.kill(state["pid"], 9)
            assert (await engine.wait(state)).status == "lost"
            assert (await engine.observe(state)).status == "lost"
            await until(lambda: nobody_writes(ml / "held"))
            assert await launch(engine, spec("echo again > again")) == state
            assert (await engine.observe(state)).status == "lost"

        run(work())
        assert not (ml / "again").exists()

    def test_after_clean(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        async def work() -> None:
            script = "mkdir -p $HOME/a/b && chmod 0 $HOME/a; while [ ! -e go ]; do sleep 0.01; done"
            once = spec(script, env={"HOME": "/home/clary", "PATH": "/usr/bin:/bin"})
            state = await launch(engine, once)
            with pytest.raises(EngineError, match="job is running"):
                await engine.clean(state)
            (ml / "go").touch()
            assert (await engine.wait(state)).code == 0
            await engine.clean(state)
            assert not once.run_dir.exists()
            await engine.clean(state)

        run(work())


SERVER = """
import asyncio, json, sys
from pathlib import Path
from clary.engines.ports import ContainerSpec, Mount
from clary.engines.process import ProcessEngine

run_dir, ml, sandbox, signal, script = sys.argv[1:]

async def main():
    engine = ProcessEngine(Path(run_dir).parent, sandbox=sandbox)
    spec = ContainerSpec("job", ("/bin/sh", "-c", script), Path(run_dir), (Mount(Path(ml), "/opt/ml", True),),
                         {"PATH": "/usr/bin:/bin"}, "/opt/ml", grace=0.3)
    async for state in engine.launch(spec):
        pass
    while not (Path(ml) / "up").exists():
        await asyncio.sleep(0.005)
    if signal:
        await engine.signal(state, signal)
    print(json.dumps(state), flush=True)
    await engine.wait(state)

asyncio.run(main())
"""


class TestServerKilled:
    """Another process launches, and is gone by SIGKILL when this one looks."""

    def launch(self, engine: ProcessEngine, once: ContainerSpec, ml: Path, sends: str = "") -> EngineState:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, once.run_dir, ml, engine.sandbox, sends, once.argv[2]],
            stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        with server:
            assert server.stdout is not None
            state: EngineState = json.loads(server.stdout.readline())
            os.killpg(server.pid, 9)
        return state

    def test_what_runs_goes_on_and_is_found_again(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        once = spec("echo x >> up; echo before; while [ ! -e go ]; do sleep 0.01; done; echo after; exit 6")
        state = self.launch(engine, once, ml)

        async def work() -> Observation:
            assert (await engine.observe(state)).status == "running"
            assert await launch(engine, once) == state
            (ml / "go").touch()
            return await engine.wait(state)

        assert run(work()).code == 6
        assert lines(engine, state) == [b"before", b"after"]
        assert (ml / "up").read_text() == "x\n"

    def test_a_stop_under_way_is_seen_through(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        once = spec("trap '' TERM; echo x > up; while :; do sleep 0.02; done")
        state = self.launch(engine, once, ml, "SIGTERM")
        seen = run(engine.wait(state))
        assert (seen.signal, seen.stopped) == (9, True)

    def test_a_stop_asked_for_afterwards_works(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        state = self.launch(engine, spec("trap 'exit 7' TERM; echo x > up; while :; do sleep 0.02; done"), ml)

        async def work() -> Observation:
            await engine.signal(state, "SIGTERM")
            return await engine.wait(state)

        seen = run(work())
        assert (seen.code, seen.stopped) == (7, True)


class TestWait:
    def test_can_be_given_up_and_taken_again(self, engine: ProcessEngine, spec: Make, ml: Path) -> None:
        async def work() -> Observation:
            state = await launch(engine, spec("while [ ! -e go ]; do sleep 0.01; done; exit 2"))
            first = asyncio.create_task(engine.wait(state))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            both = asyncio.gather(engine.wait(state), engine.wait(state))
            (ml / "go").touch()
            return (await both)[0]

        assert run(work()).code == 2

    def test_on_uvloop(self, engine: ProcessEngine, spec: Make) -> None:
        import uvloop

        async def work() -> list[Observation]:
            states = [await launch(engine, spec(f"sleep 0.0{n}; exit {n}", key=f"job-{n}")) for n in range(4)]
            return await asyncio.gather(*(engine.wait(state) for state in states))

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert [seen.code for seen in runner.run(work())] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("fake", "seen"),
    [
        (Fake(["one"], 3), Observation("exited", 3)),
        (NeverEnds(["one"]), Observation("exited", None, 15, stopped=True)),
        (Deaf(["one"]), Observation("exited", None, 9, stopped=True)),
        (Loses(["one"]), Observation("lost")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fake) else "",
)
def test_fakes_keep_the_parts_that_apply(fake: Fake, seen: Observation, spec: Make) -> None:
    once = spec("irrelevant")

    async def work() -> tuple[Observation, EngineState]:
        state = await launch(fake, once)
        assert await launch(fake, once) == state
        await fake.signal(state, "SIGTERM")
        if isinstance(fake, Deaf):
            fake.grace_over("job")
        if isinstance(fake, Loses):
            fake._ended["job"].clear()
            fake.lose("job")
        return await fake.wait(state), state

    found, state = run(work())
    assert fake.started == [once]
    assert replace(found, started=None, ended=None) == seen
    assert re.fullmatch(rb"\d+ one\n", fake.log_path(state).read_bytes())
