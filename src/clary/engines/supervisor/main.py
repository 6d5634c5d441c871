# pathlib and contextlib take longer to import than all that this process does.
# ruff: noqa: PTH102, PTH104, PTH106, PTH108, PTH123, SIM105
"""Claim the run, start the program, stay until it is gone. See the package's page for the files."""

from __future__ import annotations

import marshal
import os
import select
import sys
import time

from clary.engines.supervisor.output import Log
from clary.engines.supervisor.program import Plain, Program, Sandboxed, signal

CHUNK = 1 << 20
RETRY = 0.02
EXIT_BYTES = 512
OOM_SCORE = b"500"
HANDLED = (
    signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
    signal.SIGUSR2, signal.SIGALRM,
)  # fmt: skip


def main() -> None:
    """The order comes on stdin (`marshal`: both ends are one interpreter). One line goes back on stdout:
    `started`, `attached`, or what is wrong."""
    order = marshal.load(sys.stdin.buffer)
    if os.fork():
        os._exit(0)
    os.umask(0o022)
    os.chdir(order["run_dir"])
    kept = claim()
    if kept is None:
        answer(b"attached\n")
        os._exit(0)
    errors = os.open("supervisor/errors", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(errors, 2)
    os.close(errors)
    Supervisor(order, *kept).run()
    os._exit(0)


def answer(line: bytes) -> None:
    """Tell the server, and let go of what was inherited from it."""
    try:
        os.write(1, line)
    except BrokenPipeError:
        pass
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)


def claim() -> tuple[int, int, float] | None:
    """The FIFOs `alive` and `control` and the start's time, if this supervisor is the run's; None if the key
    has started before. Whoever renames its folder into place first has the run."""
    private, started = f"supervisor-{os.getpid()}", time.time()
    os.mkdir(private, 0o700)
    for name in ("alive", "control"):
        os.mkfifo(f"{private}/{name}", 0o600)
    # Read and write: it neither waits for another end nor ever reads end-of-file.
    alive, control = (
        os.open(f"{private}/{name}", os.O_RDWR | os.O_NONBLOCK) for name in ("alive", "control")
    )
    # Room for the last word, taken while there is some: a full disk must not silence it.
    write(f"{private}/exit", b" " * EXIT_BYTES)
    write(f"{private}/started", b'{"started": %.3f, "pid": %d}\n' % (started, os.getpid()))
    try:
        os.rename(private, "supervisor")
    except OSError:
        for name in ("alive", "control", "started", "exit"):
            os.unlink(f"{private}/{name}")
        os.rmdir(private)
        return None
    return alive, control, started


class Supervisor:
    def __init__(self, order: dict[str, object], alive: int, control: int, started: float) -> None:
        self._order, self._alive, self._control, self._started = order, alive, control, started
        self._grace: float = order["grace"]  # type: ignore[assignment]
        self._log = Log("log", order["limit"])  # type: ignore[arg-type]
        self._stopped = False
        self._young = False
        """A SIGTERM waits for a program that cannot receive it yet."""
        self._deadline: float | None = None

    def run(self) -> None:
        wakeup, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, self._received)
        program = self._start()
        # The claim is in place before the program starts, and on the disk before anyone is told: a server that
        # is killed cannot start it twice, and a power cut here ends a program of a few milliseconds.
        sync("supervisor/started")
        sync("supervisor")
        sync(".")
        answer(b"started\n")
        poll = select.poll()
        for fd in (program.output, self._control, wakeup):
            poll.register(fd, select.POLLIN)
        status = None
        while status is None:
            ready = dict(poll.poll(self._pause()))
            if wakeup in ready:
                os.read(wakeup, 512)
            if program.output in ready and not self._copy(program.output):
                poll.unregister(program.output)
            if self._control in ready:
                self._obey(os.read(self._control, 512), program)
            self._tick(program)
            status = program.reap()
        self._finish(program, status)

    def _start(self) -> Program:
        order = self._order
        argv, env, cwd, bwrap, cpus = (order[name] for name in ("argv", "env", "cwd", "bwrap", "cpus"))
        if cpus:
            try:
                os.sched_setaffinity(0, cpus)  # type: ignore[arg-type]
            except OSError as error:
                self._log.say(f"clary: cannot pin to CPUs {cpus}: {error.strerror}")
        # When memory runs out, the kernel is to end the job, not the server or this supervisor.
        before = oom_score(OOM_SCORE)
        try:
            if bwrap:
                return Sandboxed(argv, bwrap, env)  # type: ignore[arg-type]
            return Plain(argv, env, cwd)  # type: ignore[arg-type]
        finally:
            oom_score(before)

    def _received(self, number: int, _frame: object) -> None:
        """SIGTERM (the machine shuts down) stops the program in good order; all else is not for us."""
        if number == signal.SIGTERM:
            os.write(self._control, b"T")

    def _obey(self, requests: bytes, program: Program) -> None:
        if b"K" in requests:
            self._stopped = True
            self._kill(program)
        elif b"T" in requests and not self._stopped:
            self._stopped = self._young = True
            self._deadline = time.monotonic() + self._grace

    def _tick(self, program: Program) -> None:
        now = time.monotonic()
        self._log.tick(now)
        if self._young:
            try:
                self._young = not program.terminate()
            except ProcessLookupError:
                self._young = False
        if self._deadline is not None and now >= self._deadline:
            self._kill(program)

    def _kill(self, program: Program) -> None:
        self._deadline, self._young = None, False
        try:
            program.kill()
        except ProcessLookupError:
            pass

    def _pause(self) -> float | None:
        """Milliseconds until something is due."""
        now = time.monotonic()
        young = now + RETRY if self._young else None
        due = [when for when in (self._log.due(), self._deadline, young) if when is not None]
        return max(0.0, min(due) - now) * 1000 + 1 if due else None

    def _copy(self, output: int) -> bool:
        """Copy what is there; False at its end."""
        try:
            data = os.read(output, CHUNK)
        except BlockingIOError:
            return True
        if data:
            self._log.feed(data, time.monotonic())
        return bool(data)

    def _finish(self, program: Program, status: int) -> None:
        ended = time.time()
        program.sweep()
        try:
            while data := os.read(program.output, CHUNK):
                self._log.feed(data, time.monotonic())
        except BlockingIOError:
            pass  # held open by something that escaped; what it says is not the program's
        self._log.close()
        import resource  # not before: the program was waiting

        code, number = program.outcome(status)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        record = (
            f'{{"code": {shown(code)}, "signal": {shown(number)}, "started": {self._started:.3f}, '
            f'"ended": {ended:.3f}, "stopped": {shown(self._stopped)}, "peak_memory": {peak}}}\n'
        )
        overwrite("supervisor/exit", record.encode().ljust(EXIT_BYTES))
        sync("supervisor/exit")
        os.rename("supervisor/exit", "exit.json")


def shown(value: int | None) -> str:
    """As JSON: `null`, `true`, `false` or the number."""
    return "null" if value is None else str(value).lower()


def oom_score(score: bytes) -> bytes:
    """Set this process's, and what is started from now on; the score before."""
    try:
        with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
            before = file.read().strip()
            file.write(score)
            return before
    except OSError:
        return score


def overwrite(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, data)
    os.close(fd)


def write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, data)
    os.close(fd)


def sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
