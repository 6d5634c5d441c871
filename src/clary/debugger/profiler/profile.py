"""A job's profile: what was recorded of its machine, and when its steps were.

System metrics are lines of JSON below `system/incremental`, step times are trace events below `framework/pevents`
(AWS's own files read the same). Where no step was timed, the tensors that were saved tell: of steps that follow each
other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..format import places, records
from ..format.events import Event

Key = tuple[str, str, str, str]
"""Node, type, name, dimension."""


@dataclass(frozen=True, slots=True)
class Series:
    node: str
    type: str
    name: str
    dimension: str
    times: np.ndarray
    """Epoch seconds."""
    values: np.ndarray

    @property
    def title(self) -> str:
        return " ".join(filter(None, [self.node, self.name, self.dimension]))


@dataclass(frozen=True, slots=True)
class Step:
    step: int
    """Of its mode, where steps were timed."""
    mode: str
    time: float
    """Epoch seconds, when it began; or when its first tensor was saved."""
    seconds: float | None = None
    """That it took, where that is known."""


@dataclass(frozen=True, slots=True)
class Loader:
    """A data loader that began."""

    node: str
    workers: int


@dataclass(frozen=True, slots=True)
class Profile:
    series: tuple[Series, ...] = ()
    steps: tuple[Step, ...] = ()
    """In order."""
    loaders: tuple[Loader, ...] = ()

    def of(self, kind: str, dimension: str = "", name: str = "") -> list[Series]:
        return [
            each for each in self.series
            if each.type == kind and (not dimension or each.dimension == dimension) and (not name or each.name == name)
        ]  # fmt: skip

    @property
    def nodes(self) -> list[str]:
        return sorted({each.node for each in self.series})

    @property
    def began(self) -> float | None:
        """When the first sample was taken: as the programs started."""
        return min((float(each.times[0]) for each in self.series if each.times.size), default=None)

    def mean(self, node: str, kind: str, dimension: str) -> Series | None:
        """Of all devices of a node that were sampled together: its CPUs, its GPUs."""
        found = [each for each in self.of(kind, dimension) if each.node == node]
        if not found:
            return None
        length = min(each.values.size for each in found)
        values = np.mean([each.values[:length] for each in found], axis=0)
        return Series(node, kind, kind, dimension, found[0].times[:length], values)


@dataclass
class Profiles:
    """Reads what is there, and later what came since."""

    metrics: Path
    """The folder `profiler-output`."""
    tensors: Path
    problems: dict[str, str] = field(default_factory=dict)
    """Lines and files that were passed over, and why."""
    _read: dict[Path, int] = field(default_factory=dict)
    """Bytes of each file."""
    _points: dict[Key, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    _saved: dict[int, Step] = field(default_factory=dict)
    _timed: dict[tuple[str, str, int], Step] = field(default_factory=dict)
    """By process, mode and step."""
    _loaders: list[Loader] = field(default_factory=list)

    def read(self) -> Profile:
        for path in sorted((self.metrics / "system").rglob("*.json")):
            self._read_metrics(path)
        for path in sorted((self.metrics / "framework" / "pevents").rglob("*.json")):
            if path not in self._read:
                self._read_trace(path)
        if not self._timed:
            for path in sorted((self.tensors / "index").rglob("*.json")):
                self._read_step(path)
        series = [series_of(key, points) for key, points in sorted(self._points.items())]
        steps = sorted(self._timed.values(), key=lambda step: step.time) or following(self._saved)
        return Profile(tuple(series), tuple(steps), tuple(self._loaders))

    def _read_metrics(self, path: Path) -> None:
        """A file only grows: what was read is not read again, and a line without its end is left for later."""
        start = self._read.get(path, 0)
        if path.stat().st_size <= start:
            return
        with path.open("rb") as file:
            file.seek(start)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read[path] = start + len(whole) + len(newline)
        for line in whole.split(b"\n") if newline else ():
            try:
                event = json.loads(line)
                key = (event["NodeId"], event["Type"], event.get("Name") or "", event.get("Dimension") or "")
                self._points[key].append((float(event["Timestamp"]), float(event["Value"])))
            except (ValueError, KeyError, TypeError) as error:
                self.problems[path.name] = f"{type(error).__name__}: {error}"

    def _read_trace(self, path: Path) -> None:
        """Such a file is there whole."""
        try:
            process = path.name.split("_")[1]
            events = json.loads(path.read_bytes())
            told = [each.get("args", {}).get("start_time_since_epoch_in_micros") for each in events]
            base = next(each for each in told if each is not None)
            for event in events:
                name, _, mode = event["name"].partition("ModeKeys.")
                if event["ph"] == "X" and name == "Step:":
                    number = int(event["args"]["step_num"])
                    step = Step(number, mode, (base + event["ts"]) / 1e6, event["dur"] / 1e6)
                    self._timed[process, mode, number] = step
                elif event["ph"] == "X" and name == "DataLoader":
                    node = process.partition("-")[2]
                    self._loaders.append(Loader(node, int(event["args"]["num_workers"])))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
            self.problems[path.name] = f"{type(error).__name__}: {error}"
        self._read[path] = 0

    def _read_step(self, path: Path) -> None:
        found = places.of_index(path.as_posix())
        if found is None or found[0] in self._saved:
            return
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
            first = index["tensor_payload"][0]
            with (self.tensors / index["meta"]["event_file_name"]).open("rb") as file:
                file.seek(first["start_idx"])
                event = Event(records.unframe(file.read(first["length"]))[0])
        except (OSError, ValueError, LookupError, TypeError) as error:
            self.problems[path.name] = f"{type(error).__name__}: {error}"
            return
        self._saved[found[0]] = Step(found[0], event.mode, event.time)


def following(saved: dict[int, Step]) -> list[Step]:
    """Steps in order, with the seconds since the one before where that is the last of the same mode."""
    steps = [saved[step] for step in sorted(saved)]
    for at, (before, after) in enumerate(pairwise(steps), 1):
        if before.mode == after.mode and after.step == before.step + 1:
            steps[at] = replace(after, seconds=after.time - before.time)
    return steps


def series_of(key: Key, points: list[tuple[float, float]]) -> Series:
    table = np.array(sorted(points))
    return Series(*key, table[:, 0], table[:, 1])
