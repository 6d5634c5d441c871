"""What /proc tells of this machine and of the processes on it: the one place that reads it.

`root` is there for tests: a /proc that is written down. What is gone, or foreign to this kernel, counts nothing.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MEMORY = PAGE * os.sysconf("SC_PHYS_PAGES")
"""Bytes of this machine."""
SECTOR = 512
WHOLE_DISK = re.compile(r"(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)")


class Process(NamedTuple):
    parent: int
    seconds: float
    """CPU time, with that of its children that have ended."""
    memory: int
    """Bytes, resident."""


class Processes:
    """All of this machine, at one moment: a few milliseconds to read."""

    def __init__(self, root: Path = ROOT) -> None:
        self.by_pid = dict(_processes(root))
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        for pid, process in self.by_pid.items():
            self._children[process.parent].append(pid)

    def below(self, pid: int) -> Iterator[int]:
        """Its descendants, itself left out."""
        for child in self._children.get(pid, ()):
            yield child
            yield from self.below(child)

    def used(self, pid: int) -> tuple[float, int]:
        """Seconds of CPU and resident bytes of its descendants."""
        family = [self.by_pid[each] for each in self.below(pid)]
        return sum(each.seconds for each in family), sum(each.memory for each in family)


def _processes(root: Path) -> Iterator[tuple[int, Process]]:
    for entry in os.listdir(root):  # noqa: PTH208  (a fifth of the time of iterdir)
        if entry.isdigit():
            try:
                with open(f"{root}/{entry}/stat", "rb") as file:  # noqa: PTH123
                    fields = file.read().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            seconds = sum(map(int, fields[11:15])) / TICKS
            yield int(entry), Process(int(fields[1]), seconds, int(fields[21]) * PAGE)


def text(name: str, root: Path = ROOT) -> str:
    try:
        return (root / name).read_text(errors="replace")
    except OSError:
        return ""


def cpu_times(root: Path = ROOT) -> dict[str, list[int]]:
    """Busy, waiting for I/O, and all, in ticks since the start, by core: `cpu0`, ..."""
    found = {}
    for line in text("stat", root).splitlines():
        name, *numbers = line.split()
        if re.fullmatch(r"cpu\d+", name):
            user, nice, system, idle, waiting, irq, softirq, steal = (*map(int, numbers[:8]), *[0] * 8)[:8]
            busy = user + nice + system + irq + softirq + steal
            found[name] = [busy, waiting, busy + waiting + idle]
    return found


def disk(root: Path = ROOT) -> list[int]:
    """Operations, bytes read and bytes written since the start, of whole disks."""
    total = [0, 0, 0]
    for line in text("diskstats", root).splitlines():
        parts = line.split()
        if len(parts) > 9 and WHOLE_DISK.fullmatch(parts[2]):
            reads, read, writes, written = (int(parts[at]) for at in (3, 5, 7, 9))
            total = [total[0] + reads + writes, total[1] + read * SECTOR, total[2] + written * SECTOR]
    return total


def network(root: Path = ROOT) -> list[int]:
    """Bytes received and sent since the start, by all interfaces but the loopback."""
    total = [0, 0]
    for line in text("net/dev", root).splitlines()[2:]:
        name, _, numbers = line.partition(":")
        parts = numbers.split()
        if name.strip() != "lo" and len(parts) > 8:
            total = [total[0] + int(parts[0]), total[1] + int(parts[8])]
    return total


def available(root: Path = ROOT) -> float | None:
    """Share of the memory that programs can still have."""
    sizes = {
        name: int(rest.split()[0])
        for name, _, rest in (line.partition(":") for line in text("meminfo", root).splitlines())
        if rest
    }
    return sizes.get("MemAvailable", 0) / sizes["MemTotal"] if sizes.get("MemTotal") else None
