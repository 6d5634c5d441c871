"""SDK v2's `Rule.sagemaker`, actions and `ProfilerRule`, unchanged: the default evaluator's environment is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import Clary

pytestmark = pytest.mark.slow

TRAIN = """
import os, sys, time
from clary_debug.format import writer
folder = os.path.join(os.environ.get("CLARY_ML_ROOT", "/opt/ml"), "output", "tensors")
writer.write_collections(folder, {"losses": {"name": "losses", "include_regex": ["loss"], "tensor_names": []}})
for step in range(6000):
    file = writer.StepFile(folder, step)
    file.add("loss", 1.0, "TRAIN", step, time.time())
    file.close()
    time.sleep(0.05)
"""
SCRIPT = """
import time
import sagemaker
from sagemaker.debugger import DebuggerHookConfig, ProfilerConfig, ProfilerRule, Rule, rule_configs
from sagemaker.sklearn import SKLearn

rules = [
    Rule.sagemaker(rule_configs.loss_not_decreasing(), rule_parameters={"num_steps": "5"},
                   actions=rule_configs.ActionList(rule_configs.StopTraining(), rule_configs.Email("a@b.com"))),
    Rule.sagemaker(rule_configs.exploding_tensor()),
    ProfilerRule.sagemaker(rule_configs.ProfilerReport(CPUBottleneck_threshold=90)),
]
estimator = SKLearn(entry_point="train.py", source_dir="source", framework_version="1.2-1", py_version="py3",
                    instance_type="ml.m5.large", role=sagemaker.get_execution_role(), rules=rules,
                    debugger_hook_config=DebuggerHookConfig(),
                    profiler_config=ProfilerConfig(system_monitor_interval_millis=500))
estimator.fit(wait=False)
job = estimator.latest_training_job
for _ in range(600):
    described = job.describe()
    summary = job.rule_job_summary()
    if described["TrainingJobStatus"] != "InProgress" and not any(
            rule["RuleEvaluationStatus"] == "InProgress" for rule in summary):
        break
    time.sleep(0.2)
print("STATUS", described["TrainingJobStatus"])
for rule in summary:
    print("RULE", rule["RuleConfigurationName"], rule["RuleEvaluationStatus"], rule.get("StatusDetails"))
print("PATHS", estimator.latest_job_debugger_artifacts_path(), estimator.latest_job_profiler_artifacts_path())
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("rules") / "home") as server:
        yield server


def test_rules_and_actions_of_sdk_v2(clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)
    connection = clary.connection
    client = Client(tmp_path / "user", connection.url, (connection.access_key, connection.secret_key))
    done = client.script(client_python("v2"), SCRIPT)
    assert "STATUS Stopped" in done.stdout, done.stdout
    assert "RULE LossNotDecreasing IssuesFound RuleEvaluationConditionMet: " in done.stdout, done.stdout
    assert "E-mail to a@b.com: recorded here" in done.stdout
    assert "RULE ExplodingTensor NoIssuesFound" in done.stdout
    assert "RULE ProfilerReport " in done.stdout
    name = done.stdout.split("PATHS s3://")[1].split("/")[1]
    s3 = clary.client("s3")
    bucket = done.stdout.split("PATHS s3://")[1].split("/")[0]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=f"{name}/")["Contents"]]
    assert f"{name}/rule-output/ProfilerReport/profiler-output/profiler-report.html" in keys
    assert any(key.startswith(f"{name}/profiler-output/system/incremental/") for key in keys)
