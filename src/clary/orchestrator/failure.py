"""Says why a program failed, for people: the failure file, or the end of its traceback, or what ended it."""

from __future__ import annotations

import errno
import signal
from collections.abc import Sequence

from clary.domain.jobs import REASON_LIMIT
from clary.engines.ports import Observation

CLIENT = "ClientError: "
TAIL = 200
"""Log lines to look at."""


def explain(observation: Observation, failure_file: str, tail: Sequence[str]) -> str:
    """The FailureReason of a program that did not succeed; at most `REASON_LIMIT` characters.

    `failure_file` is the text of /opt/ml/output/failure, `tail` the last lines of its log, oldest first.
    """
    if observation.status == "lost":
        return (
            "InternalServerError: the program was lost: its supervisor ended without a word (the machine was "
            "restarted, or the supervisor was killed). Start the job again."
        )
    ending = _ending(observation)
    if failure_file.strip():
        said = failure_file.strip()
        if not said.startswith(CLIENT):  # AWS's own algorithms say whose fault it is
            said = f"AlgorithmError: {said}"
        return fit(said, f", {ending}")
    hint = _hint(observation, tail)
    trace = traceback_end(tail)
    if trace:
        code = observation.code if observation.code is not None else "-"
        return fit(
            f'AlgorithmError: ExecuteUserScriptError: ExitCode {code} ErrorMessage "{trace}"',
            f", {ending}{hint}",
        )
    last = [line for line in tail if line.strip()][-3:]
    said = f' Its last words: "{chr(10).join(last)}"' if last else " It printed nothing."
    return fit(f"AlgorithmError: the program failed.{said}", f", {ending}{hint}")


def traceback_end(tail: Sequence[str]) -> str:
    """From the last `Traceback` on to the exception's own message; empty when there is none."""
    starts = [
        index for index, line in enumerate(tail) if line.startswith("Traceback (most recent call last)")
    ]
    if not starts:
        return ""
    lines = list(tail[starts[-1] + 1 :])
    end = next((i for i, line in enumerate(lines) if line and not line[0].isspace()), len(lines) - 1)
    # What follows the exception's line belongs to its message while it is not plainly something else.
    message = lines[end : end + 8]
    frames = lines[max(0, end - 4) : end]
    return "\n".join([*frames, *message]).strip()


def fit(text: str, ending: str) -> str:
    """`text` cut in its middle so that with `ending` it keeps to the limit: both its start and its end tell."""
    room = REASON_LIMIT - len(ending)
    if len(text) > room:
        head = 120
        text = f"{text[:head]} ... {text[-(room - head - 5) :]}"
    return text + ending


def is_disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _ending(observation: Observation) -> str:
    if observation.signal is not None:
        try:
            name = signal.Signals(observation.signal).name
        except ValueError:
            name = "unknown"
        return f"ended by signal {observation.signal} ({name})"
    return f"exit code: {observation.code}"


def _hint(observation: Observation, tail: Sequence[str]) -> str:
    text = "\n".join(tail)
    if "No space left on device" in text:
        return ". The disk is full: free some space under Clary's home, or move it"
    if observation.signal == signal.SIGKILL and not observation.stopped:
        peak = f" (it used {observation.peak_memory / 2**30:.1f} GiB)" if observation.peak_memory else ""
        return f". Probably out of memory{peak}: use less data at once, or fewer jobs at a time"
    if "MemoryError" in text:
        return ". Out of memory: use less data at once"
    return ""
