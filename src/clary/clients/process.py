"""A child that is, to the outside, the program that was started: its signals and its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

_PASSED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT)
_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""What Ctrl-C and Ctrl-\\ send to everybody in the terminal's foreground, the child included."""


def run_as(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run `command` to its end. Returns its exit code; 128 + N where signal N ended it, as shells do.

    Signals are passed on, except those that the terminal has sent to the child itself. Raises OSError where
    the command cannot be started.
    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: object) -> None:
        if child is None:
            early.append(number)  # it may run already, before Popen has returned
        elif child.poll() is None and not (number in _KEYS and _in_foreground()):
            child.send_signal(number)

    # Handlers, unlike SIG_IGN, are not inherited: the child starts with the default actions.
    before = {number: signal.signal(number, pass_on) for number in _PASSED}
    try:
        child = subprocess.Popen(command, env=environ)
        for number in early:
            pass_on(number, None)
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
    return code if code >= 0 else 128 - code


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
