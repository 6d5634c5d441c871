"""Files that are cut off, foreign, half there or missing are reported and passed over, and nothing waits for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clary.debugger import ModeKeys, create_trial
from clary.debugger.exceptions import (
    NoMoreData,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from clary.debugger.format import places, writer
from clary.debugger.modes import StepState

STEPS = (0, 10, 20)


def save(folder: Path, step: int, worker: str = places.WORKER, **tensors: Any) -> None:
    file = writer.StepFile(str(folder), step, worker)
    for name, value in (tensors or {"loss": float(step)}).items():
        file.add(name, value, "TRAIN", step // 10, 1.0)
    file.close()


def collections(folder: Path, workers: int = 1, worker: str = places.WORKER) -> None:
    losses = {"name": "losses", "include_regex": ["loss"], "tensor_names": []}
    writer.write_collections(str(folder), {"losses": losses}, workers, worker)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trial of three steps that still goes on."""
    collections(tmp_path)
    for step in STEPS:
        save(tmp_path, step)
    return tmp_path


def events(folder: Path, step: int) -> Path:
    return folder / places.events(step, places.WORKER)


def index(folder: Path, step: int) -> Path:
    return folder / places.index(step, places.WORKER)


def test_a_whole_one(folder: Path) -> None:
    trial = create_trial(str(folder))
    assert trial.problems == {}
    assert not trial.loaded_all_steps
    assert trial.steps() == list(STEPS)
    assert {step: value.tolist() for step, value in trial.tensor("loss").values().items()} == {
        step: [float(step)] for step in STEPS
    }
    assert trial.tensor("loss").values(ModeKeys.TRAIN).keys() == {0, 1, 2}
    assert trial.tensor("loss").prev_steps(15) == [0, 10]


@pytest.mark.parametrize("keep", [0, 5, 11, 20, -5, -1])
def test_events_that_are_cut_off_leave_out_their_step(folder: Path, keep: int) -> None:
    path = events(folder, 10)
    path.write_bytes(path.read_bytes()[:keep])
    trial = create_trial(str(folder))
    assert trial.tensor("loss").values().keys() == {0, 20}
    assert list(trial.problems) == [places.events(10, places.WORKER)]
    with pytest.raises(TensorUnavailableForStep, match="cut off"):
        trial.tensor("loss").value(10)


@pytest.mark.parametrize("at", [0, 9, 30, -1])
def test_events_whose_bytes_were_changed(folder: Path, at: int) -> None:
    data = bytearray(events(folder, 10).read_bytes())
    data[at] ^= 0xFF
    events(folder, 10).write_bytes(bytes(data))
    trial = create_trial(str(folder))
    values = trial.tensor("loss").values()
    assert values.keys() >= {0, 20}
    assert 10 in values or trial.problems


def test_an_index_whose_events_are_not_there_yet(folder: Path) -> None:
    events(folder, 20).rename(folder / "later")
    trial = create_trial(str(folder))
    assert trial.tensor("loss").values().keys() == {0, 10}
    (folder / "later").rename(events(folder, 20))
    assert trial.tensor("loss").values().keys() == {0, 10, 20}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "{}", '{"meta": {}}', '{"meta": {"mode": "NONE", "mode_step": 0}}',
        '{"meta": {"mode": "TRAIN", "mode_step": -1}}',
        json.dumps({"meta": {"mode": "TRAIN", "mode_step": 1, "event_file_name": "../../secret"},
                    "tensor_payload": [{"tensorname": "loss", "start_idx": 0, "length": 4}]}),
        json.dumps({"meta": {"mode": "TRAIN", "mode_step": 1, "event_file_name": "events/x"},
                    "tensor_payload": [{"tensorname": "loss", "start_idx": "0", "length": 4}]}),
    ],
)  # fmt: skip
def test_an_index_that_is_none(folder: Path, text: str) -> None:
    whole = index(folder, 20).read_text()
    index(folder, 20).write_text(text)
    trial = create_trial(str(folder))
    assert trial.steps() == [0, 10]
    assert list(trial.problems) == [places.index(20, places.WORKER)]
    index(folder, 20).write_text(whole)
    assert trial.steps() == list(STEPS), "it was only half there"


