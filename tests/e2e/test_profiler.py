"""The profiler on a real training: metrics in AWS's layout, the report, and nothing where nothing is asked."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.clients import client_python
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import IMAGE

WORK = """
import os, time
import numpy as np
from clary_debug.format import writer
folder = os.path.join(os.environ.get("CLARY_ML_ROOT", "/opt/ml"), "output", "tensors")
writer.write_collections(folder, {"losses": {"name": "losses", "include_regex": ["loss"], "tensor_names": []}})
ends, step = time.time() + 2, 0
while time.time() < ends:
    np.linalg.inv(np.random.rand(200, 200))
    file = writer.StepFile(folder, step)
    file.add("loss", 1.0 / (step + 1), "TRAIN", step, time.time())
    file.close()
    step += 1
print("steps", step)
"""
CONFIG = {"S3OutputPath": f"s3://{BUCKET}/profiles"}
READ = """
import json, sys
from smdebug.profiler.system_metrics_reader import LocalSystemMetricsReader
from smdebug.profiler.utils import TimeUnits
events = LocalSystemMetricsReader(sys.argv[1]).get_events(0, 4e9, unit=TimeUnits.SECONDS)
print("TOLD", json.dumps(sorted({(e.type, e.name, e.dimension, e.node_id) for e in events})))
"""


def rule(name: str, called: str = "", **parameters: str) -> dict[str, Any]:
    return {
        "RuleConfigurationName": called or name,
        "RuleEvaluatorImage": IMAGE,
        "RuleParameters": {"rule_to_invoke": name, **parameters},
    }


def judged(jobs: Jobs, name: str) -> dict[str, dict[str, Any]]:
    until = time.monotonic() + 120
    while True:
        found = jobs.describe(name)["ProfilerRuleEvaluationStatuses"]
        if all(each["RuleEvaluationStatus"] not in ("InProgress", "Stopping") for each in found):
            return {each["RuleConfigurationName"]: each for each in found}
        assert time.monotonic() < until, (found, jobs.clary.log[-4000:])
        time.sleep(0.1)


def keys(jobs: Jobs, prefix: str) -> list[str]:
    pages = jobs.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", ())]


def test_a_profiled_job_and_its_report(jobs: Jobs) -> None:
    job = jobs.run(
        WORK,
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"},
        ProfilerConfig={**CONFIG, "ProfilingIntervalInMilliseconds": 100},
        ProfilerRuleConfigurations=[rule("ProfilerReport"), rule("LowGPUUtilization"), rule("StepOutlier")],
    )
    name = job["TrainingJobName"]
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(name))
    assert job["ProfilingStatus"] == "Enabled"
    found = judged(jobs, name)
    assert found["LowGPUUtilization"]["RuleEvaluationStatus"] == "NoIssuesFound"
    assert "no GPU" in found["LowGPUUtilization"]["StatusDetails"]
    assert found["ProfilerReport"]["RuleEvaluationStatus"] in ("NoIssuesFound", "IssuesFound")

    metrics = keys(jobs, f"profiles/{name}/profiler-output/system/")
    pattern = rf"profiles/{name}/profiler-output/system/incremental/\d{{10}}/\d{{10}}\.algo-1\.json"
    assert metrics
    assert all(re.fullmatch(pattern, key) for key in metrics)
    own = [
        each["Value"] for each in samples(jobs, name)
        if each["Type"] == "job" and each["Dimension"] == "CPUUtilization"
    ]  # fmt: skip
    assert max(own) > 0, "the job's own processes are found, sandboxed or not"

    report = f"output/{name}/rule-output/ProfilerReport/profiler-output/profiler-report.html"
    page = jobs.s3.get_object(Bucket=BUCKET, Key=report)["Body"].read().decode()
    assert name in page
    assert "TRAIN" in page, "the steps' durations"


@pytest.mark.slow
def test_smdebug_reads_the_metrics(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.run(
        "import time; time.sleep(1)", ProfilerConfig={**CONFIG, "ProfilingIntervalInMilliseconds": 100}
    )
    prefix = f"profiles/{job['TrainingJobName']}/"
    for key in keys(jobs, prefix):
        path = tmp_path / key.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jobs.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    told = subprocess.run(
        [str(client_python("smdebug")), "-c", READ, str(tmp_path / "profiler-output")], capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.split("TOLD ", 1)[1])
    assert ["cpu", "cpu0", "CPUUtilization", "algo-1"] in found
    assert ["memory", "MemoryUsedPercent", "", "algo-1"] in found


UNEVEN = """
import os, time
from clary_debug.format import writer
time.sleep(1.5)
folder = os.path.join(os.environ.get("CLARY_ML_ROOT", "/opt/ml"), "output", "tensors")
writer.write_collections(folder, {"losses": {"name": "losses", "include_regex": ["loss"], "tensor_names": []}})
for step in range(60):
    file = writer.StepFile(folder, step)
    file.add("loss", 1.0 / (step + 1), "TRAIN", step, time.time())
    file.close()
    time.sleep(0.5 if step % 20 == 10 else 0.01)
