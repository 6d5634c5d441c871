"""botocore's own protocol cases: its sdist has them, so they are fetched with pip and never committed.

The files keep each case as a description of an operation (`given`) with the shapes of its suite, and

    input    `params`, and the HTTP request that they become (`serialized`)
    output   an HTTP response, and the `result` or `error` that it is

which is all that is needed to run them backwards.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel, ServiceModel

from clary.wire.models import Operation, Service

CACHE = Path(__file__).parents[2] / ".cache" / "botocore-sdist"


@dataclass(frozen=True)
class Case:
    id: str
    protocol: str
    suite: dict[str, Any]
    data: dict[str, Any]

    @cached_property
    def service(self) -> Service:
        description = {**self.suite, "operations": {self.name: self.data["given"]}}
        if self.protocol == "query":
            description["metadata"] = {**self.suite["metadata"], "xmlNamespace": "https://example.com/doc/"}
        return Service("protocol-tests", ServiceModel(description, service_name="protocol-tests"))

    @property
    def name(self) -> str:
        return str(self.data["given"].get("name", "OperationName"))

    @cached_property
    def operation(self) -> Operation:
        return Operation("protocol-tests", self.name, OperationModel(self.data["given"], self.service.model))


def cases(direction: str) -> Iterator[Case]:
    """`direction` is `input` or `output`."""
    for path in sorted(_folder().glob(f"**/{direction}/*.json")):
        kind = f"legacy-{path.stem}" if "legacy" in path.parts else path.stem
        for number, suite in enumerate(json.loads(path.read_text())):
            protocol = suite["metadata"]["protocol"]
            if protocol == "ec2":
                continue
            for index, data in enumerate(suite["cases"]):
                yield Case(f"{kind}-{data.get('id', f'{number}:{index}')}", protocol, suite, data)


def parameters(chosen: Iterable[Case], ignored: Mapping[str, str]) -> list[Any]:
    """For `pytest.mark.parametrize`. Ignored cases run too: one that has come to pass is to leave the list."""
    return [
        pytest.param(
            case,
            id=case.id,
            marks=[pytest.mark.xfail(reason=ignored[case.id], strict=True)] if case.id in ignored else [],
        )
        for case in chosen
    ]


def _folder() -> Path:
    """The cases of the installed botocore. Downloaded once; processes that start together wait for the first."""
    release = version("botocore")
    folder = CACHE / release
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _download(release, folder)
    return folder


def _download(release: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        work = Path(name)
        # Only botocore is wanted as source: what builds its metadata may come as wheels.
        arguments = ["download", "--quiet", "--no-deps", "--no-binary", "botocore", "--dest", str(work)]
        subprocess.run([*_pip(), *arguments, f"botocore=={release}"], check=True)
        with tarfile.open(next(work.glob("botocore-*.tar.gz"))) as archive:
            wanted = [member for member in archive if "/tests/unit/protocols/" in member.name]
            archive.extractall(work, members=wanted, filter="data")
        shutil.move(next(work.glob("botocore-*/tests/unit/protocols")), folder)


def _pip() -> list[str]:
    """uv cannot download sdists, but can run a pip where the environment has none."""
    has_pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    return (
        [sys.executable, "-m", "pip"]
        if has_pip.returncode == 0
        else [sys.executable, "-m", "uv", "tool", "run", "pip"]
    )
