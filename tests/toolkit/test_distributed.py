"""What `distribution=` turns into on each host."""

from __future__ import annotations

import json
import sys
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
