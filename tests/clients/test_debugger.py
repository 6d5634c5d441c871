"""The note's performance curves: what its TensorFlow 1.15 jobs saved, read by smdebug's API on today's Python."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import REPOSITORY, client_python, interpreter, plain_environ
from tests.support.process import ROLE, Clary

SHIM = REPOSITORY / "packages" / "smdebug-shim" / "src"


@pytest.fixture
def clary(tmp_path: Path) -> Iterator[Clary]:
    with Clary(tmp_path / "home") as server:
        yield server


@pytest.mark.slow
@pytest.mark.skipif(interpreter("3.7") is None, reason="TensorFlow 1.15 needs Python 3.7")
def test_the_notes_performance_curves(clary: Clary, tmp_path: Path) -> None:
    folder = tmp_path / "note"
    shutil.copytree(REPOSITORY / "examples" / "note", folder)
    environ = clary.environment({**plain_environ(tmp_path / "user"), "SAGEMAKER_ROLE": ROLE})
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{SHIM}"
    out = ""
    for program in ("generate_cifar10_tfrecords.py", "debugger.py"):
        done = subprocess.run(
            [str(client_python("v2")), program],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr[-8000:] + clary.log[-4000:]
        out += done.stdout
    jobs = re.findall(r"^Loading training job: (\S+)", out, re.MULTILINE)
    assert len(jobs) == 2
    assert (folder / "debugger.png").stat().st_size > 10_000
    paths = re.findall(r"^debugger artifacts: (\S+)", out, re.MULTILINE)
    assert sorted(path.split("/")[-2:] for path in paths) == sorted([job, "debug-output"] for job in jobs)
    rows = [line.split() for line in out.splitlines() if re.fullmatch(r"\d+( +[\d.]+){2}", line)]
    assert len(rows) == 30, "one validation accuracy an epoch and job"
    assert all(0 <= float(value) <= 1 for row in rows for value in row[1:])
    assert max(float(rows[-1][1]), float(rows[-1][2])) > 0.3, "the better of them learns the colours"
