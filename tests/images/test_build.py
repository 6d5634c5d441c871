"""Building environments: real uv, real interpreters, packages and an index of the test's own."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.images import builder
from tests.images.conftest import THIS_PYTHON, Make
from tests.images.index import Index, wheel

from clary.images.environments import Environments
from clary.images.ports import Environment, ImageError
from clary.settings import Settings

ACME = "registry.example.com/acme:1"


def quiet(line: str) -> None:
    del line


def version(environment: Environment, module: str = "tiny") -> str:
    code = f"import {module}; print({module}.VERSION)"
    return subprocess.run(
        [environment.python, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def start_builder(tmp_path: Path, index: Index) -> subprocess.Popen[str]:
    command = [sys.executable, builder.__file__, str(tmp_path / "images"), index.url, THIS_PYTHON]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_build_is_whole_cached_and_compiled(make: Make, index: Index) -> None:
    environments = make()
    spec = environments.resolve(ACME)
    assert environments.ready(spec) is None
    lines: list[str] = []
    built = environments.build(spec, lines.append)
    assert version(built) == "1.0"
    assert built.versions == {"tiny": "1.0"}
    assert lines[0].startswith(f"Building the environment of {ACME} on Python {THIS_PYTHON}.")
    assert "Resolved 1 package" in lines
    assert "Installed 1 package" in lines
    assert lines[-2:] == ["Compiling", "The environment is ready: 1 packages"]
    assert list(built.paths[0].glob("lib/python*/site-packages/__pycache__/tiny.*.pyc"))

    again = make()  # as another server would
    assert again.ready(spec) == built
    assert again.build(spec, lines.append) == built
    assert index.downloads == ["tiny-1.0-py3-none-any.whl"]


def test_find_links_alone_suffice(tmp_path: Path) -> None:
    links, empty = tmp_path / "links", tmp_path / "index"
    for folder in (links, empty):
        folder.mkdir()
    (links / "tiny-1.0-py3-none-any.whl").write_bytes(wheel("tiny", "1.0"))
    table = {"acme:1": {"requirements": ["tiny"], "python": THIS_PYTHON}}
    settings = Settings(image_aliases=table, index_url=empty.as_uri(), find_links=[str(links)])
    environments = Environments(tmp_path / "images", settings)
    assert version(environments.build(environments.resolve("acme:1"), quiet)) == "1.0"


def test_two_processes_build_once_and_both_are_told(make: Make, index: Index, tmp_path: Path) -> None:
    index.served.clear()
    with start_builder(tmp_path, index) as first:
        assert index.asked.wait(60)
        environments, told, heard = make(), threading.Event(), list[str]()

        def hear(line: str) -> None:
            heard.append(line)
            told.set()

        built: list[Environment] = []
        waiting = threading.Thread(
            target=lambda: built.append(environments.build(environments.resolve(ACME), hear))
        )
        waiting.start()
        assert told.wait(60)  # the first is in its download still
        index.served.set()
        waiting.join()
        assert first.stdout is not None
        said = first.stdout.read().splitlines()
    assert first.returncode == 0
    assert heard == said
    assert version(built[0]) == "1.0"
    assert len(index.downloads) == 1


def test_a_builder_killed_in_the_middle_leaves_nothing_that_is_used(
    make: Make, index: Index, tmp_path: Path
) -> None:
    index.served.clear()
    with start_builder(tmp_path, index) as first:
        assert index.asked.wait(60)
        first.send_signal(signal.SIGKILL)
    environments = make()
    spec = environments.resolve(ACME)
    (half,) = (tmp_path / "images/environments").iterdir()
    assert half.is_dir()
    assert environments.ready(spec) is None
    assert environments.sweep() == []  # its uv lives on and holds the lock
    index.served.set()
    built = environments.build(spec, quiet)
    assert built.paths[0] == half
    assert version(built) == "1.0"
    assert environments.sweep() == []


def test_sweep_removes_what_was_cut_short_and_nothing_else(make: Make, tmp_path: Path) -> None:
    environments = make()
    built = environments.build(environments.resolve(ACME), quiet)
    half = tmp_path / "images/environments/python-3.11-0000"
    (half / "bin").mkdir(parents=True)
    assert environments.sweep() == [half]
    assert not half.exists()
    assert version(built) == "1.0"


def test_an_environment_whose_base_is_gone_is_built_anew(make: Make) -> None:
    environments = make()
    spec = environments.resolve(ACME)
    built = environments.build(spec, quiet)
    built.python.unlink()
    built.python.symlink_to("/nowhere/python")
    assert environments.ready(spec) is None
    assert version(environments.build(spec, quiet)) == "1.0"


def test_what_cannot_be_resolved_fails_with_a_reason_that_people_can_read(make: Make, tmp_path: Path) -> None:
    environments = make(**{"bad:*": {"requirements": ["tiny==9.9"], "python": THIS_PYTHON}})
    with pytest.raises(ImageError) as caught:
        environments.build(environments.resolve("bad:7"), quiet)
    reason = str(caught.value)
    assert reason.startswith("Image bad:7: tiny==9.9 cannot be had for Python")
    assert "there is no version of tiny==9.9" in reason
    assert '"*bad:7" = {requirements = ["tiny==9.9"], python = ' in reason
    assert str(tmp_path) not in reason
    assert not re.search(r"\x1b|\n|http", reason)
    assert len(reason) <= 1024
    assert list((tmp_path / "images/environments").iterdir()) == []


def test_who_waits_for_a_build_that_fails_fails_with_it(make: Make, index: Index, tmp_path: Path) -> None:
    index.broken = True
    index.served.clear()
    with start_builder(tmp_path, index) as first:
        told = threading.Event()
        environments, failures = make(), list[str]()

        def wait() -> None:
            try:
                environments.build(environments.resolve(ACME), lambda _: told.set())
            except ImageError as error:
                failures.append(str(error))

        assert first.stdout is not None
        assert first.stdout.readline().startswith("Building")
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert told.wait(60)
        index.served.set()
        waiting.join()
    assert first.returncode != 0
    assert len(failures) == 1


@pytest.mark.parametrize("downloads", [False, True])
def test_a_python_that_nobody_has(tmp_path: Path, downloads: bool) -> None:
    table = {"acme:1": {"requirements": ["tiny"], "python": "3.99"}}
    environments = Environments(
        tmp_path / "images", Settings(image_aliases=table, python_downloads=downloads)
    )
    with pytest.raises(ImageError) as caught:
        environments.build(environments.resolve("acme:1"), quiet)
    reason = str(caught.value)
    assert reason.startswith("Image acme:1 needs Python 3.99, which this machine lacks, and ")
    assert ("uv cannot download it" in reason) == downloads
    assert ("python_downloads is off" in reason) != downloads
    assert re.search(rf"There are Python [^.]*.*\b{re.escape(THIS_PYTHON)}\b", reason)


def test_a_jobs_requirements_go_on_top_and_leave_the_image_as_it_is(make: Make) -> None:
    environments = make()
    spec = environments.resolve(ACME)
    base = environments.build(spec, quiet)
    derived = environments.derive(spec, "# of the job\n\ntiny==2.0  # newer\nother>=\\\n1.0\n")
    assert derived.added == ("tiny==2.0", "other>= 1.0")
    lines: list[str] = []
    built = environments.build(derived, lines.append)
    assert "Installing the job's requirements.txt" in lines
    assert (version(built), version(built, "other")) == ("2.0", "1.0")
    assert built.versions == {"other": "1.0", "tiny": "2.0"}
    assert version(base) == "1.0"
    assert environments.derive(spec, "# nothing\n") == spec


def test_requirements_that_the_image_meets_already(make: Make) -> None:
    environments = make()
    derived = environments.derive(environments.resolve(ACME), "tiny>=1.0\n")
    built = environments.build(derived, quiet)
    assert version(built) == "1.0"
    assert list(built.paths[0].glob("lib/python*/site-packages/__pycache__/tiny.*.pyc"))


def test_requirements_that_cannot_be_installed(make: Make) -> None:
    environments = make()
    derived = environments.derive(environments.resolve(ACME), "other==3.0\n")
    with pytest.raises(ImageError, match=r"^The job's requirements\.txt cannot be installed: .*other==3\.0"):
        environments.build(derived, quiet)


def test_an_existing_interpreter_is_used_as_it_is(make: Make, tmp_path: Path) -> None:
    environments = make(**{"mine*": {"interpreter": sys.executable}})
    spec = environments.resolve("mine:latest")
    found = environments.ready(spec)
    assert found is not None
    assert found.python == Path(sys.executable)
    assert Path(sys.prefix) in found.paths
    assert Path(sys.base_prefix) in found.paths
    assert "uv" in found.versions
    assert environments.build(spec, quiet) == found
    assert not (tmp_path / "images").exists()


def test_what_an_existing_interpreter_has_elsewhere_is_seen(make: Make, tmp_path: Path) -> None:
    """As of a project that is being worked on: installed by a line in a `.pth` file."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "mine")], check=True)
    (tmp_path / "project").mkdir()
    python = tmp_path / "mine" / "bin" / "python"
    (site,) = python.parents[1].glob("lib/python3*/site-packages")
    (site / "project.pth").write_text(f"{tmp_path / 'project'}\n")
    environments = make(**{"mine*": {"interpreter": str(python)}})
    found = environments.ready(environments.resolve("mine:latest"))
    assert found is not None
    assert tmp_path / "project" in found.paths


