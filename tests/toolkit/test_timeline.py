"""Step times as the hook writes them: read by Clary's profiler, and by smdebug."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.support.clients import client_python

from clary.debugger.profiler.profile import Loader, Profiles
from clary.toolkit.debug.clary_debug import timeline

MODES = ["TRAIN", "TRAIN", "TRAIN", "EVAL", "TRAIN", "TRAIN"]
READ = """
import json, sys
from smdebug.profiler.algorithm_metrics_reader import LocalAlgorithmMetricsReader
from smdebug.profiler.utils import TimeUnits
events = LocalAlgorithmMetricsReader(sys.argv[1]).get_events(0, 4e9, unit=TimeUnits.SECONDS)
print("TOLD", json.dumps([(e.event_name, e.event_phase, e.event_args, e.node_id) for e in events]))
"""


def write(folder: Path) -> None:
    told = timeline.Timeline(str(folder), "algo-2")
    for step, mode in enumerate(MODES):
        told.step(mode, step)
    told.loader(3)
    told.finish()


def test_every_step_that_another_of_its_mode_follows(tmp_path: Path) -> None:
    write(tmp_path)
    profiles = Profiles(tmp_path, tmp_path / "tensors")
    profile = profiles.read()
    assert not profiles.problems
    assert [(step.mode, step.step) for step in profile.steps] == [("TRAIN", 0), ("TRAIN", 1), ("TRAIN", 4)]
    assert all(step.seconds is not None and 0 <= step.seconds < 60 for step in profile.steps)
    assert profile.loaders == (Loader("algo-2", 3),)
    assert profiles.read() == profile, "what was read is not read again"


def test_no_more_than_the_first_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "STEPS", 2)
    write(tmp_path)
    assert [step.step for step in Profiles(tmp_path, tmp_path).read().steps] == [0, 1]


def test_only_where_the_job_is_profiled(tmp_path: Path) -> None:
    assert timeline.of_job(str(tmp_path), "algo-1") is None
    config = tmp_path / timeline.CONFIG
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    assert timeline.of_job(str(tmp_path), "algo-1") is not None


@pytest.mark.parametrize("text", ["", "[", "{}", "[]", '[{"name": "Step:", "ph": "X"}]', "[1]"])
def test_a_foreign_file_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path)
    (next((tmp_path / "framework" / "pevents").iterdir()) / "1_2-algo-1_pythontimeline.json").write_text(text)
    profiles = Profiles(tmp_path, tmp_path / "tensors")
    assert len(profiles.read().steps) == 3
    assert list(profiles.problems) == ["1_2-algo-1_pythontimeline.json"]


@pytest.mark.slow
def test_smdebug_reads_it(tmp_path: Path) -> None:
    write(tmp_path)
    done = subprocess.run(
        [str(client_python("smdebug")), "-c", READ, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.split("TOLD ", 1)[1])
    steps = [each for each in found if each[0] == "Step:ModeKeys.TRAIN"]
    assert [(phase, args["step_num"]) for _, phase, args, _ in steps] == [
        ("Step:ModeKeys.TRAIN", step) for step in (0, 1, 4)
    ]
    assert "algo-2" in steps[0][3]
