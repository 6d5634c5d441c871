"""What the hook saves of real jobs, in S3 while they train, read by `create_trial`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import IMAGE, Clary

from clary.debugger import ModeKeys, Trial, create_trial



@pytest.fixture
def debug(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs, and a process in which boto3 finds their server."""
    for name, value in jobs.clary.environment({}).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return jobs


def hook(**config: Any) -> dict[str, Any]:
    return {"DebugHookConfig": {"S3OutputPath": f"s3://{BUCKET}/debug/", "CollectionConfigurations": [], **config}}


def trial_of(name: str) -> Trial:
    return create_trial(f"s3://{BUCKET}/debug/{name}/debug-output")


def keys(jobs: Jobs, name: str) -> list[str]:
    found = jobs.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"debug/{name}/").get("Contents", [])
    return [each["Key"].removeprefix(f"debug/{name}/") for each in found]


def test_a_job_that_imports_no_framework_saves_only_its_end(debug: Jobs) -> None:
    job = debug.run("import json, sys; print(sorted(m for m in sys.modules if 'clary_debug' in m))", **hook())
    assert job["TrainingJobStatus"] == "Completed"
    assert job["DebugHookConfig"] == hook()["DebugHookConfig"]
    assert keys(debug, job["TrainingJobName"]) == ["debug-output/training_job_end.ts"]
    trial = trial_of(job["TrainingJobName"])
    assert trial.tensor_names() == []
    assert trial.loaded_all_steps


def test_without_a_configuration_there_is_no_hook(debug: Jobs) -> None:
    job = debug.run("import sys; print('hooked' if 'clary_debug' in sys.modules else 'free')")
    assert debug.lines(job["TrainingJobName"]) == ["free"]
