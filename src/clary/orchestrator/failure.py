"""Says why a program failed, for people: the failure file, or the end of its traceback, or what ended it."""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Sequence

from clary.domain.jobs import REASON_LIMIT
from clary.engines.ports import Observation
from clary.storage.blobs import NoSpace
from clary.storage.ports import Full

CLIENT = "ClientError: "
TAIL = 200
"""Log lines to look at."""


def explain(
    observation: Observation, failure_file: str, tail: Sequence[str], *, disk_full: bool = False
) -> str:
    """The FailureReason of a program that did not succeed; at most `REASON_LIMIT` characters.

    `failure_file` is the text of /opt/ml/output/failure, `tail` the last lines of its log, oldest first.
    `disk_full`: there was no room when it ended, so that its log may lack its end.
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
    hint = _hint(observation, [*tail, "No space left on device"] if disk_full else tail)
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
    return isinstance(error, Full | NoSpace) or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    )


def _ending(observation: Observation) -> str:
    if observation.signal is not None:
        try:
            name = signal.Signals(observation.signal).name
        except ValueError:
            name = "unknown"
        return f"ended by signal {observation.signal} ({name})"
    return f"exit code: {observation.code}"


_KNOWN: tuple[tuple[str, str], ...] = (
    (r"No space left on device|\[Errno 28\]|Disk quota exceeded",
     "The disk is full: free some space under Clary's home, or move it"),
    (r"CUDA out of memory|CUBLAS_STATUS_ALLOC_FAILED|OutOfMemoryError",
     "The GPU's memory is too small: try a smaller batch, or fewer jobs on the GPU at a time"),
    (r"\bMemoryError\b|_ArrayMemoryError|Cannot allocate memory|can't allocate memory|std::bad_alloc",
     "Out of memory: use less data at once (a smaller batch, chunks of the file), or fewer jobs at a time"),
    (r"Could not find a version that satisfies|No matching distribution found|No solution found when resolving",
     "A package of requirements.txt cannot be had: see its name above, and the settings index_url and find_links"),
    (r"ModuleNotFoundError: No module named '(?P<module>[\w.]+)'",
     "The environment has no {module}: list its package in a requirements.txt beside the entry point"),
    (r"PermissionError: .*'(?P<path>/opt/ml/input[^']*)'|Read-only file system: '(?P<place>[^']*)'",
     "Inputs and the system are read-only: write to SM_MODEL_DIR, SM_OUTPUT_DATA_DIR or /tmp"),
    (r"Address already in use",
     "Another program listens on that port: the network is the machine's; take port 0, or one of your own"),
    (r"bus error|insufficient shared memory",
     "Shared memory ran out: try fewer data loader workers"),
)  # fmt: skip
"""What the end of a log says of the cause (regular expressions, the first that matches wins), and what to try."""

_SIGNALS = {
    signal.SIGSEGV: "A native library crashed: try another version of it, or `python -X faulthandler`",
    signal.SIGILL: "A native library was built for another processor: try another build of it",
    signal.SIGBUS: "Shared memory or a mapped file ran out: try fewer data loader workers",
    signal.SIGABRT: "A native library gave up: its own message is above",
}


def _hint(observation: Observation, tail: Sequence[str]) -> str:
    text = "\n".join(tail)
    for pattern, advice in _KNOWN:
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            return ". " + advice.format(**match.groupdict())
    if observation.stopped or observation.signal is None:
        return ""
    if observation.signal == signal.SIGKILL:
        peak = f" (it used {observation.peak_memory / 2**30:.1f} GiB)" if observation.peak_memory else ""
        return f". Probably out of memory{peak}: use less data at once, or fewer jobs at a time"
    advice = _SIGNALS.get(observation.signal, "")  # type: ignore[call-overload]
    return f". {advice}" if advice else ""
