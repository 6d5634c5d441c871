"""How long each step took, saved or not: from its beginning to that of the next, in smdebug's files.

    <profiler>/framework/pevents/<YYYYMMDDHH>/<end in us>_<pid>-<host>_pythontimeline.json

Trace events, which Chrome's viewer shows too: `Step:ModeKeys.TRAIN` with its `step_num`, `DataLoader` with its
`num_workers`. The last step before one of another mode has no end that is known and is left out. A thread writes
what came since it last did, so that a step costs a look at the clock.
"""

import atexit
import collections
import json
import os
import threading
import time

from .format import places
from .quiet import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Tuple

    Event = Tuple[str, float, float, str, int]
    """Name, beginning and end in epoch seconds, and a number that is told of it by its name."""

PROFILE = "output/profiler"
"""Below the job's /opt/ml."""
CONFIG = "input/config/profilerconfig.json"
STEPS = 100000
"""Of a process, the first ones: a short step's record is longer than what it is worth."""
SOON, LATE = 5.0, 60.0
"""Seconds between files, at a program's start and after some time."""


class Timeline:
    def __init__(self, folder: str, host: str) -> None:
        self._folder, self._host, self._pid = folder, host, os.getpid()
        self._events = collections.deque()  # type: collections.deque[Event]
        self._count = 0
        self._mode, self._step, self._began = "", -1, 0.0
        self._end = threading.Event()
        self._thread = None  # type: threading.Thread | None

    def step(self, mode: str, mode_step: int) -> None:
        """A step begins, and the one before has ended."""
        now = time.time()
        if mode == self._mode and self._count < STEPS:
            self._count += 1
            self._add("Step:ModeKeys." + mode, self._began, now, "step_num", self._step)
        self._mode, self._step, self._began = mode, mode_step, now

    def loader(self, workers: int) -> None:
        """A data loader begins with so many processes."""
        now = time.time()
        self._add("DataLoader", now, now, "num_workers", workers)

    def _add(self, name: str, began: float, ended: float, key: str, value: int) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="clary-timeline", daemon=True)
            self._thread.start()
            atexit.register(self.finish)
        self._events.append((name, began, ended, key, value))

    def finish(self) -> None:
        """All that was told is on the disk."""
        self._end.set()
        if self._thread is not None and os.getpid() == self._pid:
            self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._end.wait(min(LATE, SOON + (time.monotonic() - began) / 20)):
            self._write()
        self._write()

    def _write(self) -> None:
        found = []
        while self._events and os.getpid() == self._pid:
            found.append(self._events.popleft())
        if not found:
            return
        end = max(ended for _, _, ended, _, _ in found)
        hour = time.strftime("%Y%m%d%H", time.gmtime(end))
        name = "%s/framework/pevents/%s/%d_%d-%s_pythontimeline.json"
        try:
            places.put(
                name % (self._folder, hour, end * 1e6, self._pid, self._host),
                trace(found).encode(),
            )
        except OSError as error:
            complain("writing step times", error)


def trace(events: "list[Event]") -> str:
    """As trace events, in microseconds from the first one's beginning. The text is made by hand, which takes 4 us an event in
    place of 7: it is the training's time too."""
    base = int(min(event[1] for event in events) * 1e6)
    numbers = {name: n for n, name in enumerate(dict.fromkeys(event[0] for event in events), 1)}
    lines = [metadata(0, {"start_time_since_epoch_in_micros": base})]
    lines += [metadata(number, {"name": name}) for name, number in numbers.items()]
    lines += [
        '{"name": "%s", "pid": %d, "ph": "X", "ts": %d, "dur": %d, "args": {"%s": %d}}'
        % (name, numbers[name], began * 1e6 - base, (ended - began) * 1e6, key, value)
        for name, began, ended, key, value in events
    ]
    return "[\n%s\n]" % ",\n".join(lines)


def metadata(number: int, told: "dict[str, Any]") -> str:
    return json.dumps({"name": "process_name", "ph": "M", "pid": number, "args": told})


def of_job(ml: str, host: str) -> "Timeline | None":
    """None where the job is not profiled."""
    asked = os.path.exists(os.path.join(ml, CONFIG))
    return Timeline(os.path.join(ml, PROFILE), host) if asked else None
