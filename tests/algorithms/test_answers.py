"""The algorithms against known answers and scikit-learn's, inside the environment that their jobs have.

Each `check_...` of checks/*.py is a case here; a file's checks run together in one process.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.support.algorithms import XGBOOST, image
from tests.support.process import CACHE

from clary.images.builtin import algorithms_path
from clary.images.environments import Environments
from clary.settings import Settings

CHECKS = Path(__file__).parent / "checks"
IMAGES = {"xgboost_trees": (XGBOOST, XGBOOST.replace("1.7-1", "3.0-5"))}
"""By file; all else is the shared environment's."""
CASES = [
    pytest.param(file.stem, uri, node.name, id=f"{file.stem}-{uri.rpartition(':')[2]}-{node.name[6:]}")
    for file in sorted(CHECKS.glob("*.py"))
    for uri in IMAGES.get(file.stem, (image("linear-learner"),))
    for node in ast.parse(file.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
]


@cache
def outcomes(file: str, uri: str) -> dict[str, Any]:
    """Of a file's checks: None, or the traceback."""
    environments = Environments(CACHE / "images", Settings())
    python = environments.build(environments.resolve(uri), lambda line: None).python
    command = [str(python), "-I", str(CHECKS / "run.py"), str(algorithms_path()), str(CHECKS / f"{file}.py")]
    environ = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("file", "uri", "name"), CASES)
@pytest.mark.xdist_group("algorithms")
def test_check(file: str, uri: str, name: str) -> None:
    failed = outcomes(file, uri)[name]
    assert failed is None, failed
