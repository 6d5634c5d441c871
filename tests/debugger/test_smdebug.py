"""Clary's files and smdebug's are the same bytes; each reads the other's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.debugger.real import TIME
from tests.support.clients import client_python

from clary.debugger import ModeKeys, create_trial
from clary.debugger.format import writer

REAL = Path(__file__).parent / "real.py"
TENSORS: dict[str, Any] = {
    "loss": np.float64(0.5),
    "dense/weights/dense/kernel:0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "count": np.array([1, -2, 3], dtype=np.int64),
    "mask": np.array([True, False]),
    "half": np.array([[1.5]], dtype=np.float16),
    "bytes": np.array([0, 255], dtype=np.uint8),
    "trees/Feature": np.array(["f0", "Leaf"]),
    "complex": np.array([1 + 2j]),
    "zero": np.zeros((1,), dtype=np.int32),
}
STEPS = ((0, "TRAIN", 0), (5, "EVAL", 2), (1005, "GLOBAL", 1005))


def smdebug(command: str, folder: Path) -> str:
    done = subprocess.run(
        [str(client_python("smdebug")), str(REAL), command, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(folder: Path) -> None:
    collection = {
        "name": "losses", "include_regex": ["loss"], "tensor_names": ["loss"], "reduction_config": None,
        "save_config": None, "save_histogram": True,
    }  # fmt: skip
    writer.write_collections(str(folder), {"losses": collection})
    for step, mode, mode_step in STEPS:
        file = writer.StepFile(str(folder), step)
        for name, value in TENSORS.items():
            file.add(name, value, mode, mode_step, TIME)
        file.add_shape("shaped", (4, 2), mode, mode_step)
        file.close()
    writer.write_end(str(folder))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smdebug") / "trial"
    arrays: dict[str, Any] = {name: np.atleast_1d(value) for name, value in TENSORS.items()}
    np.savez(folder.parent / "tensors.npz", **arrays)
    smdebug("write", folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_clary_writes_the_very_bytes(theirs: Path, tmp_path: Path) -> None:
    write(tmp_path)
    ours, expected = contents(tmp_path), contents(theirs)
    assert sorted(ours) == sorted(expected)
    for name in expected:
        if name.endswith(".json"):
            assert json.loads(ours[name]) == json.loads(expected[name]), name
        else:
            assert ours[name] == expected[name], name


def test_smdebug_reads_what_clary_wrote(tmp_path: Path) -> None:
    write(tmp_path)
    told = json.loads(smdebug("read", tmp_path).split("TOLD ", 1)[1])
    assert told["steps"] == [0, 5, 1005]
    assert told["modes"] == ["EVAL", "TRAIN"]
    assert told["collections"]["losses"] == ["loss"]
    assert told["workers"] == ["worker_0"]
    assert told["ended"] is True
    for name, value in TENSORS.items():
        found = told["tensors"][name]
        kind, values = found["values"]["5"]
        array = np.atleast_1d(value)
        assert kind == str(array.dtype), name
        assert values == array.astype(str).tolist(), name
        assert found["modes"] == {"TRAIN": [0], "EVAL": [2]}, name


def test_clary_reads_what_smdebug_wrote(theirs: Path) -> None:
    trial = create_trial(str(theirs))
    assert trial.steps() == [0, 5, 1005]
    assert trial.steps(ModeKeys.EVAL) == [2]
    assert trial.tensor_names(collection="losses") == ["loss"]
    assert trial.workers() == ["worker_0"]
    assert trial.loaded_all_steps
    assert trial.problems == {}
    assert trial.tensor_names() == sorted([*TENSORS, "shaped"])
    for name, value in TENSORS.items():
        for step, found in trial.tensor(name).values().items():
            expected = np.atleast_1d(value)
            assert found.dtype == expected.dtype, name
            assert found.tolist() == expected.tolist(), (name, step)
    assert trial.tensor("loss").shape(2, ModeKeys.EVAL) == (1,)
    assert trial.tensor("shaped").shape(2, ModeKeys.EVAL) == (4, 2)
