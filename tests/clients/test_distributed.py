"""A PyTorch estimator with two hosts: torchrun starts a process on each, and they add up over gloo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.jobs import Jobs
from tests.support.process import ROLE, Clary
from tests.support.torch import torch_python

pytestmark = pytest.mark.slow

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
