"""Clary's own table of an experiment's runs over HTTP, 20 columns as Arrow, beside a bare fetch of the same values.

    python benchmarks/runs.py [--size 100000] [--home FOLDER]

The floor is sqlite3 alone, reading the summaries and the documents of the same runs into Python, nothing decoded.
A curve of as many points is asked for as well. A home kept by --home is filled once.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.experiments import NOW, WHERE, fill, table
from tests.support.process import Clary

from clary.clients.calls import Calls
from clary.services.sagemaker.components import TrialComponent
from clary.storage.ports import Point
from clary.storage.sql import open_store

ROUNDS = 3
CURVE = 100_000
DOCUMENTS = "SELECT r.id, r.arn, r.created, r.spec FROM resources r JOIN scopes s ON s.id = r.scope AND s.kind = 'TrialComponent'"
SUMMARIES = "SELECT resource, name, last, minimum FROM metric_summaries"


def pid_of(server: Clary) -> int:
    process = server._process
    assert process is not None
    return process.pid


def cpu(pid: int) -> float:
    """Seconds that the process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """The most MiB that the process held."""
    line = next(
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) // 1024


def best(pid: int, run: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall and of the process' CPU."""
    found = []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), cpu(pid)
        run()
        found.append((time.perf_counter() - began, cpu(pid) - used))
    return min(found)


def floor(home: Path) -> None:
    connection = sqlite3.connect(home / "clary.db")
    for statement in (DOCUMENTS, SUMMARIES):
        connection.execute(statement).fetchall()
    connection.close()


def curve_in(home: Path) -> None:
    store = open_store(home / "clary.db")
    component = TrialComponent.new(WHERE, "long", {"TrialComponentName": "long"}, NOW)
    with store.begin() as tx:
        if tx.resources.find(component.arn) is None:
            tx.resources.insert(component)
            tx.metrics.append(component.arn, [Point("loss", n / 7, NOW + n, n) for n in range(CURVE)])
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder) / "home"
        if not home.exists():
            fill(home, [options.size])
        curve_in(home)
        bare, _ = best(os.getpid(), lambda: floor(home))
        with Clary(home) as server:
            pid, calls = pid_of(server), Calls(server.connection)
            before = memory(pid)
            seconds, used = best(pid, lambda: table(server, options.size))
            print(
                f"{options.size:,} runs of 20 columns: {seconds:.2f} s, {used / options.size * 1e6:.1f} us CPU a run"
            )
            print(f"  bare sqlite3 {bare:.2f} s, {seconds / bare:.1f}x; memory {before} -> {memory(pid)} MiB")
            all_of_it = {"experiment": f"exp-{options.size}", "format": "arrow"}
            seconds, used = best(pid, lambda: calls.get("/_clary/runs", **all_of_it))
            print(f"  all columns, none named: {seconds:.2f} s, {used / options.size * 1e6:.1f} us CPU a run")
            seconds, used = best(
                pid, lambda: calls.get("/_clary/metrics", component="long", metric="loss", format="arrow")
            )
            print(f"curve of {CURVE:,} points: {seconds * 1e3:.0f} ms, {used * 1e3:.0f} ms CPU")


if __name__ == "__main__":
    main()
