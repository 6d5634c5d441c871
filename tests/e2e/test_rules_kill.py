"""A server that is killed while rules judge: the next one goes on, and StopTraining still stops the job."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.e2e.test_rules import TRAIN, judged, request, rule
from tests.support.jobs import Jobs
from tests.support.process import Clary

pytestmark = pytest.mark.slow


def test_evaluations_survive_the_server(tmp_path: Path) -> None:
    clary = Clary(tmp_path / "home").start()
    try:
        jobs = Jobs(clary)
        stopping = rule(
            "LossNotDecreasing", num_steps=100, mode="TRAIN", action_json='[{"name": "stoptraining"}]'
        )
        name = jobs.start(TRAIN, hyperparameters={"learning-rate": 0.0, "forever": 1}, **request(stopping))
        jobs.wait(name, until=("Training",))
        clary.kill()
        time.sleep(1)
        clary.start()
        jobs.sagemaker, jobs.s3, jobs.logs = (clary.client(each) for each in ("sagemaker", "s3", "logs"))
        assert jobs.wait(name)["TrainingJobStatus"] == "Stopped"
        found = judged(jobs, name)["LossNotDecreasing"]
        assert found["RuleEvaluationStatus"] == "IssuesFound"
        assert found["StatusDetails"].count(f"StopTraining: {name} is stopped.") == 1
    finally:
        clary.stop()
