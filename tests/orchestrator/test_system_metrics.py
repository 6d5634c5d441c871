"""Samples of this machine, and of a /proc that is written down."""

from __future__ import annotations

import os
from pathlib import Path

from clary.orchestrator import proc
from clary.orchestrator.system_metrics import SystemMetrics, gpus

FIRST = {
    "stat": "cpu  200 0 0 200 0 0 0 0 0 0\ncpu0 100 0 0 100 0 0 0 0 0 0\ncpu1 100 0 0 100 0 0 0 0 0 0\nintr 5\n",
    "meminfo": "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 750 kB\n",
    "diskstats": "8 0 sda 10 0 100 0 5 0 50 0 0 0 0\n8 1 sda1 10 0 100 0 5 0 50 0 0 0 0\n7 0 loop0 9 0 9 0 9 0 9 0\n",
    "net/dev": "Inter-| Receive\n face |bytes\n    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: 1000 1 0 0 0 0 0 0 500 1\n",
    "8/stat": "8 (a) b) S 7 1 1 0 0 0 0 0 0 0 10 10 0 0 0 0 0 0 0 0 100 0\n",
    "9/stat": "9 (c) S 8 1 1 0 0 0 0 0 0 0 20 0 0 0 0 0 0 0 0 0 50 0\n",
}
SECOND = {
    **FIRST,
    "stat": "cpu0 175 0 0 100 25 0 0 0 0 0\ncpu1 100 0 0 200 0 0 0 0 0 0\n",
    "diskstats": "8 0 sda 16 0 104 0 9 0 52 0 0 0 0\n",
    "net/dev": "Inter-| Receive\n face |bytes\n    lo: 99 0 0 0 0 0 0 0 99 0\n  eth0: 3000 1 0 0 0 0 0 0 700 1\n",
    "8/stat": "8 (a) b) S 7 1 1 0 0 0 0 0 0 0 110 10 0 0 0 0 0 0 0 0 100 0\n",
}


def lay(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_rates_are_of_the_time_between_two_samples(tmp_path: Path) -> None:
    times = iter((100.0, 102.0))
    metrics = SystemMetrics("algo-1", lambda: 7, 2, tmp_path, lambda: next(times), _smi=None)
    lay(tmp_path, FIRST)
    page = os.sysconf("SC_PAGE_SIZE")
    assert [(one["Name"], one["Value"]) for one in metrics.sample()] == [
        ("MemoryUsedPercent", 25),
        ("job", 150 * page),
    ]
    lay(tmp_path, SECOND)
    found = metrics.sample()
    assert {(one["NodeId"], one["Timestamp"]) for one in found} == {("algo-1", 102.0)}
    values = {(one["Type"], one["Name"], one["Dimension"]): one["Value"] for one in found}
    assert values == {
        ("memory", "MemoryUsedPercent", ""): 25,
        ("job", "job", "MemoryUsedBytes"): 150 * page,
        ("job", "job", "CPUUtilization"): 100 * 100 / os.sysconf("SC_CLK_TCK") / 2 / 2,
        ("cpu", "cpu0", "CPUUtilization"): 75,
        ("cpu", "cpu0", "I/OWaitPercentage"): 25,
        ("cpu", "cpu1", "CPUUtilization"): 0,
        ("cpu", "cpu1", "I/OWaitPercentage"): 0,
        ("i/o", "IOPS", ""): 5,
        ("i/o", "ReadThroughputInBytesPerSecond", ""): 1024,
        ("i/o", "WriteThroughputInBytesPerSecond", ""): 512,
        ("network", "ReceiveBytesPerSecond", "Algorithm"): 1000,
        ("network", "TransmitBytesPerSecond", "Algorithm"): 100,
    }


def test_this_machine() -> None:
    metrics = SystemMetrics("algo-1", os.getppid, 1)
    metrics.sample()
    names = {(one["Type"], one["Dimension"]) for one in metrics.sample()}
    assert {
        ("cpu", "CPUUtilization"),
        ("memory", ""),
        ("job", "CPUUtilization"),
        ("network", "Algorithm"),
    } <= names


def test_what_is_gone_or_foreign_counts_nothing(tmp_path: Path) -> None:
    assert proc.Processes(tmp_path).used(1) == (0, 0)
    assert (proc.available(tmp_path), proc.network(tmp_path)) == (None, [0, 0])
    assert gpus("0, 37, 1024, 4096\n1, [N/A], 0, 0\n") == [
        {"Type": "gpu", "Name": "gpu0", "Dimension": "GPUUtilization", "Value": 37.0},
        {"Type": "gpu", "Name": "gpu0", "Dimension": "GPUMemoryUtilization", "Value": 25.0},
    ]
