"""A Python with PyTorch's CPU build, from where pip is configured to find it; built once under `.cache`."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest
from tests.support.clients import REPOSITORY, interpreter

PACKAGES = ("torch==2.13.0+cpu", "numpy")


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
