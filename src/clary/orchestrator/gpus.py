"""What programs use of NVIDIA GPUs, as `nvidia-smi` tells it; nothing where there is none.

A program's GPUs are those that one of its processes has opened. Percentages add up over them, 100 a GPU, as in AWS's
metrics. How busy a GPU is is told of the GPU, not of a process: of one that several jobs share, each is shown all.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

SECONDS = 5
FORMAT = "--format=csv,noheader,nounits"
GPUS = "--query-gpu=uuid,utilization.gpu,memory.total"
PROGRAMS = "--query-compute-apps=gpu_uuid,pid,used_memory"


@dataclass(frozen=True, slots=True)
class Gpus:
    """At one moment."""

    busy: Mapping[str, float] = field(default_factory=dict)
    """Percent of the time, by GPU."""
    memory: Mapping[str, float] = field(default_factory=dict)
    """MiB, by GPU."""
    used: Mapping[tuple[str, int], float] = field(default_factory=dict)
    """MiB, by GPU and process id on the host."""

    def of(self, pids: Collection[int]) -> dict[str, float]:
        """Metrics of a program's processes; none where they use no GPU."""
        mine = {
            (gpu, pid): used for (gpu, pid), used in self.used.items() if pid in pids and gpu in self.busy
        }
        if not mine:
            return {}
        shares = (100 * used / self.memory[gpu] for (gpu, _), used in mine.items() if self.memory.get(gpu))
        return {
            "GPUUtilization": sum(self.busy[gpu] for gpu in {gpu for gpu, _ in mine}),
            "GPUMemoryUtilization": sum(shares),
        }


def look() -> Gpus:
    """A tenth of a second, or more."""
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return Gpus()
    try:
        gpus, programs = (
            subprocess.run(
                [smi, query, FORMAT], capture_output=True, text=True, timeout=SECONDS, check=True
            ).stdout
            for query in (GPUS, PROGRAMS)
        )
    except (OSError, subprocess.SubprocessError):
        return Gpus()
    return parse(gpus, programs)


def parse(gpus: str, programs: str) -> Gpus:
    """Of both queries' answers; what is no number (`[N/A]`) counts nothing."""
    rows = [line.split(", ") for line in gpus.splitlines()]
    found = {row[0]: (_number(row[1]), _number(row[2])) for row in rows if len(row) == 3}
    used: dict[tuple[str, int], float] = {}
    for line in programs.splitlines():
        row = line.split(", ")
        if len(row) == 3 and row[1].isdigit():
            used[row[0], int(row[1])] = _number(row[2])
    return Gpus(
        {gpu: busy for gpu, (busy, _) in found.items()}, {gpu: size for gpu, (_, size) in found.items()}, used
    )


def _number(text: str) -> float:
    return float(text) if text.strip().isdigit() else 0.0
