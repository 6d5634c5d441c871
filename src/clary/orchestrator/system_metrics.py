"""What this machine and a job's processes use, from /proc: samples in the form of AWS's profiler.

    cpu      cpuN: CPUUtilization, I/OWaitPercentage        of the machine, as all below but the last
    memory   MemoryUsedPercent
    i/o      IOPS, ReadThroughputInBytesPerSecond, WriteThroughputInBytesPerSecond
    network  ReceiveBytesPerSecond, TransmitBytesPerSecond  all interfaces but the loopback
    gpu      gpuN: GPUUtilization, GPUMemoryUtilization     where nvidia-smi is
    job      CPUUtilization (of the CPUs that it was given), MemoryUsedBytes (resident), of its own processes

On AWS the machine is the job's alone; here others may use it too, and the last line tells them apart.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Sample = dict[str, Any]
Counters = dict[str, list[int]]

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SECTOR = 512
WHOLE_DISK = re.compile(r"(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)")
GPU_SECONDS = 2
GPU_QUERY = ("--query-gpu=index,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")


@dataclass
class SystemMetrics:
    """Rates are of the time since the last sample, so the first one has none."""

    node: str
    pid: Callable[[], int | None]
    """The process whose descendants are the job's; None while it is not known."""
    cpus: int
    """That the job was given."""
    proc: Path = Path("/proc")
    clock: Callable[[], float] = time.time
    _before: tuple[float, Counters] | None = None
    _smi: str | None = field(default_factory=lambda: shutil.which("nvidia-smi"))

    def sample(self) -> list[Sample]:
        now, counters = self.clock(), self._counters()
        found = list(self._levels(counters))
        if self._before is not None and now > self._before[0]:
            found += rates(self._before[1], counters, now - self._before[0], self.cpus)
        self._before = (now, counters)
        found += self._gpus()
        return [{**each, "NodeId": self.node, "Timestamp": now} for each in found]

    def _counters(self) -> Counters:
        found = {**cpu_times(self._text("stat")), "disk": disk(self._text("diskstats"))}
        found["network"] = network(self._text("net/dev"))
        pid = self.pid()
        if pid is not None:
            ticks, pages = 0, 0
            for one in self._family(pid):
                used, resident = process(self._text(f"{one}/stat"))
                ticks, pages = ticks + used, pages + resident
            found["job"] = [ticks, pages]
        return found

    def _levels(self, counters: Counters) -> Iterator[Sample]:
        percent = memory(self._text("meminfo"))
        if percent is not None:
            yield metric("memory", "MemoryUsedPercent", "", percent)
        if "job" in counters:
            yield metric("job", "job", "MemoryUsedBytes", counters["job"][1] * PAGE)

    def _family(self, pid: int) -> Iterator[int]:
        """All descendants of a process."""
        waiting = [pid]
        while waiting:
            one = waiting.pop()
            try:
                threads = list((self.proc / str(one) / "task").iterdir())
            except OSError:
                continue
            children = [
                int(child)
                for thread in threads
                for child in self._text(f"{one}/task/{thread.name}/children").split()
            ]
            yield from children
            waiting += children

    def _gpus(self) -> list[Sample]:
        if self._smi is None:
            return []
        try:
            told = subprocess.run(
                [self._smi, *GPU_QUERY], capture_output=True, text=True, timeout=GPU_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return []
        return gpus(told.stdout)

    def _text(self, name: str) -> str:
        try:
            return (self.proc / name).read_text(errors="replace")
        except OSError:
            return ""


def metric(kind: str, name: str, dimension: str, value: float) -> Sample:
    return {"Type": kind, "Name": name, "Dimension": dimension, "Value": round(value, 2)}


def rates(old: Counters, new: Counters, seconds: float, cpus: int) -> Iterator[Sample]:
    for name, now in new.items():
        if name not in old:
            continue
        change = [max(0, one - other) for one, other in zip(now, old[name], strict=True)]
        if name.startswith("cpu"):
            busy, waiting, total = change
            yield metric("cpu", name, "CPUUtilization", 100 * busy / total if total else 0.0)
            yield metric("cpu", name, "I/OWaitPercentage", 100 * waiting / total if total else 0.0)
        elif name == "disk":
            yield metric("i/o", "IOPS", "", change[0] / seconds)
            yield metric("i/o", "ReadThroughputInBytesPerSecond", "", change[1] / seconds)
            yield metric("i/o", "WriteThroughputInBytesPerSecond", "", change[2] / seconds)
        elif name == "network":
            yield metric("network", "ReceiveBytesPerSecond", "Algorithm", change[0] / seconds)
            yield metric("network", "TransmitBytesPerSecond", "Algorithm", change[1] / seconds)
        elif name == "job":
            yield metric("job", "job", "CPUUtilization", 100 * change[0] / TICKS / seconds / cpus)


def cpu_times(stat: str) -> Counters:
    """Busy, waiting for I/O, and all, in ticks, by core."""
    found = {}
    for line in stat.splitlines():
        name, *numbers = line.split()
        if re.fullmatch(r"cpu\d+", name):
            user, nice, system, idle, waiting, irq, softirq, steal = (*map(int, numbers[:8]), *[0] * 8)[:8]
            busy = user + nice + system + irq + softirq + steal
            found[name] = [busy, waiting, busy + waiting + idle]
    return found


def disk(diskstats: str) -> list[int]:
    """Operations, bytes read and bytes written, of whole disks."""
    total = [0, 0, 0]
    for line in diskstats.splitlines():
        parts = line.split()
        if len(parts) > 9 and WHOLE_DISK.fullmatch(parts[2]):
            reads, read, writes, written = (int(parts[at]) for at in (3, 5, 7, 9))
            total = [total[0] + reads + writes, total[1] + read * SECTOR, total[2] + written * SECTOR]
    return total


def network(dev: str) -> list[int]:
    """Bytes received and sent."""
    total = [0, 0]
    for line in dev.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        parts = numbers.split()
        if name.strip() != "lo" and len(parts) > 8:
            total = [total[0] + int(parts[0]), total[1] + int(parts[8])]
    return total


def memory(meminfo: str) -> float | None:
    """Percent in use."""
    sizes = {
        name: int(rest.split()[0])
        for name, _, rest in (line.partition(":") for line in meminfo.splitlines())
        if rest
    }
    if not sizes.get("MemTotal"):
        return None
    return 100 * (1 - sizes.get("MemAvailable", 0) / sizes["MemTotal"])


def process(stat: str) -> tuple[int, int]:
    """Ticks of CPU used, with those of its ended children, and resident pages; zeros for one that is gone."""
    parts = stat.rpartition(")")[2].split()
    return (sum(map(int, parts[11:15])), int(parts[21])) if len(parts) > 21 else (0, 0)


def gpus(told: str) -> list[Sample]:
    found = []
    for line in told.splitlines():
        index, busy, used, total = (part.strip() for part in line.split(","))
        if busy.isdigit():
            found.append(metric("gpu", f"gpu{index}", "GPUUtilization", float(busy)))
        if used.isdigit() and total.isdigit() and int(total):
            found.append(metric("gpu", f"gpu{index}", "GPUMemoryUtilization", 100 * int(used) / int(total)))
    return found
