"""Steps and modes, and what of a step is saved: the part that all frameworks share.

A step begins with `begin`; until the next, `wants` tells whether a tensor is to be saved and `save` takes it.
One process of a job saves: the first that has something to save on the first host, or that of rank 0; with
`include_workers` all, each rank, which is the host's number where no framework tells one.
"""

import json
import os
import sys
import time

from . import background, config_path, timeline
from .config import Config, ConfigError
from .quiet import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TENSORS = "output/tensors"
"""Below the job's /opt/ml, unless the configuration says otherwise."""
BOARD = "input/config/tensorboardoutputconfig.json"
TRAINING_ONLY = ("gradients", "optimizer_variables")


class Saver:
    def __init__(self, document: "dict[str, Any]", config: Config, rank: int = 0, ranks: int = 1) -> None:
        """`rank`: of this process among those that train together."""
        ml = os.environ.get("CLARY_ML_ROOT", "/opt/ml")
        self.config = config
        self.folder = _place(document, ml) or os.path.join(ml, TENSORS)
        self.step, self.mode = -1, "GLOBAL"
        self.mode_steps = {}  # type: dict[str, int]
        self.active = []  # type: list[Any]
        """Collections saved in this step."""
        self._ml, self._pid = ml, os.getpid()
        self._collections_of = {}  # type: dict[tuple[str, str], list[Any]]
        self._known = -1
        self._pending = None  # type: background.Step | None
        self._background = None  # type: background.Background | None
        self._hosts = _document(os.path.join(ml, "input/config/resourceconfig.json"))
        self.timeline = timeline.of_job(ml, self._hosts.get("current_host") or "algo-1")
        names = self._hosts.get("hosts") or ()
        if config.all_workers and ranks == 1 and len(names) > 1 and self._hosts.get("current_host") in names:
            self.set_rank(names.index(self._hosts["current_host"]), len(names))
            self._alone = True
        else:
            self.set_rank(rank, ranks)

    def set_rank(self, rank: int, ranks: int) -> None:
        """Before anything is saved."""
        self.rank, self.workers = rank, ranks if self.config.all_workers else 1
        self._silent = ranks > 1 and rank > 0 and not self.config.all_workers
        self._alone = ranks == 1

    def begin(self, mode: str, mode_step: "int | None" = None) -> bool:
        """A step of a mode; whether anything is saved in it. Closes the one before."""
        if self._pending is not None:
            self.close()
        self.mode = mode
        if mode_step is None:
            self.step += 1
            mode_step = self.mode_steps.get(mode, -1) + 1
        else:
            self.step = mode_step
        self.mode_steps[mode] = mode_step
        if self.timeline is not None and os.getpid() == self._pid:
            self.timeline.step(mode, mode_step)
        if self._silent:
            return False
        self._activate(mode_step)
        return bool(self.active)

    def _activate(self, mode_step: int) -> None:
        self.active = [each for each in self.config.saved if each.saves[self.mode].at(mode_step)]
        if self.active and self.mode in ("EVAL", "PREDICT"):
            self.active = [each for each in self.active if each.name not in TRAINING_ONLY]

    def change(self, name: str, told: "dict[str, Any]") -> None:
        """Save a collection, made where it is not there, with these parameters besides; from this step on. Raises
        `ConfigError`."""
        self.config.change(name, told)
        self._collections_of.clear()
        mode_step = self.mode_steps.get(self.mode, -1)
        if mode_step >= 0 and not self._silent:
            self._activate(mode_step)

    def is_active(self, *names: str) -> bool:
        return any(each.name in names for each in self.active)

    def wants(self, name: str, kind: str = "") -> bool:
        """Whether a tensor is saved in this step. `kind`: its built-in collection."""
        return bool(self.active) and any(each in self.active for each in self.collections_of(name, kind))

    def collections_of(self, name: str, kind: str = "") -> "list[Any]":
        key = (name, kind)
        if key not in self._collections_of:
            self._collections_of[key] = [
                each for each in self.config.saved if each.name in (kind, "all") or each.matches(name)
            ]
        return self._collections_of[key]

    def save(self, name: str, value: "Any", kind: str = "", always: bool = False) -> None:
        """`value` is NumPy's or a number, and copied. `always`: in whatever step, and though it is in no collection."""
        if self._silent or os.getpid() != self._pid:
            return
        found = self.collections_of(name, kind)
        if not always:
            found = [each for each in found if each in self.active]
        if not found and not always:
            return
        if self._background is None and not self._start():
            return
        import numpy

        array = numpy.array(value)
        reductions = []  # type: list[tuple[str, bool]]
        for collection in found:
            collection.names.add(name)
            reductions += [each for each in collection.reductions if each not in reductions]
        if self._pending is None:
            self._pending = background.Step(self.step, self.mode, self.mode_steps[self.mode])
        raw, shape = not found or any(each.raw for each in found), any(each.shape for each in found)
        self._pending.values.append(background.Value(name, array, time.time(), raw, shape, reductions))

    def close(self) -> None:
        """Hand the step over to be written."""
        step, self._pending = self._pending, None
        if step is None or self._background is None or os.getpid() != self._pid:
            return
        known = sum(len(each.names) for each in self.config.collections.values())
        if known != self._known:
            self._known, step.workers = known, self.workers
            step.collections = {name: each.document() for name, each in self.config.collections.items()}
        self._background.put(step)

    def _start(self) -> bool:
        """On the first tensor: whether this process is the one that saves."""
        if "smdebug.core.hook" in sys.modules:
            complain("not saving", "the program uses smdebug's own hook")
        elif self._alone and not self._claim():
            complain("not saving", "another process of the job does")
        else:
            import atexit

            board = _place(_document(os.path.join(self._ml, BOARD)), self._ml)
            self._background = background.Background(self.folder, "worker_%d" % self.rank, board)
            atexit.register(self.close)
            return True
        self._silent = True
        return False

    def _claim(self) -> bool:
        """Of a host's processes that know nothing of each other one saves, and unless all are to only on the first."""
        names = self._hosts.get("hosts")
        if names and not self.config.all_workers and self._hosts.get("current_host") != names[0]:
            return False
        try:
            os.makedirs(os.path.dirname(self.folder), exist_ok=True)
            os.close(os.open(self.folder + ".claim", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


def open_saver(
    builtin: "dict[str, list[str]]", default: "tuple[str, ...]", interval: int = 500
) -> "Saver | None":
    """None, and a word on standard error, where the job's configuration cannot be followed."""
    told = document()
    try:
        return Saver(told, Config(told, builtin, default, interval))
    except (ConfigError, KeyError, TypeError) as error:
        complain("DebugHookConfig", str(error))
        return None


def document() -> "dict[str, Any]":
    """The job's DebugHookConfig."""
    return _document(config_path())


def _place(document: "dict[str, Any]", ml: str) -> str:
    """LocalPath, where this program finds it; empty where it is not said."""
    path = str(document.get("LocalPath") or "").rstrip("/")
    return ml + path[len("/opt/ml") :] if path.startswith("/opt/ml/") else path


def _document(path: str) -> "dict[str, Any]":
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
