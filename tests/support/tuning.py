"""Tuning jobs for tests: a script and ranges in, the tuning job's end out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.jobs import ENDED, Jobs

SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float); parser.add_argument("--depth", type=int); parser.add_argument("--kind")
given, _ = parser.parse_known_args()
print("loss: %.6f" % (abs(given.rate - 0.1) + abs(given.depth - 4) / 10))
"""
RANGES = {
    "ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0.001", "MaxValue": "1", "ScalingType": "Logarithmic"}],
    "IntegerParameterRanges": [{"Name": "depth", "MinValue": "2", "MaxValue": "8"}],
    "CategoricalParameterRanges": [{"Name": "kind", "Values": ['"a"', '"b"']}],
}  # fmt: skip
GRID = {"CategoricalParameterRanges": [
    {"Name": "rate", "Values": ["0.1", "0.2"]}, {"Name": "depth", "Values": ["3", "4"]},
]}  # fmt: skip
LOSS = {"loss": r"loss: ([0-9.]+)"}


class Tunings:
    def __init__(self, jobs: Jobs) -> None:
        self.jobs, self.sagemaker = jobs, jobs.sagemaker

    def definition(
        self, script: str = SCRIPT, static: Mapping[str, Any] | None = None, source: str = ""
    ) -> dict[str, Any]:
        request = self.jobs.request(script, metrics=LOSS, hyperparameters=static, source=source)
        request["StaticHyperParameters"] = request.pop("HyperParameters")
        del request["TrainingJobName"]
        return request

    def request(self, script: str = SCRIPT, *, strategy: str = "Random", ranges: Mapping[str, Any] = RANGES,
                jobs: int = 4, parallel: int = 2, static: Mapping[str, Any] | None = None, source: str = "",
                config: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:  # fmt: skip
        return {
            "HyperParameterTuningJobName": f"t-{time.time_ns()}",
            "HyperParameterTuningJobConfig": {
                "Strategy": strategy,
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
                "ParameterRanges": dict(ranges),
                "RandomSeed": 1,
                **(config or {}),
            },
            "TrainingJobDefinition": self.definition(script, static, source),
            **changes,
        }

    def start(self, *args: Any, **options: Any) -> str:
        request = self.request(*args, **options)
        self.sagemaker.create_hyper_parameter_tuning_job(**request)
        return str(request["HyperParameterTuningJobName"])

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name
        )
        return found

    def wait(self, name: str, until: Sequence[str] = tuple(ENDED), seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            job = self.describe(name)
            if job["HyperParameterTuningJobStatus"] in until:
                return job
            if job["HyperParameterTuningJobStatus"] in ENDED or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not get to {until}: {job}\n{self.jobs.clary.log[-4000:]}")
            time.sleep(0.1)

    def run(self, *args: Any, **options: Any) -> dict[str, Any]:
        return self.wait(self.start(*args, **options))

    def training_jobs(self, name: str, **options: Any) -> list[dict[str, Any]]:
        pages = self.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
            HyperParameterTuningJobName=name, **options
        )
        return [summary for page in pages for summary in page["TrainingJobSummaries"]]
