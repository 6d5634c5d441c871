"""KeepAlivePeriodInSeconds: what a job leaves, the next one that matches it takes, and no other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import Clary

from clary.engines.sandbox import sandbox_report

pytestmark = pytest.mark.skipif(sandbox_report().bwrap is None, reason=sandbox_report().reason)

LOOK = """
import os, sys
print("imported" if "numpy" in sys.modules else "new")
import numpy
places = ["/tmp/mine", os.path.expanduser("~/mine"), "/opt/ml/model/mine", "/dev/shm/mine"]
print("found", [path for path in places if os.path.exists(path)])
cache = "/opt/ml/sagemaker/warmpoolcache/kept"
print("kept", os.path.exists(cache) and open(cache).read())
print("told", os.environ["TRAINING_JOB_NAME"], sys.argv[1:], __name__, os.getcwd(), os.environ.get("COLOUR"))
for path in [*places, cache]:
    open(path, "w").write(os.environ["TRAINING_JOB_NAME"])
"""


def kept(seconds: int = 600, kind: str = "ml.t3.medium", **changes: Any) -> dict[str, Any]:
    return {
        "InstanceType": kind,
        "InstanceCount": 1,
        "VolumeSizeInGB": 1,
        "KeepAlivePeriodInSeconds": seconds,
        **changes,
    }


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def pool(jobs: Jobs, name: str) -> dict[str, Any]:
    found: dict[str, Any] = jobs.describe(name).get("WarmPoolStatus", {})
    return found


def ready(jobs: Jobs, **changes: Any) -> str:
    """A job that has left a pool, in which an interpreter waits."""
    job = jobs.run(LOOK, ResourceConfig=kept(), **changes)
    name = str(job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(name))
    assert pool(jobs, name)["Status"] == "Available"
    until(lambda: any(waiting(jobs.clary, name)), "an interpreter waits")
    return name


def waiting(clary: Clary, name: str = "") -> list[Path]:
    """Folders of sandboxes that are there for the next job after this one."""
    return list((clary.home / "jobs").glob(f"{name}*-warm-pool-*/algo-*/run/supervisor/started"))


def told(name: str, *, colour: str = "None") -> str:
    return f"told {name} [] __main__ /opt/ml/code {colour}"


def test_the_next_job_starts_in_an_interpreter_that_has_imported_and_sees_nothing_of_the_last(
    jobs: Jobs,
) -> None:
    first = ready(jobs)
    assert jobs.lines(first) == ["new", "found []", "kept False", told(first)]
    listed = jobs.sagemaker.list_training_jobs(WarmPoolStatusEquals="Available")["TrainingJobSummaries"]
    assert [(each["TrainingJobName"], each["WarmPoolStatus"]["Status"]) for each in listed] == [
        (first, "Available")
    ]
    second = jobs.run(LOOK, ResourceConfig=kept(0))
    name = second["TrainingJobName"]
    assert second["TrainingJobStatus"] == "Completed", (second, jobs.lines(name))
    assert jobs.lines(name) == ["imported", "found []", f"kept {first}", told(name)]
    assert jobs.model_files(second) == {"mine": name.encode()}
    assert "WarmPoolStatus" not in second
    left = pool(jobs, first)
    assert (left["Status"], left["ReusedByJob"]) == ("Reused", name)
    assert left["ResourceRetainedBillableTimeInSeconds"] >= 0
    until(lambda: not waiting(jobs.clary), "nothing is left of it")


def test_a_chain_of_jobs_hands_the_pool_on(jobs: Jobs) -> None:
    first = ready(jobs)
    second = jobs.run(LOOK, ResourceConfig=kept())["TrainingJobName"]
    until(lambda: any(waiting(jobs.clary, second)), "the next one is ready")
    third = jobs.run(LOOK, ResourceConfig=kept())["TrainingJobName"]
    assert [jobs.lines(name)[0] for name in (first, second, third)] == ["new", "imported", "imported"]
    assert [pool(jobs, name).get("ReusedByJob") for name in (first, second, third)] == [second, third, None]
    end(jobs, third)


def end(jobs: Jobs, name: str) -> None:
    jobs.sagemaker.update_training_job(TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    until(lambda: pool(jobs, name)["Status"] == "Terminated", "it ends")
    until(lambda: not any(waiting(jobs.clary, name)), "nothing is left of it")


def test_a_failure_reads_as_any_other(jobs: Jobs) -> None:
    ready(jobs)
    job = jobs.run(
        "import numpy\ndef main():\n    raise ValueError('bad rate')\nmain()\n", ResourceConfig=kept(0)
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert "ValueError: bad rate" in job["FailureReason"]
    lines = jobs.lines(job["TrainingJobName"])
    assert [line for line in lines if line.startswith("  File")] == [
        '  File "/opt/ml/code/train.py", line 4, in <module>', '  File "/opt/ml/code/train.py", line 3, in main',
    ]  # fmt: skip


def test_other_variables_and_modules_of_ones_own_get_a_new_interpreter_in_the_same_pool(jobs: Jobs) -> None:
    for options, line in (
        ({"Environment": {"COLOUR": "blue"}}, "new"),
        ({"files": {"numpy.py": "NAME = 'my own'"}}, "new"),
        ({"files": {"helper.py": "NAME = 'my own'"}}, "imported"),
    ):
        first = ready(jobs)
        job = jobs.run(LOOK, ResourceConfig=kept(0), **options)
        assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(job["TrainingJobName"]))
        assert jobs.lines(job["TrainingJobName"])[0] == line, options
        assert pool(jobs, first)["ReusedByJob"] == job["TrainingJobName"]


def test_an_interpreter_with_the_debuggers_hook_is_for_jobs_with_it(jobs: Jobs) -> None:
    hook = {"DebugHookConfig": {"S3OutputPath": f"s3://{BUCKET}/tensors"}}
    for changes, line in ((hook, "imported"), ({}, "new")):
        first = ready(jobs, **hook)
        job = jobs.run(LOOK + "print(os.listdir('/opt/ml/input/config'))", ResourceConfig=kept(0), **changes)
        lines = jobs.lines(job["TrainingJobName"])
        assert lines[0] == line
        assert ("debughookconfig.json" in lines[-1]) == bool(changes)
        assert pool(jobs, first)["ReusedByJob"] == job["TrainingJobName"]


def test_a_job_that_ends_before_it_runs_leaves_nothing_of_the_pool_that_it_took(jobs: Jobs) -> None:
    first = ready(jobs)
    (started,) = waiting(jobs.clary, first)
    supervisor = Path("/proc", str(json.loads(started.read_text())["pid"]))
    job = jobs.run(source=f"s3://{BUCKET}/nowhere/sourcedir.tar.gz", ResourceConfig=kept(0))
    assert job["TrainingJobStatus"] == "Failed"
    assert pool(jobs, first)["ReusedByJob"] == job["TrainingJobName"]
    until(lambda: not supervisor.exists() and not waiting(jobs.clary, first), "nothing is left of it")


def test_what_does_not_match_does_not_take_it(jobs: Jobs) -> None:
    first = ready(jobs)
    for changes in (
        {"ResourceConfig": kept(0, "ml.m5.large")},
        {"ResourceConfig": kept(0, VolumeSizeInGB=2)},
        {"ResourceConfig": kept(0), "EnableNetworkIsolation": True},
        {"ResourceConfig": kept(0), "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
    ):
        jobs.run(**changes)
        assert pool(jobs, first)["Status"] == "Available", changes
    with pytest.raises(ClientError, match="warm pool that is Available"):
        jobs.sagemaker.delete_training_job(TrainingJobName=first)
    end(jobs, first)
    with pytest.raises(
        ClientError, match="only while the training job's warm pool is Available; it is Terminated"
    ):
        jobs.sagemaker.update_training_job(
            TrainingJobName=first, ResourceConfig={"KeepAlivePeriodInSeconds": 60}
        )
    jobs.sagemaker.delete_training_job(TrainingJobName=first)


def test_it_ends_with_its_period(jobs: Jobs) -> None:
    job = jobs.run(LOOK, ResourceConfig=kept(1))
    name = job["TrainingJobName"]
    until(lambda: pool(jobs, name)["Status"] == "Terminated", "its period is over")
    assert pool(jobs, name)["ResourceRetainedBillableTimeInSeconds"] >= 1
    until(lambda: not any(waiting(jobs.clary, name)), "nothing is left of it")


def test_it_outlives_a_killed_server(own_clary: Clary) -> None:
    jobs = Jobs(own_clary)
    first = ready(jobs)
    own_clary.kill()
    own_clary.start()
    job = jobs.run(LOOK, ResourceConfig=kept())
    name = job["TrainingJobName"]
    assert jobs.lines(name)[0] == "imported"
    assert pool(jobs, first)["ReusedByJob"] == name
    until(lambda: any(waiting(own_clary, name)), "the next one is ready")
    own_clary.kill()
    own_clary.start()
    end(jobs, name)
    until(lambda: not list((own_clary.home / "jobs").iterdir()), "no folder is left")
