# pathlib and contextlib take longer to import than all that this process does.
# ruff: noqa: PTH123, PTH208
"""Starts, stops and reaps the program of a run.

    Program     what both have: its pid, its pipe, its end. Orphans that it leaves become the supervisor's
                children, which kills them and counts their memory
      Plain     a session of its own, with a guard that ends it should the supervisor be killed
      Sandboxed bubblewrap's monitor, whose child is the first process of a pid namespace: with that one
                gone the kernel ends all others, and it goes with the supervisor

A code of 128 + n is read as signal n, as shells and container runtimes write it: bubblewrap reports both
alike, and so would any engine that has only a container's exit code.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signal
else:  # all that `signal` adds is enums, for which it imports a third of this process's modules
    import _signal as signal

NOT_STARTED = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
PR_SET_CHILD_SUBREAPER = 36


class Program:
    def __init__(self, argv: list[str], env: dict[str, str], cwd: str) -> None:
        self.output, write = os.pipe()
        os.set_blocking(self.output, False)
        null = os.open(os.devnull, os.O_RDONLY)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(null, 0)
                os.dup2(write, 1)
                os.dup2(write, 2)
                self._before_exec(cwd)
                os.execvpe(argv[0], argv, env)
            except FileNotFoundError as error:
                self._refuse(f"{error.filename}: {error.strerror}", NOT_FOUND)
            except BaseException as error:
                self._refuse(str(error), NOT_EXECUTABLE)
        os.close(write)
        os.close(null)

    def _before_exec(self, cwd: str) -> None:
        # exec resets handlers, but what is ignored (Python ignores these two) stays ignored.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        if cwd:
            os.chdir(cwd)

    def _refuse(self, reason: str, code: int) -> None:
        os.write(2, f"clary: cannot run the program: {reason}\n".encode())
        os._exit(code)

    def reap(self) -> int | None:
        """Its wait status, once it has ended. Adopted orphans that have ended are reaped on the way."""
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid in (0, self.pid):
                return status if pid else None

    def terminate(self) -> bool:
        """SIGTERM for it and its group; False while it is too young to receive it."""
        raise NotImplementedError

    def kill(self) -> None:
        raise NotImplementedError

    def sweep(self) -> None:
        """Kill what it left behind, and reap it."""
        try:
            while True:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    for child in _children(os.getpid()):
                        os.kill(child, signal.SIGKILL)
                    os.waitpid(-1, 0)
        except ChildProcessError:
            return

    def outcome(self, status: int) -> tuple[int | None, int | None]:
        """Exit code and signal: one of them is None."""
        if os.WIFSIGNALED(status):
            return None, os.WTERMSIG(status)
        code = os.WEXITSTATUS(status)
        if 128 < code < 128 + 32:
            return None, code - 128
        return code, None


class Plain(Program):
    def __init__(self, argv: list[str], env: dict[str, str], cwd: str) -> None:
        adopt_orphans()
        started, self._exec = os.pipe()
        super().__init__(argv, env, cwd)
        os.close(self._exec)
        os.read(started, 1)  # end-of-file: exec has closed it
        os.close(started)
        self._guard()

    def _before_exec(self, cwd: str) -> None:
        os.setsid()
        super()._before_exec(cwd)

    def _guard(self) -> None:
        """A process that waits for this one's end. It is swept like all others when the program ends first."""
        died, self._alive = os.pipe()
        self._guarding = os.fork()
        if self._guarding:
            os.close(died)
            return
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
                signal.signal(number, signal.SIG_IGN)
            os.closerange(0, died)
            os.closerange(died + 1, 256)
            os.read(died, 1)  # end-of-file: the supervisor is gone
            for pid in [*_descendants(self.pid), self.pid]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            os.killpg(self.pid, signal.SIGKILL)
        finally:
            os._exit(0)

    def sweep(self) -> None:
        if _parent(self._guarding) == os.getpid():
            os.kill(self._guarding, signal.SIGKILL)
        super().sweep()

    def terminate(self) -> bool:
        os.killpg(self.pid, signal.SIGTERM)
        return True

    def kill(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)


class Sandboxed(Program):
    def __init__(self, argv: list[str], bwrap: list[str], env: dict[str, str]) -> None:
        """`bwrap`: the program and its arguments. They go through a file descriptor, because a command line
        can be read by every user of the machine and the environment is among them."""
        arguments = os.memfd_create("bwrap", 0)
        for argument in bwrap[1:]:
            os.write(arguments, os.fsencode(argument) + b"\0")
        for name, value in env.items():
            os.write(arguments, b"--setenv\0" + os.fsencode(name) + b"\0" + os.fsencode(value) + b"\0")
        os.lseek(arguments, 0, os.SEEK_SET)
        self._status, status = os.pipe()
        os.set_inheritable(status, True)
        os.set_blocking(self._status, False)
        self._said = b""
        self.init: int | None = None
        command = [bwrap[0], "--args", str(arguments), "--json-status-fd", str(status), "--"]
        # `env` is there for its exit codes: 127 for a program that is not found, 126 for one that is none.
        super().__init__([*command, "/usr/bin/env", "--", *argv], {}, "/")
        os.close(arguments)
        os.close(status)
        adopt_orphans()  # now, while bubblewrap sets up: it takes a while

    def _listen(self) -> None:
        try:
            while said := os.read(self._status, 4096):
                self._said += said
        except BlockingIOError:
            pass
        if self.init is None:
            self.init = _number(self._said, b'"child-pid":')

    def _first(self) -> int | None:
        """The namespace's first process, if it is still the monitor's child."""
        self._listen()
        return self.init if self.init and _parent(self.init) == self.pid else None

    def terminate(self) -> bool:
        init = self._first()
        if init is None:
            return False
        program = _children(init)
        if not program or all(_name(pid) == b"bwrap" for pid in program):
            return False
        # The first process, of the same group, ignores it: it is its namespace's init.
        os.killpg(init, signal.SIGTERM)
        return True

    def kill(self) -> None:
        os.kill(self._first() or self.pid, signal.SIGKILL)

    def sweep(self) -> None:
        """The monitor does not wait for the first process, so that one is an orphan now, and dying."""
        super().sweep()
        self._listen()
        while self.init and _parent(self.init) and b"bwrap" in _name(self.init):
            time.sleep(0.001)  # it went before it could be adopted

    def outcome(self, status: int) -> tuple[int | None, int | None]:
        code, number = super().outcome(status)
        if code and b'"exit-code"' not in self._said:
            return NOT_STARTED, None
        return code, number


def adopt_orphans() -> None:
    """Become the parent of every orphan among the descendants."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _descendants(pid: int) -> list[int]:
    children = _children(pid)
    return children + [other for child in children for other in _descendants(child)]


def _children(pid: int) -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _parent(int(entry)) == pid]


def _parent(pid: int) -> int | None:
    stat = _read(f"/proc/{pid}/stat")
    return int(stat[stat.rindex(b")") + 1 :].split()[1]) if stat else None


def _name(pid: int) -> bytes:
    return _read(f"/proc/{pid}/comm").strip()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _number(text: bytes, key: bytes) -> int | None:
    _, found, rest = text.partition(key)
    digits = rest.lstrip()
    end = next((at for at, byte in enumerate(digits) if not 48 <= byte <= 57), None)
    return int(digits[:end]) if found and end else None
