"""`train.py` as a job runs it: by the job's interpreter, whatever its age."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from clary.engines import toolkit_path

RESOURCES = {
    "current_host": "algo-1",
    "current_instance_type": "ml.p3.2xlarge",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {
            "instance_group_name": "homogeneousCluster",
            "instance_type": "ml.p3.2xlarge",
            "hosts": ["algo-1"],
        }
    ],
    "network_interface_name": "lo",
}
TOLD = (
    "import json, os, sys; print(json.dumps([sys.argv, dict(os.environ), os.getcwd(), sys.version_info[:2]]))"
)


class Job:
    """A job's /opt/ml, made as the orchestrator makes it."""

    def __init__(self, ml: Path) -> None:
        self.ml = ml
        for name in ("input/config", "input/data/training", "input/source", "model", "output"):
            (ml / name).mkdir(parents=True)
        self.config("inputdataconfig", {"training": {"TrainingInputMode": "File"}, "Eval-2": {}})
        self.config("resourceconfig", RESOURCES)

    def config(self, name: str, document: dict[str, Any]) -> None:
        (self.ml / "input" / "config" / f"{name}.json").write_text(json.dumps(document))

    def submit(self, files: dict[str, str], **hyperparameters: str) -> None:
        self.config("hyperparameters", {"sagemaker_submit_directory": '"s3://b/s.tar.gz"', **hyperparameters})
        with tarfile.open(self.ml / "input" / "source" / "sourcedir.tar.gz", "w:gz") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(text.encode()), 0o644
                tar.addfile(member, io.BytesIO(text.encode()))

    def run(self, python: str = sys.executable, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-I", "-S", str(toolkit_path() / "train.py")], capture_output=True, text=True, check=False,
            env={"CLARY_ML_ROOT": str(self.ml), "LC_ALL": "C.UTF-8", "TRAINING_JOB_NAME": "job-1", **environ},
        )  # fmt: skip

    @property
    def failure(self) -> str:
        return (self.ml / "output" / "failure").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "ml")


def pythons() -> dict[str, str]:
    """An interpreter of each version, of those that pyenv, uv and the system keep."""
    places = [
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions",
        Path.home() / ".local" / "share" / "uv" / "python",
    ]
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    for minor in range(6, 16):
        candidates = [path for place in places for path in place.glob(f"*3.{minor}.*/bin/python")]
        candidates.append(Path(f"/usr/bin/python3.{minor}"))
        for path in candidates:
            if path.exists():
                found.setdefault(f"3.{minor}", str(path))
    return found


PYTHONS = pythons()


@pytest.mark.parametrize("version", [f"3.{minor}" for minor in range(6, 15)])
def test_turns_into_the_program(job: Job, version: str) -> None:
    if version not in PYTHONS:
        pytest.skip(f"no Python {version} here")
    job.submit(
        {"train.py": TOLD, "lib/__init__.py": ""}, sagemaker_program='"train.py"', epochs="3", model='"resnet"',
        plain="adam",
    )  # fmt: skip
    done = job.run(PYTHONS[version], PYTHONPATH="/extra")
    assert (done.returncode, done.stderr) == (0, "")
    argv, environ, cwd, running = json.loads(done.stdout)
    assert argv == ["train.py", "--epochs", "3", "--model", "resnet", "--plain", "adam"]
    assert cwd == str(job.ml / "code")
    assert ".".join(map(str, running)) == version
    assert environ["SM_HPS"] == '{"epochs":3,"model":"resnet","plain":"adam"}'
    assert environ["SM_MODEL_DIR"] == str(job.ml / "model")
    assert environ["SM_CHANNELS"] == '["Eval-2","training"]'
    assert environ["SM_CHANNEL_EVAL-2"] == str(job.ml / "input" / "data" / "Eval-2")
    assert environ["PYTHONPATH"] == f"{job.ml / 'code'}:/extra"
    assert json.loads(environ["SM_TRAINING_ENV"])["job_name"] == "job-1"


def test_has_the_program_s_exit_code(job: Job) -> None:
    job.submit({"a.py": "raise SystemExit(41)"}, sagemaker_program='"a.py"')
    assert job.run().returncode == 41


def test_has_the_program_s_signals(job: Job) -> None:
    job.submit({"a.py": "import os; os.kill(os.getpid(), 15)"}, sagemaker_program='"a.py"')
    assert job.run().returncode == -signal.SIGTERM


