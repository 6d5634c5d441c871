"""What servers take: requests a second at 1, 8 and 64 connections, the median of one call, CPU, bodies of 1 MB.

Rounds are short and go over all servers in turn, so that all meet the same machine; a ratio is the median of those
within rounds, a figure the median over rounds.
"""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from load import TICKS, drive, latencies, processor

CONNECTIONS = (1, 8, 64)
COLUMNS = (*(f"c={each}" for each in CONNECTIONS), "p50 ms", "CPU ms", "1 MB c=8")
SECONDS = 0.4
"""That a server is driven at one number of connections, a round."""


@dataclass(frozen=True)
class Target:
    """`row` and `large`: makers of requests, as a signature is good for some minutes only; no `large`: it is not
    asked. `pids`: the processes whose CPU counts, with all that descend from them."""

    url: str
    pids: Callable[[], Sequence[int]]
    row: Callable[[], bytes]
    large: Callable[[], bytes] | None = None


def holding(path: Path) -> list[int]:
    """Processes started with this path, or with something below it mounted: a Clary's, its sandboxes' included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                if any(str(path) in (entry / file).read_text() for file in ("cmdline", "mountinfo")):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def spent(pids: Sequence[int]) -> float:
    """Seconds of CPU that these processes have used, each without those that descend from it."""
    used = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        used += int(fields[11]) + int(fields[12])
    return used / TICKS


def rounds(targets: Mapping[str, Target], count: int) -> dict[tuple[str, str], list[float]]:
    """By server and column, a figure for each round."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    rates = {name: 50 / drive(target.url, [[target.row()] * 50]) for name, target in targets.items()}
    for _ in range(count):
        for connections in CONNECTIONS:
            for name, target in targets.items():
                row = target.row()
                each = max(3, int(rates[name] * SECONDS / connections))
                pids = target.pids() if connections == 8 else ()
                before = _cpu(pids)
                seconds = drive(target.url, [[row] * each] * connections)
                if pids:
                    found[name, "CPU ms"].append((_cpu(pids) - before) / (each * connections) * 1000)
                found[name, f"c={connections}"].append(each * connections / seconds)
                rates[name] = max(rates[name], each * connections / seconds)
        for name, target in targets.items():
            times = latencies(target.url, [target.row()] * max(10, int(rates[name] * SECONDS / 4)))
            found[name, "p50 ms"].append(statistics.median(times) * 1000)
            if target.large is not None:
                large = target.large()
                found[name, "1 MB c=8"].append(8 * 12 / drive(target.url, [[large] * 12] * 8))
    return found


def _cpu(pids: Sequence[int]) -> float:
    return processor(pids[0]) if len(pids) == 1 else spent(pids)


def report(found: Mapping[tuple[str, str], list[float]], names: Sequence[str], ours: str) -> None:
    def line(title: str, figures: Sequence[float | None]) -> None:
        print(
            f"{title:14}" + "".join(f"{'-' if each is None else format(each, '.2f'):>12}" for each in figures)
        )

    print(f"{'':14}" + "".join(f"{column:>12}" for column in COLUMNS))
    for name in names:
        line(name, [_median(found.get((name, column))) for column in COLUMNS])
    for other in names:
        if other != ours:
            line(f"{ours} / {other}", [_ratio(found, ours, other, column) for column in COLUMNS])
    if "bare" in names:
        above = [a - b for a, b in zip(found[ours, "p50 ms"], found["bare", "p50 ms"], strict=True)]
        print(f"{ours}'s p50 above the bare handler's: {statistics.median(above):.2f} ms")
    peers = [name for name in names if name not in ("bare", "hop", ours)]
    if peers:
        for column in COLUMNS[: len(CONNECTIONS)]:
            best = max(peers, key=lambda peer: statistics.median(found[peer, column]))
            ratio = _ratio(found, ours, best, column)
            print(f"{column}: {ratio:.1f} times the best peer ({best})")


def _median(values: Sequence[float] | None) -> float | None:
    return statistics.median(values) if values else None


def _ratio(found: Mapping[tuple[str, str], list[float]], ours: str, other: str, column: str) -> float | None:
    mine, theirs = found.get((ours, column)), found.get((other, column))
    if not mine or not theirs:
        return None
    return statistics.median([a / b for a, b in zip(mine, theirs, strict=True)])
