"""A Python with PyTorch's CPU build, from where pip is configured to find it; built once under `.cache`."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest
from tests.support.clients import REPOSITORY, interpreter

PACKAGES = ("torch==2.13.0+cpu", "numpy")
TRANSFORMERS = ("transformers>=5",)


def torch_python() -> Path:
    """Skips where the wheel is not to be had."""
    folder = REPOSITORY / ".cache" / "torch"
    python, done = folder / "bin" / "python", folder / "complete"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not done.exists():
            found = interpreter("3.11")
            if found is None:
                pytest.skip("no Python 3.11 on this machine")
            subprocess.run([found, "-m", "venv", "--clear", str(folder)], check=True)
            installed = subprocess.run(
                [str(python), "-m", "pip", "install", "--quiet", *PACKAGES], capture_output=True, text=True
            )
            if installed.returncode:
                pytest.skip(f"no CPU build of PyTorch: {installed.stderr[-300:]}")
            done.touch()
    return python


def transformers_python() -> Path:
    """The same Python, with Hugging Face's transformers besides; skips where they are not to be had."""
    python = torch_python()
    done = python.parents[1] / "transformers-complete"
    with python.parents[1].with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not done.exists():
            installed = subprocess.run(
                [str(python), "-m", "pip", "install", "--quiet", *TRANSFORMERS],
                capture_output=True,
                text=True,
            )
            if installed.returncode:
                pytest.skip(f"no transformers: {installed.stderr[-300:]}")
            done.touch()
    return python
