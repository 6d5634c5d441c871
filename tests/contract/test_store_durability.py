"""What SQLite keeps: every acknowledged write through SIGKILL, across reopening and across versions."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.contract.conftest import StoreFactory

from clary.storage.ports import Point, Query, Resource, Store
from clary.storage.sql import DatabaseTooNew, open_store

WRITER = """
import os, sys, threading
from clary.storage.ports import Effect, Point, Resource
from clary.storage.sql import open_store

store = open_store(sys.argv[1])
run = sys.argv[2]

def write(thread):
    for number in range(100_000):
        name = f"{run}-{thread}-{number}"
        with store.begin() as tx:
            tx.resources.insert(Resource(name, "1", "r", "Job", name, 1.0, 1.0, spec={"n": number}))
            tx.outbox.put(Effect(name, 1, "wake"))
        os.write(1, f"resource {name}\\n".encode())
        store.append_points(name, [Point("loss", float(i), float(i)) for i in range(10)])
        os.write(1, f"points {name}\\n".encode())

for thread in range(4):
    threading.Thread(target=write, args=(thread,)).start()
"""


def test_every_acknowledged_write_survives_sigkill(tmp_path: Path) -> None:
    path, dice = tmp_path / "clary.db", random.Random()
    acknowledged: list[tuple[str, str]] = []
    for run in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(run)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        wanted = dice.randrange(5, 150)
        lines = [process.stdout.readline() for _ in range(wanted)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        acknowledged += [
            (what, name) for what, name in (line.decode().split() for line in lines if line.endswith(b"\n"))
        ]
        assert len(acknowledged) >= wanted
        store = open_store(path)
        with store.read() as tx:
            waiting = {effect.arn for effect in tx.outbox.due(1.0, limit=10**6)}
            for what, name in acknowledged:
                if what == "resource":
                    assert tx.resources.get(name).spec["n"] == int(name.split("-")[2])
                    assert name in waiting
                else:
                    assert len(tx.metrics.points(name, "loss")) == 10
                    assert tx.metrics.summaries([name])[name][0].count == 10
            assert tx.resources.count(Query("1", "r", ("Job",))) == len(waiting)
        store.close()
        check = sqlite3.connect(path)
        assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        check.close()


def test_everything_is_there_after_reopening(store_factory: StoreFactory) -> None:
    first = store_factory()
    with first.begin() as tx:
        for number in range(3):
            tx.resources.insert(
                Resource(f"arn:{number}", "1", "r", "Job", f"n{number}", 1.0, 1.0, spec={"p": number})
            )
    first.append_points("arn:0", [Point("loss", 1.0, 1.0)])
    query = Query("1", "r", ("Job",), sort_by="p", limit=2)
    with first.read() as tx:
        cursor = tx.resources.list(query).cursor
    first.close()
    second = store_factory()
    with second.read() as tx:
        page = tx.resources.list(Query("1", "r", ("Job",), sort_by="p", limit=2, cursor=cursor))
        assert [found.name for found in page.items] == ["n0"]
        assert tx.resources.property_names("1", "r", "Job", "Metrics.loss.L", 9) == ["Metrics.loss.Last"]


def test_two_processes_share_a_database(store_factory: StoreFactory) -> None:
    """Two stores here stand for two processes: they share nothing but the file."""
    one, two = store_factory(), store_factory()
    failures: list[BaseException] = []

    def write(store: Store, who: str) -> None:
        try:
            for number in range(20):
                with store.begin() as tx:
                    tx.resources.insert(
                        Resource(
                            f"{who}{number}",
                            "1",
                            "r",
                            "Job",
                            f"{who}{number}",
                            1.0,
                            1.0,
                            spec={f"p{number}": 1},
                        )
                    )
                store.append_points(f"{who}{number}", [Point("m", 1.0, 1.0)])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=pair) for pair in ((one, "a"), (two, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for store in (one, two):
        with store.read() as tx:
            assert len(tx.resources.list(Query("1", "r", ("Job",), sort_by="Metrics.m.Last")).items) == 40


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clary.db"
    open_store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO schema_version (version, applied) VALUES (999, 0.0)")
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseTooNew, match=r"schema version 999; this Clary knows versions up to \d+"):
        open_store(path)


def test_a_url_names_a_file(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/deep/clary.db").close()
    assert (tmp_path / "deep" / "clary.db").exists()
    with pytest.raises(ValueError, match="only SQLite"):
        open_store("postgresql:///clary")


def test_commits_are_synced(store_factory: StoreFactory, tmp_path: Path) -> None:
    store = store_factory()
    with store.begin() as tx:
        connection = tx._session.connection  # type: ignore[attr-defined]
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "clary.db-wal").exists()


def test_points_of_an_older_clary_go_on(tmp_path: Path) -> None:
    """Version 2 kept every point in a row of its own; those stay, and what comes later joins them."""
    path = tmp_path / "clary.db"
    store = open_store(path)
    with store.begin() as tx:
        tx.resources.insert(Resource("arn", "1", "r", "Job", "n", 1.0, 1.0))
    store.append_points("arn", [Point("loss", 1.0, 5.0, 1)])
    store.close()
    connection = sqlite3.connect(path)
    for statement in (
        "DROP TABLE metric_blocks",
        "DELETE FROM schema_version WHERE version > 2",
        "INSERT INTO metric_points SELECT id, 5.0, 2, 1.0, 0 FROM metric_summaries",
    ):
        connection.execute(statement)
    connection.commit()
    connection.close()
    again = open_store(path)
    again.append_points(
        "arn", [Point("loss", 1.0, 5.0, 1), Point("loss", 3.0, 6.0, 2), Point("loss", 2.0, 4.0)]
    )
    with again.read() as tx:
        points = list(tx.metrics.points("arn", "loss"))
        assert points == [Point("loss", 2.0, 4.0), Point("loss", 1.0, 5.0, 1), Point("loss", 3.0, 6.0, 2)]
        assert [found.count for found in tx.metrics.summaries(["arn"])["arn"]] == [3]
    again.close()