def test_leaves_a_traceback_alone(job: Job) -> None:
    job.submit({"a.py": "import b", "b.py": "1 / 0"}, sagemaker_program='"a.py"')
    done = job.run()
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "toolkit" not in done.stderr
    assert not (job.ml / "output" / "failure").exists()


def test_prints_without_delay(job: Job) -> None:
    job.submit({"a.py": "import os; print('now'); os._exit(0)"}, sagemaker_program='"a.py"')
    assert job.run().stdout == "now\n"


def test_runs_shell_scripts_and_executables(job: Job) -> None:
    job.submit({"run.sh": 'echo "$0 $*" $SM_NUM_GPUS'}, sagemaker_program='"run.sh"', a="1 2")
    assert job.run().stdout.split()[:4] == ["run.sh", "-a", "1", "2"]
    job.submit({"tool": "#!/bin/sh\necho tool $2"}, sagemaker_program='"tool"', rate="0.5")
    assert job.run().stdout == "tool 0.5\n"


def test_runs_packages(job: Job) -> None:
    files = {"net/__init__.py": "", "net/__main__.py": "import sys; print(sys.argv[1:])", "setup.py": ""}
    job.submit(files, sagemaker_program='"net"', x="1")
    assert job.run().stdout == "['-x', '1']\n"


def test_runs_what_is_there_without_an_archive(job: Job) -> None:
    (job.ml / "code").mkdir()
    (job.ml / "code" / "own.py").write_text("print('own')")
    job.config("hyperparameters", {})
    assert job.run(SAGEMAKER_PROGRAM="own.py").stdout == "own\n"


def test_names_the_program_that_is_missing(job: Job) -> None:
    job.submit({"a.py": "", "pkg/b.py": ""}, sagemaker_program='"train.py"')
    done = job.run()
    assert done.returncode == 1
    assert job.failure == "The program train.py is not in the source archive, which holds a.py, pkg/b.py."
    assert done.stderr == job.failure + "\n"


def test_says_when_no_program_is_named(job: Job) -> None:
    job.submit({"a.py": ""})
    assert job.run().returncode == 1
    assert "names no program" in job.failure
    assert "sagemaker_program" in job.failure


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x1f\x8b\x08\x00broken"])
def test_says_when_the_archive_is_none(job: Job, content: bytes) -> None:
    job.submit({"a.py": ""}, sagemaker_program='"a.py"')
    (job.ml / "input" / "source" / "sourcedir.tar.gz").write_bytes(content)
    assert job.run().returncode == 1
    assert job.failure.startswith("The source archive cannot be unpacked: ")


@pytest.mark.parametrize("version", ["3.6", "3.11", "3.13"])
@pytest.mark.parametrize(
    ("kind", "name", "link"),
    [
        (tarfile.REGTYPE, "../out", ""),
        (tarfile.REGTYPE, "/out", ""),
        (tarfile.REGTYPE, "a/../../out", ""),
        (tarfile.SYMTYPE, "a", "../out"),
        (tarfile.SYMTYPE, "a", "/out"),
        (tarfile.LNKTYPE, "a", "../out"),
    ],
)
def test_lets_nothing_out_of_the_folder(job: Job, version: str, kind: bytes, name: str, link: str) -> None:
    if version not in PYTHONS:
        pytest.skip(f"no Python {version} here")
    job.submit({"a.py": ""}, sagemaker_program='"a.py"')
    with tarfile.open(job.ml / "input" / "source" / "sourcedir.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        tar.addfile(member)
    assert job.run(PYTHONS[version]).returncode == 1
    assert "would leave the archive's folder" in job.failure
    assert not list((job.ml / "code").iterdir())


def test_keeps_links_within_and_is_repeatable(job: Job) -> None:
    job.submit({"pkg/a.py": "print('linked')"}, sagemaker_program='"main.py"')
    archive = job.ml / "input" / "source" / "sourcedir.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, kind, link in (("./pkg", tarfile.DIRTYPE, ""), ("./main.py", tarfile.SYMTYPE, "pkg/a.py")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, link, 0
            tar.addfile(member)
        text = b"print('linked')"
        member = tarfile.TarInfo("pkg/a.py")
        member.size, member.mode, member.uid = len(text), 0o4000, 12345
        tar.addfile(member, io.BytesIO(text))
    assert [job.run().stdout for _ in range(2)] == ["linked\n", "linked\n"]
    assert (job.ml / "code" / "pkg" / "a.py").stat().st_uid == os.getuid()
