"""Pythons that have a training framework of a certain version, built once by uv or pip under `.cache/frameworks`."""

from __future__ import annotations

import fcntl
import subprocess

import pytest
from tests.support.clients import REPOSITORY, interpreter
from uv import find_uv_bin

FRAMEWORKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "tf-2.4": ("3.8", ("tensorflow-cpu==2.4.4", "protobuf<3.21")),
    "tf-2.10": ("3.9", ("tensorflow-cpu==2.10.1", "numpy<1.24", "protobuf<3.20")),
    "tf-2.15": ("3.11", ("tensorflow-cpu==2.15.1",)),
    "tf-2.18": ("3.11", ("tensorflow-cpu==2.18.0", "keras==3.8.0")),
    "keras-jax": ("3.11", ("keras==3.15.1", "jax[cpu]==0.8.1")),
    "xgboost-1.2": ("3.8", ("xgboost==1.2.1", "numpy<1.24", "scipy")),
    "xgboost-1.7": ("3.9", ("xgboost==1.7.6", "numpy<1.24", "scipy", "pandas")),
    "xgboost-3": ("3.11", ("xgboost-cpu==3.0.5", "pandas")),
    "xgboost-3.2": ("3.11", ("xgboost-cpu==3.2.0", "numpy", "scipy")),
    "torch-trainers": (
        "3.11",
        ("torch==2.13.0+cpu", "numpy", "lightning==2.6.0", "transformers==4.57.3", "accelerate"),
    ),
}
"""Python and requirements, by name."""


def framework_python(name: str) -> str:
    """Skips where it is not to be had."""
    version, requirements = FRAMEWORKS[name]
    folder = REPOSITORY / ".cache" / "frameworks" / name
    python, done = folder / "bin" / "python", folder / "complete"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != repr(requirements):
            uv, found = find_uv_bin(), interpreter(version)
            if found is None:
                pytest.skip(f"no Python {version} on this machine")
            subprocess.run([uv, "venv", "-q", "--clear", "--seed", "-p", found, str(folder)], check=True)
            install = [uv, "pip", "install", "-q", "-p", str(python)]
            if any(
                "+cpu" in each for each in requirements
            ):  # no index has it; pip may be told of a folder that does
                install = [str(python), "-m", "pip", "install", "-q"]
            installed = subprocess.run([*install, *requirements], capture_output=True, text=True)
            if installed.returncode:
                pytest.skip(f"{name} cannot be installed: {installed.stderr[-400:]}")
            done.write_text(repr(requirements))
    return str(python)