"""
"""Starts slowly; three steps of sixty take fifty times as long as the others."""


def test_rules_about_steps_on_a_real_profile(jobs: Jobs) -> None:
    rules = [
        rule("StepOutlier", "outliers", n_outliers="2", stddev="2"),
        rule("StepOutlier", "few outliers", n_outliers="50"),
        rule("MaxInitializationTime", "slow", threshold="0.01"),
        rule("MaxInitializationTime", "in time"),
        rule("OverallSystemUsage"),
    ]
    job = jobs.run(
        UNEVEN,
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"},
        ProfilerConfig={**CONFIG, "ProfilingIntervalInMilliseconds": 100},
        ProfilerRuleConfigurations=[
            {**each, "RuleConfigurationName": each["RuleConfigurationName"].replace(" ", "-")}
            for each in rules
        ],
    )
    found = judged(jobs, job["TrainingJobName"])
    assert {name: each["RuleEvaluationStatus"] for name, each in found.items()} == {
        "outliers": "IssuesFound", "few-outliers": "NoIssuesFound", "slow": "IssuesFound", "in-time": "NoIssuesFound",
        "OverallSystemUsage": "NoIssuesFound",
    }, found  # fmt: skip
    assert re.search(r"of \d+ TRAIN steps took longer", found["outliers"]["StatusDetails"]), found  # so far
    assert "looked at" in found["OverallSystemUsage"]["StatusDetails"]


def samples(jobs: Jobs, name: str, place: str = "profiles") -> list[dict[str, Any]]:
    """What was recorded of a job, in order of time."""
    found = []
    for key in keys(jobs, f"{place}/{name}/profiler-output/system/"):
        body = jobs.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        found += [json.loads(line) for line in body.splitlines()]
    return sorted(found, key=lambda each: float(each["Timestamp"]))


def test_what_sdks_send_unasked_records_every_half_second(jobs: Jobs) -> None:
    job = jobs.run("import time; time.sleep(1.2)", ProfilerConfig={**CONFIG, "DisableProfiler": False})
    assert job["ProfilingStatus"] == "Enabled"
    assert "ProfilerRuleEvaluationStatuses" not in job
    assert len({each["Timestamp"] for each in samples(jobs, job["TrainingJobName"])}) >= 2


@pytest.mark.parametrize(
    "config", [{}, {"ProfilerConfig": {**CONFIG, "DisableProfiler": True}}], ids=["none", "off"]
)
def test_without_a_profiler_nothing_is_recorded(jobs: Jobs, config: dict[str, Any]) -> None:
    job = jobs.run("import time; time.sleep(0.6)", **config)
    assert job.get("ProfilingStatus", "Disabled") == "Disabled"
    assert keys(jobs, f"profiles/{job['TrainingJobName']}/") == []


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "an odd interval",
        {"ProfilerConfig": {**CONFIG, "ProfilingIntervalInMilliseconds": 300}},
        "must be one of 100",
    ),
    ("a rule without a place", {"ProfilerRuleConfigurations": [rule("BatchSize")]}, "need a ProfilerConfig"),
]


@pytest.mark.parametrize(
    ("changes", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_refused(jobs: Jobs, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError) as raised:
        jobs.sagemaker.create_training_job(**jobs.request(**changes))
    assert words in raised.value.response["Error"]["Message"]


def test_a_running_jobs_profiler_is_turned_off_and_on_and_given_rules(jobs: Jobs) -> None:
    name = jobs.start("import time; time.sleep(300)", ProfilerConfig={"DisableProfiler": True})
    jobs.wait(name, until=("Training",))

    def update(**changes: Any) -> str:
        jobs.sagemaker.update_training_job(TrainingJobName=name, **changes)
        return str(jobs.describe(name)["ProfilingStatus"])

    def recorded(more_than: int) -> list[dict[str, Any]]:
        until = time.monotonic() + 60
        while len(found := samples(jobs, name)) <= more_than:
            assert time.monotonic() < until, jobs.clary.log[-4000:]
            time.sleep(0.2)
        return found

    with pytest.raises(ClientError, match="need a ProfilerConfig"):
        update(ProfilerRuleConfigurations=[rule("BatchSize")])
    config = {**CONFIG, "ProfilingIntervalInMilliseconds": 100, "DisableProfiler": False}
    assert update(ProfilerConfig=config) == "Enabled"
    assert update(ProfilerRuleConfigurations=[rule("BatchSize")]) == "Enabled"
    assert [
        each["RuleConfigurationName"] for each in jobs.describe(name)["ProfilerRuleEvaluationStatuses"]
    ] == ["BatchSize"]
    with pytest.raises(ClientError, match="'BatchSize' is there 2 times"):
        update(ProfilerRuleConfigurations=[rule("BatchSize")])
    with pytest.raises(ClientError, match="cannot be changed once it is set"):
        update(ProfilerConfig={"S3OutputPath": f"s3://{BUCKET}/elsewhere"})
    with pytest.raises(ClientError, match="must be one of 100"):
        update(ProfilerConfig={"ProfilingIntervalInMilliseconds": 300})
    recorded(0)
    assert update(ProfilerConfig={"DisableProfiler": True}) == "Disabled"
    assert judged(jobs, name)["BatchSize"]["RuleEvaluationStatus"] == "Stopped"
    off = time.time() + 0.5
    assert update(ProfilerConfig={"DisableProfiler": False}) == "Enabled"
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    assert jobs.wait(name)["TrainingJobStatus"] == "Stopped"
    assert samples(jobs, name)[-1]["Timestamp"] > off - 0.5, "it goes on after it was turned on again"
