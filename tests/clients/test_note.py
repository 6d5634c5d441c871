"""The note's programs, run by the SDK v2 that a user has, against a server started as a user would."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import REPOSITORY, client_python, interpreter, plain_environ
from tests.support.process import ROLE, Clary

pytestmark = pytest.mark.xdist_group("note")


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("note") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The note's programs where a user has them, with the data that the note's reader has made."""
    path = tmp_path_factory.mktemp("programs") / "note"
    shutil.copytree(REPOSITORY / "examples" / "note", path)
    return path


def run(clary: Clary, folder: Path, program: str, *arguments: str, seconds: float = 900) -> str:
    environ = clary.environment({**plain_environ(folder.parent / "user"), "SAGEMAKER_ROLE": ROLE})
    done = subprocess.run(
        [str(client_python("v2")), program, *arguments],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-8000:] + clary.log[-4000:]
    return done.stdout


@pytest.mark.skipif(interpreter("3.7") is None, reason="TensorFlow 1.15 needs Python 3.7")
def test_example_2_trains_eighteen_tensorflow_jobs_and_plots_them(clary: Clary, folder: Path) -> None:
    run(clary, folder, "generate_cifar10_tfrecords.py")
    out = run(clary, folder, "example2.py")
    jobs = re.findall(r"^(cifar10-training-\S+) (\w+)", out, re.MULTILINE)
    assert len(jobs) == 18
    assert {status for _, status in jobs} == {"Completed"}
    (experiment,) = re.findall(r"^experiment: (\S+)", out, re.MULTILINE)
    out = run(clary, folder, "analytics.py", experiment)
    table = [line for line in out.splitlines() if "-aws-training-job" in line]
    assert len(table) == 18
    accuracies = [float(line.split()[2]) for line in table]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > 0.5, "the best of them learned the colours"
    assert (folder / "analytics.png").stat().st_size > 10_000


def test_the_sweep_of_the_demo(clary: Clary, folder: Path) -> None:
    program = REPOSITORY / "examples" / "sweep.py"
    out = run(clary, folder, str(program), "--epochs", "3")
    assert out.count("Completed: digits-") == 8
    assert (folder / "sweep-output" / "table.csv").read_text().count("digits-") >= 8
    for name in ("bars.png", "curves.png"):
        assert (folder / "sweep-output" / name).stat().st_size > 10_000
