"""Group commit: blocks that share a commit succeed or fail together, and each learns which."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from clary.storage.ports import StorageError
from clary.storage.sql.database import Database


def prepare(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE t (n INTEGER)")
    connection.execute(
        "CREATE TABLE children (n INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
    )


def test_blocks_that_wait_share_a_commit(tmp_path: Path) -> None:
    commits: list[str] = []
    database = Database(tmp_path / "x.db", prepare)
    database._writer.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    everyone, failures = threading.Barrier(6), []

    def write(number: int) -> None:
        everyone.wait()
        try:
            with database.write() as session:
                session.execute("INSERT INTO t VALUES (?)", (number,))
                if number == 3:
                    raise KeyError(number)
        except KeyError:
            failures.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    with database.write() as session:
        for thread in threads:
            thread.start()
        everyone.wait()
        while database._waiting < 5:
            pass
        session.execute("INSERT INTO t VALUES (99)")
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert sorted(session.execute("SELECT n FROM t").fetchall()) == [(0,), (1,), (2,), (4,), (99,)]
    assert (failures, commits) == ([3], ["COMMIT"])
    database.close()


def test_a_commit_that_fails_fails_every_block_of_its_group(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", prepare)
    outcomes: list[str] = []

    def write() -> None:
        try:
            with database.write() as session:
                session.execute("INSERT INTO parents VALUES (1)")
            outcomes.append("kept")
        except Exception as error:
            outcomes.append(str(error))

    thread = threading.Thread(target=write)
    with pytest.raises(Exception, match="FOREIGN KEY"), database.write() as session:  # noqa: PT012
        thread.start()
        while database._waiting < 1:
            pass
        session.execute("INSERT INTO children VALUES (7)")
    thread.join()
    assert outcomes == ["FOREIGN KEY constraint failed"]
    with database.write() as session:
        session.execute("INSERT INTO parents VALUES (2)")
    with database.read() as session:
        assert session.execute("SELECT id FROM parents").fetchall() == [(2,)]
        assert session.execute("SELECT n FROM children").fetchall() == []
    database.close()
    with pytest.raises(StorageError), database.write():
        pass
