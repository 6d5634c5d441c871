"""Real clients in environments of their own, run as `clary env` would have them run.

An environment is built once by uv from `requirements/clients-NAME.lock` under `.cache/clients`, named by the
lock's hash, and shared by all test processes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from uv import find_uv_bin

from clary.clients import environment

REPOSITORY = Path(__file__).parents[2]
PYTHONS = {"v2": "3.11", "v3": "3.11", "awscli": "3.11", "old": "3.7", "smdebug": "3.9"}
KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def interpreter(version: str) -> str | None:
    """A Python of that version on this machine, else what uv may fetch, which has none before 3.8."""
    candidates = [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for candidate in (shutil.which(f"python{version}"), *candidates):
        if candidate is None:
            continue
        probe = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
        )
        if probe.returncode == 0 and probe.stdout.strip() == version:
            return candidate
    return None if version in ("2.7", "3.6", "3.7") else version


def client_python(name: str) -> Path:
    """The Python that has those clients (`v2`, `v3`, `awscli`, `old`); skips where their Python is not to be had."""
    lock = REPOSITORY / "requirements" / f"clients-{name}.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = REPOSITORY / ".cache" / "clients" / f"{name}-{digest}"
    python, done = folder / "bin" / "python", folder / "complete"
    if done.exists():
        return python
    found = interpreter(PYTHONS[name])
    if found is None:
        pytest.skip(f"no Python {PYTHONS[name]} on this machine")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not done.exists():
            uv = find_uv_bin()
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", found, str(folder)], check=True)
            install = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r"]
            subprocess.run([*install, str(lock)], check=True)
            done.touch()
    return python


def plain_environ(home: Path) -> dict[str, str]:
    """A user's environment with nothing of AWS, Clary or Python in it; `home` is the user's."""
    home.mkdir(exist_ok=True)
    left_out = ("AWS_", "CLARY_", "PYTHON", "COVERAGE_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith("_PROXY") and not name.startswith(left_out)
    }
    return {**kept, "HOME": str(home)}


class Client:
    """Runs scripts and commands against `url`, as a user whose shell had `shell` before `clary env`."""

    def __init__(self, user: Path, url: str, keys: tuple[str, str] = KEYS) -> None:
        self.user, self.url, self.keys = user, url, keys

    def environ(self, shell: Mapping[str, str] | None = None) -> dict[str, str]:
        before = {**plain_environ(self.user), **(shell or {})}
        return {**before, **environment(self.url, *self.keys, "us-east-1", before)}

    def script(
        self,
        python: Path,
        text: str,
        shell: Mapping[str, str] | None = None,
        check: bool = True,
        seconds: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        return self.command([str(python), "-c", textwrap.dedent(text)], self.environ(shell), check, seconds)

    def command(
        self, command: list[str], environ: Mapping[str, str], check: bool = True, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Its output is text; with `check` it must succeed, and its output is shown where it does not."""
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=seconds)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done
