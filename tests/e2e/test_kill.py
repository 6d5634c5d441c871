"""The server is killed with SIGKILL, at random moments, while a sweep runs: nothing is lost, nothing runs twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.support.jobs import ENDED, Jobs
from tests.support.process import Clary

LINES = 30
SCRIPT = f"""
import os, time, uuid
run = uuid.uuid4()
print("run", run)
for n in range({LINES}):
    print("step", n, "loss: %.3f" % (n / 8))
    time.sleep(0.05)
open(os.path.join(os.environ["SM_MODEL_DIR"], "run"), "w").write(str(run))
"""
JOBS = 6
KILLS = 5


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sweep_survives_kills_at_random_moments(tmp_path: Path, seed: int) -> None:
    moments = random.Random(seed)
    clary = Clary(tmp_path / "home", job_cpus="8").start()
    try:
        jobs = Jobs(clary)
        source = jobs.source(SCRIPT)
        names: list[str] = []
        kills, until = 0, time.monotonic()
        while len(names) < JOBS or not _ended(clary, names):
            if kills < KILLS:
                until = time.monotonic() + moments.uniform(0.0, 0.8)
            while time.monotonic() < until and len(names) < JOBS:
                request = jobs.request(source=source, metrics={"loss": r"loss: ([0-9.]+)"})
                names.append(str(request["TrainingJobName"]))
                jobs.sagemaker.create_training_job(**request)
            time.sleep(max(0.0, until - time.monotonic()))
            if kills < KILLS:
                clary.kill()
                clary.start()
                jobs = _again(clary, jobs)
                kills += 1
            else:
                until = time.monotonic() + 0.2
        for name in names:
            job = jobs.describe(name)
            lines = jobs.lines(name)
            assert job.get("FailureReason") is None, (lines, clary.log)
            assert job["TrainingJobStatus"] == "Completed"
            assert lines[1:] == [f"step {n} loss: {n / 8:.3f}" for n in range(LINES)]
            assert jobs.model_files(job) == {"run": lines[0].removeprefix("run ").encode()}
            component = jobs.sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-training-job")
            (loss,) = [metric for metric in component["Metrics"] if metric["MetricName"] == "loss"]
            assert loss["Count"] == LINES
            assert loss["Last"] == pytest.approx((LINES - 1) / 8)
        assert not list((tmp_path / "home" / "jobs").iterdir())
    finally:
        clary.stop()


def _ended(clary: Clary, names: list[str]) -> bool:
    client = clary.client("sagemaker")
    try:
        return all(
            client.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] in ENDED for name in names
        )
    except (BotoCoreError, ClientError):
        return False


def _again(clary: Clary, jobs: Jobs) -> Jobs:
    """The same helper on the restarted server: it may listen anew."""
    jobs.clary = clary
    jobs.sagemaker, jobs.s3, jobs.logs = clary.client("sagemaker"), clary.client("s3"), clary.client("logs")
    return jobs