def test_foreign_files(folder: Path) -> None:
    for name in (
        "index/000000000/README.json",
        "index/notes.txt",
        "events/x",
        "collections/000000000/x.json",
        "claim.smd",
    ):
        (folder / name).write_text("hello")
    shutil.copy(index(folder, 20), folder / "index" / "000000000" / "000000009999_worker_0.json")
    (folder / "index" / "000000000" / "000000000030_worker_0.json.tmp").write_text("{")
    trial = create_trial(str(folder))
    assert trial.steps() == list(STEPS)
    assert set(trial.problems) == {
        "index/000000000/README.json", "index/notes.txt", "index/000000000/000000009999_worker_0.json",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "{}", '{"collections": []}', '{"collections": {"a": 1}}', "\x00"])
def test_broken_collections_cost_only_the_collections(folder: Path, text: str) -> None:
    path = folder / places.collections(places.WORKER)
    path.write_text(text)
    trial = create_trial(str(folder))
    assert trial.steps() == list(STEPS)
    assert list(trial.problems) == [places.collections(places.WORKER)]


def test_nothing_there_at_all_is_an_empty_trial(tmp_path: Path) -> None:
    trial = create_trial(str(tmp_path / "absent"))
    assert trial.steps() == []
    assert trial.tensor_names() == []
    with pytest.raises(TensorUnavailable):
        trial.tensor("loss")
    with pytest.raises(StepNotYetAvailable):
        trial.wait_for_steps([0], timeout=0)


def test_a_job_that_died_is_read_to_its_last_whole_step(tmp_path: Path) -> None:
    for worker in ("worker_0", "worker_1"):
        collections(tmp_path, 2, worker)
        for step in STEPS[:2]:
            save(tmp_path, step, worker)
    save(tmp_path, 20, "worker_1")
    trial = create_trial(str(tmp_path))
    assert trial.steps() == [0, 10]
    assert trial.steps(show_incomplete_steps=True) == [0, 10, 20]
    assert trial.workers() == ["worker_0", "worker_1"]
    assert trial.tensor("loss").values().keys() == {0, 10}
    assert trial.has_passed_step(20) is StepState.NOT_YET_AVAILABLE
    assert trial.tensor("loss").workers(20) == ["worker_1"]


def test_steps_come_while_it_runs_and_end_with_it(folder: Path) -> None:
    trial = create_trial(str(folder))
    assert trial.steps() == list(STEPS)
    trial.wait_for_steps([0, 20])
    with pytest.raises(StepUnavailable):
        trial.wait_for_steps([5])
    save(folder, 1030)
    assert trial.steps() == [*STEPS, 1030]
    writer.write_end(str(folder))
    assert trial.steps() == [*STEPS, 1030]
    assert trial.loaded_all_steps
    with pytest.raises(NoMoreData):
        trial.wait_for_steps([2000])
    with pytest.raises(NoMoreData):
        trial.tensor("loss").value(2000)


def test_names_and_reductions(tmp_path: Path) -> None:
    values = np.array([[1.0, -3.0]])
    tensors: dict[str, Any] = {"smdebug/reductions/abs_max/weight": 3.0, "loss": 1.0, "bias": values}
    save(tmp_path, 0, **tensors)
    save(tmp_path, 10, loss=2.0)
    collections(tmp_path)
    trial = create_trial(str(tmp_path))
    assert trial.tensor_names() == ["bias", "loss", "weight"]
    assert trial.tensor_names(step=10) == ["loss"]
    assert trial.tensor_names(regex="^b") == ["bias"]
    assert trial.tensor_names(regex=["^b", "ss$"]) == ["bias", "loss"]
    assert trial.tensor_names(collection="losses", mode=ModeKeys.TRAIN) == ["loss"]
    assert trial.tensor_names(collection="none of that name") == []
    assert trial.tensor("weight").reduction_value(0, "max", abs=True) == 3.0
    assert trial.tensor("weight").reduction_values(0) == {("max", True): 3.0}
    with pytest.raises(TensorUnavailableForStep, match="reductions saved"):
        trial.tensor("weight").value(0)
    bias = trial.tensor("bias")
    assert bias.reduction_value(0, "mean") == -1.0
    assert bias.reduction_value(0, "l1") == 4.0
    assert bias.shape(0) == (1, 2)
    assert create_trial(str(tmp_path), range_steps=(5, None)).steps() == [10]
