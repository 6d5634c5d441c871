"""The store beside bare SQLite, in the same run: `python benchmarks/storage.py [--resources 100000]`.

Only the ratios count: the machine's disk and neighbours move the times. The floor is the same work done
by `executemany` on one connection with WAL and synchronous=FULL, without any of what makes it a store
(summaries, repeated points, searchable properties).
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

from clary.domain.search import Both, Compare, Expression, Operator
from clary.storage.ports import Point, Query, Resource, Store
from clary.storage.sql import open_store

SECONDS = 2.0
ARN = "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/run"


def line(what: str, ours: float, floor: float | None, unit: str) -> None:
    beside = "" if floor is None else f"   floor {floor:>10,.1f}   ratio {ours / floor:5.2f}"
    print(f"{what:<44}{ours:>12,.1f} {unit:<10}{beside}", flush=True)


def timed(threads: int, act: Callable[[int, int], None]) -> tuple[float, float]:
    """Calls a second of `act(thread, number)`, and CPU seconds a call, over SECONDS."""
    calls = [0] * threads
    end = perf_counter() + SECONDS

    def run(thread: int) -> None:
        while perf_counter() < end:
            act(thread, calls[thread])
            calls[thread] += 1

    started, cpu = perf_counter(), process_time()
    workers = [threading.Thread(target=run, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(calls) / (perf_counter() - started), (process_time() - cpu) / max(1, sum(calls))


class Floor:
    """One connection and a lock; each call is one durable commit."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE points (series INTEGER, time REAL, step INTEGER, value REAL,"
            " PRIMARY KEY (series, time, step, value)) WITHOUT ROWID",
            "CREATE TABLE resources (id INTEGER PRIMARY KEY, arn TEXT UNIQUE, document TEXT)",
        ):
            self._connection.execute(statement)

    def many(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(sql, rows)
            self._connection.execute("COMMIT")

    def all(self, sql: str) -> list[tuple[object, ...]]:
        return self._connection.execute(sql).fetchall()


def component(number: int, kind: str = "TrialComponent") -> Resource:
    dice = random.Random(number)
    parameters = {
        name: {"NumberValue": dice.random()} for name in ("lr", "momentum", "decay", "dropout", "warmup")
    }
    parameters["optimizer"] = {"StringValue": dice.choice(["adam", "sgd", "lamb"])}  # type: ignore[dict-item]
    return Resource(
        f"{ARN}-{number}", "123456789012", "us-east-1", kind, f"run-{number}", float(number), float(number),
        spec={"TrialComponentName": f"run-{number}", "DisplayName": f"run {number}", "Parameters": parameters},
        state={"Status": {"PrimaryStatus": "Completed"}}, status="Completed",
    )  # fmt: skip


def append(store: Store, floor: Floor, threads: int, batch: int, names: int) -> None:
    for thread in range(threads):
        with store.begin() as tx:
            tx.resources.insert(
                component(10**9 + thread + threads * 100 + batch * 10_000 + names * 10**8, "Writer")
            )

    def ours(thread: int, number: int) -> None:
        arn = f"{ARN}-{10**9 + thread + threads * 100 + batch * 10_000 + names * 10**8}"
        points = [
            Point(f"m{index % names}", float(index), float(number), number * batch + index)
            for index in range(batch)
        ]
        store.append_points(arn, points)

    def bare(thread: int, number: int) -> None:
        rows: list[tuple[object, ...]] = [
            (
                thread * 100 + index % names + threads * 10**4 + batch * 10**6,
                float(number),
                number * batch + index,
                1.0,
            )
            for index in range(batch)
        ]
        floor.many("INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?)", rows)

    base, _ = timed(threads, bare)
    rate, cpu = timed(threads, ours)
    line(f"append {batch} points, {names} series, {threads} threads", rate * batch, base * batch, "points/s")
    print(f"{'':<44}{cpu / batch * 1e6:>12,.1f} us of CPU a point")


def curve(store: Store, floor: Floor) -> None:
    with store.begin() as tx:
        tx.resources.insert(component(-1, "Writer"))
    for start in range(0, 100_000, 10_000):
        steps = range(start, start + 10_000)
        store.append_points(
            f"{ARN}--1", [Point("loss", 1 / (step + 1), 1e9 + step / 8, step) for step in steps]
        )
        floor.many("INSERT INTO points VALUES (-1, ?, ?, ?)", [(1e9 + s / 8, s, 1 / (s + 1)) for s in steps])

    def read() -> int:
        with store.read() as tx:
            return len(tx.metrics.points(f"{ARN}--1", "loss").values)

    ours = median(read)
    base = median(
        lambda: len(floor.all("SELECT time, step, value FROM points WHERE series = -1 ORDER BY 1, 2"))
    )
    line("read a curve of 100,000 points", ours * 1e3, base * 1e3, "ms")


def median(act: Callable[[], object], rounds: int = 7) -> float:
    taken = []
    for _ in range(rounds):
        started = perf_counter()
        act()
        taken.append(perf_counter() - started)
    return statistics.median(taken)


def inserts(store: Store, floor: Floor, threads: int) -> None:
    def ours(thread: int, number: int) -> None:
        with store.begin() as tx:
            tx.resources.insert(component(2 * 10**9 + (threads * 100 + thread) * 10**6 + number, "Writer"))

    def bare(thread: int, number: int) -> None:
        key = f"{ARN}-{threads}-{thread}-{number}"
        floor.many("INSERT INTO resources (arn, document) VALUES (?, ?)", [(key, "x" * 600)])

    base, _ = timed(threads, bare)
    rate, cpu = timed(threads, ours)
    line(f"insert a resource, durable, {threads} threads", rate, base, "1/s")
    print(f"{'':<44}{cpu * 1e3:>12,.2f} ms of CPU an insert")


SEARCHES: dict[str, tuple[str, Expression | None]] = {
    "by a metric": ("Metrics.loss.Last", None),
    "by a parameter": ("Parameters.lr.NumberValue", None),
    "by a metric, half pass a filter": (
        "Metrics.loss.Last", Compare("Parameters.lr.NumberValue", Operator.LESS_THAN, "0.5")
    ),
    "by a metric, three filters": (
        "Metrics.loss.Last",
        Both((
            Compare("Parameters.optimizer.StringValue", Operator.EQUALS, "adam"),
            Compare("Parameters.lr.NumberValue", Operator.LESS_THAN, "0.2"),
            Compare("TrialComponentName", Operator.CONTAINS, "7"),
        )),
    ),
    "by a metric, 1 in 1,000 pass": (
        "Metrics.loss.Last", Compare("Parameters.lr.NumberValue", Operator.LESS_THAN, "0.001")
    ),
    "by a metric, two filters, 1 in 2,000 pass": (
        "Metrics.loss.Last",
        Both((
            Compare("Parameters.lr.NumberValue", Operator.LESS_THAN, "0.022"),
            Compare("Parameters.decay.NumberValue", Operator.LESS_THAN, "0.022"),
        )),
    ),
    "by name, none passes a Contains": ("Name", Compare("DisplayName", Operator.CONTAINS, "nothing")),
    "by creation": ("CreationTime", None),
}  # fmt: skip


def searches(store: Store, resources: int) -> None:
    started = perf_counter()
    for start in range(0, resources, 500):
        with store.begin() as tx:
            for number in range(start, min(start + 500, resources)):
                tx.resources.insert(component(number))
                tx.metrics.append(f"{ARN}-{number}", [Point("loss", random.random(), float(number))])
    print(f"{resources:,} resources kept in {perf_counter() - started:.1f} s")
    for what, (sort_by, where) in SEARCHES.items():
        query = Query("123456789012", "us-east-1", ("TrialComponent",), where, sort_by)

        def page(query: Query = query) -> int:
            with store.read() as tx:
                return len(tx.resources.list(query).items)

        page()
        line(f"top 100 {what}", median(page) * 1e3, None, "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--resources", type=int, nargs="*", default=[10_000], help="sizes of the searched table"
    )
    parser.add_argument("--only", choices=("points", "inserts", "searches"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, floor = open_store(Path(folder) / "clary.db"), Floor(Path(folder) / "floor.db")
        if options.only in (None, "points"):
            for threads, batch, names in (
                (1, 10, 1),
                (4, 10, 1),
                (16, 10, 1),
                (16, 10, 10),
                (1, 1000, 1),
                (1, 1000, 10),
            ):
                append(store, floor, threads, batch, names)
            curve(store, floor)
        if options.only in (None, "inserts"):
            for threads in (1, 8):
                inserts(store, floor, threads)
        store.close()
        for resources in options.resources if options.only in (None, "searches") else ():
            store = open_store(Path(folder) / f"{resources}.db")
            searches(store, resources)
            store.close()


if __name__ == "__main__":
    main()