def test_requirements_on_top_of_an_existing_interpreter(make: Make) -> None:
    environments = make(**{"mine*": {"interpreter": sys.executable}})
    built = environments.build(environments.derive(environments.resolve("mine:1"), "tiny==1.0"), quiet)
    code = "import tiny, uv; print(tiny.VERSION)"
    ran = subprocess.run([built.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "1.0\n"
    assert built.versions.keys() >= {"tiny", "uv"}


def test_an_interpreter_that_is_none(make: Make) -> None:
    environments = make(**{"mine*": {"interpreter": "/nowhere/python"}})
    spec = environments.resolve("mine:1")
    assert environments.ready(spec) is None
    with pytest.raises(ImageError, match="aliased to the interpreter /nowhere/python, which is no Python"):
        environments.build(spec, quiet)


def test_its_paths_are_all_that_a_sandbox_has_to_show(make: Make) -> None:
    system = [
        argument
        for name in ("usr", "lib", "lib64", "bin")
        if (path := Path("/", name)).exists()
        for argument in ("--ro-bind", str(path), str(path))
    ]
    bubblewrap = [
        shutil.which("bwrap") or "bwrap",
        *system,
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--unshare-all",
    ]
    try:
        subprocess.run([*bubblewrap, "true"], check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no sandbox on this machine")
    environments = make()
    built = environments.build(environments.resolve(ACME), quiet)
    shown = [argument for path in built.paths for argument in ("--ro-bind", str(path), str(path))]
    code = "import json, ssl, sqlite3, tiny; print(tiny.VERSION)"
    ran = subprocess.run(
        [*bubblewrap, *shown, str(built.python), "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "1.0\n"


def test_warm_builds_what_it_can(make: Make) -> None:
    outcome = make().warm([ACME, "nobody/knows:1"], quiet)
    assert isinstance(outcome[ACME], Environment)
    assert isinstance(outcome["nobody/knows:1"], ImageError)


@pytest.mark.slow
def test_scikit_learn_from_the_index(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "images", Settings())
    uri = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
    built = environments.build(environments.resolve(uri), quiet)
    code = (
        "import numpy, pandas, sklearn.linear_model as m\n"
        "x = pandas.DataFrame({'x': numpy.arange(4.0)})\n"
        "print(sklearn.__version__, round(m.LinearRegression().fit(x, 2 * x.x).coef_[0], 6))"
    )
    code = code.replace("import numpy", "import sklearn, numpy")
    ran = subprocess.run([built.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "1.2.1 2.0\n"
    assert built.versions["numpy"] == "1.24.1"


@pytest.mark.parametrize("had", ["0.0.1+cpu", "0.0.1"])
def test_pytorch_is_the_cpu_build_or_else_what_the_index_has(tmp_path: Path, had: str) -> None:
    """No index has a PyTorch 0.0.1 but this one."""
    links, empty = tmp_path / "links", tmp_path / "index"
    for folder in (links, empty):
        folder.mkdir()
    (links / f"torch-{had}-py3-none-any.whl").write_bytes(wheel("torch", had))
    table = {"acme:1": {"requirements": ["torch==0.0.1"], "python": THIS_PYTHON}}
    settings = Settings(image_aliases=table, index_url=empty.as_uri(), find_links=[str(links)])
    environments = Environments(tmp_path / "images", settings)
    said: list[str] = []
    built = environments.build(replace(environments.resolve("acme:1"), cpu_torch=True), said.append)
    assert version(built, "torch") == had
    assert any("the build for CUDA" in line for line in said) == (had == "0.0.1")
