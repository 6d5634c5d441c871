"""What `distribution=` turns into on each host."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clary.toolkit.distributed import launched
from clary.toolkit.source import SourceError

SCRIPT = [sys.executable, "-u", "train.py", "--rate", "0.1"]
HOSTS = ["algo-1", "algo-2"]


def launch(
    hyperparameters: dict[str, Any], command: list[str] = SCRIPT, gpus: int = 0
) -> tuple[list[str], dict[str, str]]:
    environ = {"PATH": "/nowhere"}
    known: dict[str, object] = {"hosts": HOSTS, "current_host": "algo-2", "num_gpus": gpus}
    return launched(command, known, hyperparameters, environ), environ


def test_without_a_distribution_the_program_is_started_as_it_is() -> None:
    assert launch({}) == (SCRIPT, {"PATH": "/nowhere"})
    assert launch({"sagemaker_torch_distributed_enabled": False})[0] == SCRIPT


@pytest.mark.parametrize("name", ["sagemaker_torch_distributed_enabled", "sagemaker_pytorch_ddp_enabled"])
@pytest.mark.parametrize(("gpus", "processes"), [(0, "1"), (4, "4")])
def test_torchrun_starts_a_process_a_gpu(name: str, gpus: int, processes: str) -> None:
    command, _ = launch({name: True}, gpus=gpus)
    assert command == [
        sys.executable, "-u", "-m", "torch.distributed.run", "--nnodes", "2", "--node_rank", "1",
        "--nproc_per_node", processes, "--master_addr", "algo-1", "--master_port", "7777",
        "train.py", "--rate", "0.1",
    ]  # fmt: skip


def test_tensorflow_learns_of_its_workers() -> None:
    command, environ = launch({"sagemaker_multi_worker_mirrored_strategy_enabled": True})
    assert command == SCRIPT
    assert json.loads(environ["TF_CONFIG"]) == {
        "cluster": {"worker": ["algo-1:8890", "algo-2:8890"]},
        "task": {"type": "worker", "index": 1},
    }


@pytest.fixture
def mpi(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """The command of a host, where mpirun tells this version."""

    def command(version: str, host: str) -> list[str]:
        (tmp_path / "mpirun").write_text(f"#!/bin/sh\necho 'mpirun (Open MPI) {version}'\n")
        (tmp_path / "mpirun").chmod(0o755)
        hyperparameters = {
            "sagemaker_mpi_enabled": True, "sagemaker_mpi_num_of_processes_per_host": 2,
            "sagemaker_mpi_custom_mpi_options": "-x 'NAME=a b' --verbose",
        }  # fmt: skip
        known: dict[str, object] = {"hosts": HOSTS, "current_host": host, "num_gpus": 0}
        return launched(SCRIPT, known, hyperparameters, {"PATH": str(tmp_path)})

    return command


def test_mpirun_starts_on_the_first_host_and_the_others_wait_for_it(
    mpi: Callable[[str, str], list[str]],
) -> None:
    first = mpi("5.0.11", "algo-1")
    assert first[0].endswith("/mpirun")
    assert ("--host", "algo-1:2,algo-2:2") in itertools.pairwise(first)
    assert ("-np", "4") in itertools.pairwise(first)
    assert ["-x", "NAME=a b", "--verbose", sys.executable, "-u"] == first[first.index("-x") :][:5]
    assert first[-3:] == SCRIPT[2:]
    assert mpi("5.0.11", "algo-2")[1:3] == ["-I", "-S"]
    assert mpi("5.0.11", "algo-2")[-1] == "serve"
    with pytest.raises(SourceError, match=r"needs Open MPI 5, and .*4\.1\.4"):
        mpi("4.1.4", "algo-1")


REFUSED = [
    ({"sagemaker_distributed_dataparallel_enabled": True}, SCRIPT, "torch_distributed"),
    ({"sagemaker_parameter_server_enabled": True}, SCRIPT, "multi_worker_mirrored_strategy"),
    ({"sagemaker_mpi_enabled": True}, SCRIPT, "no mpirun"),
    ({"sagemaker_torch_distributed_enabled": True}, ["/bin/bash", "train.sh"], "must be Python"),
]


@pytest.mark.parametrize(("hyperparameters", "command", "words"), REFUSED)
def test_what_cannot_be_started_says_what_can(
    hyperparameters: dict[str, Any], command: list[str], words: str
) -> None:
    with pytest.raises(SourceError, match=words):
        launch(hyperparameters, command)
