"""Log lines: kept once per source offset, read by group, stream, time and id."""

from __future__ import annotations

import pytest

from clary.storage.ports import Conflict, Exists, LogLine, LogStream, Missing, Store

GROUP = "/aws/sagemaker/TrainingJobs"


def test_lines_by_stream_time_and_id(store: Store) -> None:
    with store.begin() as tx:
        for stream in ("job/a", "job/b", "other"):
            tx.logs.create_stream(GROUP, stream, 1.0)
        tx.logs.create_stream("elsewhere", "job/a", 1.0)
        with pytest.raises(Exists):
            tx.logs.create_stream(GROUP, "job/a", 2.0)
        tx.logs.append(GROUP, "job/a", [LogLine(10.0, 20.0, "one"), LogLine(9.0, 20.0, "two")])
        tx.logs.append(GROUP, "job/b", [LogLine(11.0, 21.0, "three\né")])
        tx.logs.append("elsewhere", "job/a", [LogLine(1.0, 1.0, "not here")])
        tx.logs.append(GROUP, "job/a", [LogLine(12.0, 22.0, "")])
    with store.read() as tx:
        lines = tx.logs.lines(GROUP)
        assert [(stream, line.text) for stream, line in lines] == [
            ("job/a", "one"), ("job/a", "two"), ("job/b", "three\né"), ("job/a", ""),
        ]  # fmt: skip
        ids = [line.id for _, line in lines]
        assert ids == sorted(set(ids))
        assert (lines[0][1].time, lines[0][1].ingested) == (10.0, 20.0)
        assert tx.logs.lines(GROUP, ["job/b"]) == [lines[2]]
        assert tx.logs.lines(GROUP, ["job/b", "job/a", "none"]) == lines
        assert tx.logs.lines(GROUP, []) == []
        assert tx.logs.lines(GROUP, ["other"]) == []
        assert tx.logs.lines("none") == []
        assert tx.logs.lines(GROUP, start=10.0, end=12.0) == [lines[0], lines[2]]
        assert tx.logs.lines(GROUP, after=ids[0], before=ids[3]) == lines[1:3]
        assert tx.logs.lines(GROUP, limit=2) == lines[:2]
        assert tx.logs.lines(GROUP, limit=2, newest=True) == lines[2:]
        assert tx.logs.lines(GROUP, ["job/a"], before=ids[3], limit=1, newest=True) == [lines[1]]


def test_streams_know_their_times(store: Store) -> None:
    with store.begin() as tx:
        tx.logs.create_stream(GROUP, "job/a", 1.0)
        assert tx.logs.stream(GROUP, "job/a") == LogStream("job/a", 1.0)
        tx.logs.append(GROUP, "job/a", [LogLine(10.0, 20.0, "x"), LogLine(9.0, 19.0, "y")], offset=(0, 40))
        tx.logs.append(GROUP, "job/a", [], offset=(40, 41))
        assert tx.logs.stream(GROUP, "job/a") == LogStream("job/a", 1.0, 9.0, 10.0, 20.0, 2, 41)
        with pytest.raises(Missing):
            tx.logs.stream(GROUP, "none")
        with pytest.raises(Missing):
            tx.logs.append(GROUP, "none", [])


def test_the_second_reader_of_a_source_has_nothing_to_add(store: Store) -> None:
    with store.begin() as tx:
        tx.logs.create_stream(GROUP, "s", 1.0)
    for _ in range(2):
        try:
            with store.begin() as tx:
                tx.logs.append(GROUP, "s", [LogLine(1.0, 1.0, "once")], offset=(0, 10))
        except Conflict:
            continue
    with store.read() as tx:
        assert [line.text for _, line in tx.logs.lines(GROUP)] == ["once"]


def test_streams_and_groups_by_name(store: Store) -> None:
    with store.begin() as tx:
        for group in ("a", "ab", "b"):
            for stream in ("s1", "s2", "t"):
                tx.logs.create_stream(group, stream, 1.0)
    with store.read() as tx:
        assert [stream.name for stream in tx.logs.streams("a")] == ["s1", "s2", "t"]
        assert [stream.name for stream in tx.logs.streams("a", "s", limit=1)] == ["s1"]
        assert [stream.name for stream in tx.logs.streams("a", "s", after="s1")] == ["s2"]
        assert tx.logs.streams("none") == []
        assert tx.logs.groups() == ["a", "ab", "b"]
        assert tx.logs.groups("a", limit=1) == ["a"]
        assert tx.logs.groups("a", after="a") == ["ab"]


def test_a_deleted_stream_is_gone(store: Store) -> None:
    with store.begin() as tx:
        tx.logs.create_stream(GROUP, "s", 1.0)
        tx.logs.append(GROUP, "s", [LogLine(1.0, 1.0, "x")])
        last = tx.logs.lines(GROUP)[0][1].id
        tx.logs.delete_stream(GROUP, "s")
        with pytest.raises(Missing):
            tx.logs.delete_stream(GROUP, "s")
        tx.logs.create_stream(GROUP, "s", 2.0)
        assert tx.logs.lines(GROUP) == []
        tx.logs.append(GROUP, "s", [LogLine(1.0, 1.0, "y")])
        assert tx.logs.lines(GROUP)[0][1].id > last
