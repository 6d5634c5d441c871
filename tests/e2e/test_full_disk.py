"""A disk that jobs fill: they fail and say so, and the server goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import Clary

WRITES = """
import os
with open(os.environ["SM_MODEL_DIR"] + "/big", "wb") as file:
    for _ in range({megabytes}):
        file.write(os.urandom(1 << 20))
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_jobs_and_objects_on_a_full_disk(small_disk: Path) -> None:
    with Clary(small_disk / "home") as clary:
        jobs = Jobs(clary)
        for megabytes in (100, 25):  # the program runs out of room; its model's archive does
            job = jobs.run(WRITES.format(megabytes=megabytes))
            assert job["TrainingJobStatus"] == "Failed"
            assert any(
                words in job["FailureReason"] for words in ("The disk is full", "no space left on the disk")
            )
        with pytest.raises(ClientError, match="InsufficientStorage"):
            jobs.s3.put_object(Bucket=BUCKET, Key="big", Body=bytes(80 << 20))
        job = jobs.run("print('still works')")
        assert job["TrainingJobStatus"] == "Completed"
        assert jobs.lines(job["TrainingJobName"]) == ["still works"]
