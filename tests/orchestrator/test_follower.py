"""Lines and metric points, each exactly once, whoever follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.orchestrator.follower import Follower, MetricPatterns, parse
from clary.storage.memory import MemoryStore
from clary.storage.ports import LogLine, Resource

ARN = "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/job"


def store() -> MemoryStore:
    made = MemoryStore()
    with made.begin() as tx:
        tx.logs.create_stream("group", "stream", 0.0)
        tx.resources.insert(
            Resource(ARN, "123456789012", "us-east-1", "TrialComponent", "job", created=0.0, modified=0.0)
        )
    return made


def follower(of: MemoryStore, path: Path) -> Follower:
    patterns = MetricPatterns([{"Name": "loss", "Regex": r"loss: ([0-9\.]+)"}])
    return Follower(of, path, "group", "stream", ARN, patterns, lambda: 99.0)


@pytest.mark.parametrize("chunk", [64, 1 << 20])
@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=6))
def test_what_was_cut_anywhere_is_kept_once(
    tmp_path_factory: pytest.TempPathFactory, chunk: int, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    data = b"".join(b"%d step %d loss: %.1f\n" % (1000 + n, n, n / 2) for n in range(20))
    kept = store()
    for end in sorted({*cuts, len(data)}):
        path.write_bytes(data[:end])
        # Each time another follower, as after a restart.
        current = follower(kept, path)
        while current.drain(chunk):
            pass
    with kept.read() as tx:
        lines = tx.logs.lines("group", ["stream"])
        points = tx.metrics.points(ARN, "loss")
    assert [line.text for _, line in lines] == [f"step {n} loss: {n / 2:.1f}" for n in range(20)]
    assert [line.time for _, line in lines] == [(1000 + n) / 1000 for n in range(20)]
    assert [point.value for point in points] == [n / 2 for n in range(20)]


def test_a_line_longer_than_a_chunk_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"1000 " + b"x" * 500 + b"\n2000 end\n")
    kept = store()
    current = follower(kept, path)
    while current.drain(64):
        pass
    with kept.read() as tx:
        assert [len(line.text) for _, line in tx.logs.lines("group", ["stream"])] == [500, 3]


def test_what_is_not_text_does_not_stop_the_log() -> None:
    assert parse(b"1500 \xff\xfe\n", 3.0) == [LogLine(1.5, 3.0, "\ufffd\ufffd")]
    assert parse(b"no stamp\n", 3.0) == [LogLine(3.0, 3.0, "stamp")]


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        (r"loss: ([0-9\.]+)", "val_loss: 0.5", [0.5]),  # as on AWS: patterns are not anchored
        (r"loss: ([0-9\.]+)", "loss: 0.5 loss: 0.7", [0.5]),
        (r"loss: ([0-9\.]+)", "loss: 0.5.6", []),
        (r"loss=(\S+)", "loss=1e-3", [0.001]),
        (r"loss=(\S+)", "loss=nan", []),
        (r"(a+)+$", "a" * 5000 + "b", []),
    ],
)
def test_a_metric_is_the_first_match_of_a_line(pattern: str, line: str, expected: list[float]) -> None:
    patterns = MetricPatterns([{"Name": "m", "Regex": pattern}])
    assert [point.value for point in patterns.points(LogLine(1.0, 1.0, line))] == expected
