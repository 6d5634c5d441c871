"""`clary logs`: all that a job printed, and why it failed."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Command
from tests.support.jobs import Jobs
from tests.support.process import Clary
from tests.support.processing import Processing


@pytest.fixture(scope="module")
def jobs(clary: Clary) -> Jobs:
    return Jobs(clary)


def test_a_failed_job_shows_its_whole_log_and_what_to_try(command: Command, jobs: Jobs) -> None:
    script = "for n in range(300): print('line', n)\nimport no_such_module"
    name = jobs.start(script)
    shown = command("logs", name, "--follow")
    lines = shown.stdout.splitlines()
    assert [line for line in lines if line.startswith("line ")] == [f"line {n}" for n in range(300)]
    assert "Traceback (most recent call last):" in lines
    assert f"{name}: Failed" in shown.stderr
    assert "list its package in a requirements.txt" in shown.stderr


def test_lines_of_several_hosts_say_whose_they_are(command: Command, jobs: Jobs) -> None:
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = jobs.run("print('here')", ResourceConfig=resources)
    lines = command("logs", job["TrainingJobName"]).stdout.splitlines()
    assert {"algo-1  here", "algo-2  here"} <= set(lines)


def test_a_processing_job(command: Command, clary: Clary) -> None:
    job = Processing(clary).run("print('processed')\nopen('/opt/ml/output/message', 'w').write('fine')")
    shown = command("logs", job["ProcessingJobName"])
    assert shown.stdout.splitlines()[-1] == "processed"
    assert shown.stderr.endswith("Completed\nfine\n")


def test_an_unknown_job(command: Command) -> None:
    assert "There is no training or processing job nothing" in command("logs", "nothing", fails=True).output
