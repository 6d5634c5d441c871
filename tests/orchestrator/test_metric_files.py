"""Metrics that a program writes into files: each point once, whatever else lies there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.orchestrator.layout import JobFiles
from clary.orchestrator.metric_files import FOLDER, MetricFiles, point_of
from clary.storage.memory import MemoryStore
from clary.storage.ports import Point, Resource

ARN = "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/job"
JOB = Resource(
    "arn:job", "123456789012", "us-east-1", "TrainingJob", "job", created=0.0, modified=0.0,
    state={"Clary": {"component": ARN}},
)  # fmt: skip


def store() -> MemoryStore:
    made = MemoryStore()
    with made.begin() as tx:
        tx.resources.insert(
            Resource(ARN, "123456789012", "us-east-1", "TrialComponent", "job", created=0.0, modified=0.0)
        )
    return made


def kept(of: MemoryStore, name: str = "acc") -> list[Point]:
    with of.read() as tx:
        return list(tx.metrics.points(ARN, name))


def folder(root: Path, host: str = "algo-1") -> Path:
    made = JobFiles(root, host).ml / FOLDER
    made.mkdir(parents=True, exist_ok=True)
    return made


@given(cuts=st.lists(st.integers(0, 1500), max_size=6), again=st.booleans())
def test_what_was_cut_anywhere_is_kept_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], again: bool
) -> None:
    root, of = tmp_path_factory.mktemp("job"), store()
    points = [Point("acc", n / 4, 1000.0 + n, n) for n in range(20)]
    data = b"".join(
        json.dumps(
            {"MetricName": p.name, "Value": p.value, "Timestamp": p.time, "IterationNumber": p.step}
        ).encode()
        + b"\n"
        for p in points
    )
    reader = MetricFiles(of, JOB, [JobFiles(root)])
    for end in sorted({*cuts, len(data)}):
        (folder(root) / "17.json").write_bytes(data[:end])
        if again:  # after a restart of the server
            reader = MetricFiles(of, JOB, [JobFiles(root)])
        reader.take()
    assert kept(of) == points


def test_files_of_all_processes_and_hosts(tmp_path: Path) -> None:
    of = store()
    for number, (host, name) in enumerate((("algo-1", "1"), ("algo-1", "2"), ("algo-2", "1"))):
        line = {"MetricName": "acc", "Value": number, "Timestamp": 1000 + number}
        (folder(tmp_path, host) / f"{name}.json").write_text(json.dumps(line) + "\n")
    hosts = [JobFiles(tmp_path, host) for host in ("algo-1", "algo-2", "algo-3")]
    assert MetricFiles(of, JOB, hosts).take() == 3
    assert [(point.value, point.step) for point in kept(of)] == [(0.0, None), (1.0, None), (2.0, None)]


def test_what_is_no_metric_harms_no_neighbour(tmp_path: Path) -> None:
    of, place = store(), folder(tmp_path)
    good = b'{"MetricName": "acc", "Value": 1, "Timestamp": 1000}\n'
    (place / "1.json").write_bytes(b"\xff\n{}\n" + good + b"[1]\n" + b"x" * (3 << 20) + b"\n" + good)
    os.mkfifo(place / "2.json")
    (tmp_path / "secret.json").write_bytes(good)
    (place / "3.json").symlink_to(tmp_path / "secret.json")
    (place / "4.json").mkdir()
    MetricFiles(of, JOB, [JobFiles(tmp_path)]).take()
    assert [point.time for point in kept(of)] == [1000.0]


def test_a_link_out_of_the_job_is_not_followed(tmp_path: Path) -> None:
    of = store()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.json").write_text('{"MetricName": "acc", "Value": 1, "Timestamp": 1000}\n')
    place = folder(tmp_path / "job")
    place.rmdir()
    place.symlink_to(tmp_path / "elsewhere")
    assert MetricFiles(of, JOB, [JobFiles(tmp_path / "job")]).take() == 0


def test_a_deleted_component_gets_nothing(tmp_path: Path) -> None:
    (folder(tmp_path) / "1.json").write_text('{"MetricName": "acc", "Value": 1, "Timestamp": 1000}\n')
    assert MetricFiles(MemoryStore(), JOB, [JobFiles(tmp_path)]).take() == 0


@pytest.mark.parametrize(
    "line",
    [
        '{"MetricName": "a", "Value": NaN, "Timestamp": 1}',
        '{"MetricName": "a", "Value": 1, "Timestamp": Infinity}',
        '{"MetricName": "", "Value": 1, "Timestamp": 1}',
        '{"MetricName": 7, "Value": 1, "Timestamp": 1}',
        '{"MetricName": "a", "Value": null, "Timestamp": 1}',
        '{"MetricName": "a", "Timestamp": 1}',
        '{"MetricName": "a", "Value": 1, "Timestamp": 1, "IterationNumber": 1.5}',
        '{"MetricName": "a", "Value": 1, "Timestamp": 1, "IterationNumber": true}',
        '"a"',
        "",
    ],
)
def test_lines_that_are_no_points(line: str) -> None:
    assert point_of(line.encode()) is None
