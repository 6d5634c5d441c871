"""More clients wait for jobs' ends than the server has threads: the jobs run all the same, and every wait ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from tests.support.jobs import Jobs
from tests.support.process import IMAGE, Clary

JOBS = 40
"""More than the gateway has threads for operations."""
RUN = {
    "TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/sh", "-c", "echo ran"],
}  # fmt: skip


def at_once(calls: list[Callable[[], None]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def test_waits_hold_nothing_that_jobs_need(tmp_path: Path) -> None:
    with Clary(tmp_path / "home", job_cpus="4", describe_wait="600") as clary:
        jobs = Jobs(clary)
        source = jobs.source("")
        # The first one holds all that there is until the waits are there.
        gate = {**RUN, "ContainerEntrypoint": ["/bin/sh", "-c", "sleep 600"]}
        first = jobs.start(source=source, AlgorithmSpecification=gate, instance_type="ml.m5.24xlarge")
        jobs.wait(first, until=("Training",))
        names = [jobs.start(source=source, AlgorithmSpecification=RUN) for _ in range(JOBS)]
        sdk = clary.client(
            "sagemaker", user_agent_extra="sagemaker-python-sdk/2.0", max_pool_connections=JOBS
        )
        found: dict[str, str] = {}
        asked = threading.Barrier(JOBS + 1)

        def wait(name: str) -> None:
            asked.wait()
            found[name] = sdk.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]

        waits = at_once([lambda name=name: wait(name) for name in names])  # type: ignore[misc]
        asked.wait()
        tails = [
            clary.client("logs", inject_host_prefix=False).start_live_tail(
                logGroupIdentifiers=[
                    "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/TrainingJobs"
                ]
            )["responseStream"]
            for _ in range(8)
        ]
        assert jobs.describe(names[0])["TrainingJobStatus"] == "InProgress", (
            "who does not wait is answered at once"
        )
        jobs.sagemaker.stop_training_job(TrainingJobName=first)
        for thread in waits:
            thread.join(300)
        assert found == dict.fromkeys(names, "Completed")
        assert all(jobs.lines(name) == ["ran"] for name in names[::10])
        for tail in tails:
            tail.close()
