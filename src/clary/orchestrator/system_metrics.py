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

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clary.orchestrator import proc

Sample = dict[str, Any]
Counters = Mapping[str, Sequence[float]]

GPU_SECONDS = 2
SMI_REST = 4
"""Times as long as it ran, nvidia-smi rests: it may take longer than a sample's interval, and one of 0.1 s still gives two
samples a second."""
GPU_QUERY = ("--query-gpu=index,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")


@dataclass
class SystemMetrics:
    """Rates are of the time since the last sample, so the first one has none."""

    node: str
    pid: Callable[[], int | None]
    """The process whose descendants are the job's; None while it is not known."""
    cpus: int
    """That the job was given."""
    root: Path = proc.ROOT
    clock: Callable[[], float] = time.time
    _before: tuple[float, Counters] | None = None
    _smi_due: float = 0.0
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
        found: dict[str, Sequence[float]] = {
            **proc.cpu_times(self.root), "disk": proc.disk(self.root), "network": proc.network(self.root),
        }  # fmt: skip
        pid = self.pid()
        if pid is not None:
            found["job"] = list(proc.Processes(self.root).used(pid))
        return found

    def _levels(self, counters: Counters) -> Iterator[Sample]:
        available = proc.available(self.root)
        if available is not None:
            yield metric("memory", "MemoryUsedPercent", "", 100 * (1 - available))
        if "job" in counters:
            yield metric("job", "job", "MemoryUsedBytes", counters["job"][1])

    def _gpus(self) -> list[Sample]:
        began = time.monotonic()
        if self._smi is None or began < self._smi_due:
            return []
        try:
            told = subprocess.run(
                [self._smi, *GPU_QUERY], capture_output=True, text=True, timeout=GPU_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return []
        finally:
            now = time.monotonic()
            self._smi_due = now + SMI_REST * (now - began)
        return gpus(told.stdout)


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
            yield metric("job", "job", "CPUUtilization", 100 * change[0] / seconds / cpus)


def gpus(told: str) -> list[Sample]:
    found = []
    for line in told.splitlines():
        index, busy, used, total = (part.strip() for part in line.split(","))
        if busy.isdigit():
            found.append(metric("gpu", f"gpu{index}", "GPUUtilization", float(busy)))
        if used.isdigit() and total.isdigit() and int(total):
            found.append(metric("gpu", f"gpu{index}", "GPUMemoryUtilization", 100 * int(used) / int(total)))
    return found
