"""SDK v2's Debugger, unchanged: `Rule.sagemaker`, actions and `ProfilerRule`, for which the default evaluator's
environment is built; `DebuggerHookConfig`, `CollectionConfig`, `TensorBoardOutputConfig`, and the profiler as it
comes, turned off and on and given a rule.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from tests.support.clients import Client, client_python
from tests.support.process import Clary

from clary.debugger import create_trial

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


SAVE = """
import os, time
from clary_debug.saver import open_saver
saver = open_saver({"losses": []}, ("losses",))
for step in range(7):
    saver.begin("TRAIN")
    for name in ("loss", "mine/x", "yours/x"):
        saver.save(name, 1.0 / (step + 1), "losses" if name == "loss" else "")
saver.close()
place = "/opt/ml/output/tensorboard"
os.makedirs(place, exist_ok=True)
open(place + "/events.out.tfevents.mine", "wb").write(b"anything")
time.sleep(600)
"""
CONFIGURED = """
import time
import sagemaker
from sagemaker.debugger import (
    CollectionConfig, DebuggerHookConfig, ProfilerRule, TensorBoardOutputConfig, rule_configs)
from sagemaker.sklearn import SKLearn

session = sagemaker.Session()
bucket = session.default_bucket()
estimator = SKLearn(
    entry_point="train.py", source_dir="source", framework_version="1.2-1", py_version="py3",
    instance_type="ml.m5.large", role=sagemaker.get_execution_role(),
    debugger_hook_config=DebuggerHookConfig(
        s3_output_path=f"s3://{bucket}/debug", hook_parameters={"save_interval": "2"},
        collection_configs=[CollectionConfig("mine", parameters={"include_regex": "^mine", "save_interval": "3"})]),
    tensorboard_output_config=TensorBoardOutputConfig(s3_output_path=f"s3://{bucket}/board"))
estimator.fit(wait=False)
job = estimator.latest_training_job
def until(done):
    for _ in range(1200):
        found = job.describe()
        if done(found):
            return found
        time.sleep(0.2)
    raise SystemExit(f"not in time: {found}")
until(lambda found: found["SecondaryStatus"] == "Training")
print("PROFILING", job.describe()["ProfilingStatus"])
estimator.disable_profiling()
print("PROFILING", job.describe()["ProfilingStatus"])
estimator.enable_default_profiling()
print("PROFILING", job.describe()["ProfilingStatus"])
print("DEBUGGER", estimator.latest_job_debugger_artifacts_path())
print("PROFILER", estimator.latest_job_profiler_artifacts_path())
print("BOARD", estimator.latest_job_tensorboard_artifacts_path())
estimator.update_profiler(
    rules=[ProfilerRule.sagemaker(rule_configs.MaxInitializationTime())], system_monitor_interval_millis=100)
print("RULES", [each["RuleConfigurationName"] for each in job.describe()["ProfilerRuleEvaluationStatuses"]])
time.sleep(3)
session.stop_training_job(job.name)
until(lambda found: found["TrainingJobStatus"] == "Stopped")
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("rules") / "home") as server:
        yield server


def run(clary: Clary, folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, script: str) -> str:
    """What the script printed, run beside `source/train.py`."""
    (folder / "source").mkdir()
    (folder / "source" / "train.py").write_text(source)
    monkeypatch.chdir(folder)
    connection = clary.connection
    client = Client(folder / "user", connection.url, (connection.access_key, connection.secret_key))
    command = [str(client_python("v2")), "-c", script]
    done = subprocess.run(command, env=client.environ(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configurations_and_artifacts_of_sdk_v2(
    clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, list[str]] = {}
    for line in run(clary, tmp_path, monkeypatch, SAVE, CONFIGURED).splitlines():
        word, _, rest = line.partition(" ")
        told.setdefault(word, []).append(rest)
    assert told["PROFILING"] == ["Enabled", "Disabled", "Enabled"]
    assert told["RULES"] == ["['MaxInitializationTime']"]
    for name, value in clary.environment({}).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    trial = create_trial(told["DEBUGGER"][0])
    assert trial.tensor("loss").steps() == [0, 2, 4, 6]
    assert trial.tensor("mine/x").steps() == [0, 3, 6]
    assert trial.tensor_names(collection="mine") == ["mine/x"]
    assert trial.loaded_all_steps

    def keys(uri: str) -> list[str]:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        found = clary.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix + "/").get("Contents", ())
        return [each["Key"].removeprefix(prefix + "/") for each in found]

    assert keys(told["PROFILER"][0])
    assert all(key.startswith("system/incremental/") for key in keys(told["PROFILER"][0]))
    assert "events.out.tfevents.mine" in keys(told["BOARD"][0])
    assert any(key.startswith("TRAIN/") for key in keys(told["BOARD"][0])), "the hook's scalars"


def test_rules_and_actions_of_sdk_v2(clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = run(clary, tmp_path, monkeypatch, TRAIN, SCRIPT)
    assert "STATUS Stopped" in out, out
    assert "RULE LossNotDecreasing IssuesFound RuleEvaluationConditionMet: " in out, out
    assert "E-mail to a@b.com: recorded here" in out
    assert "RULE ExplodingTensor NoIssuesFound" in out
    assert "RULE ProfilerReport " in out
    name = out.split("PATHS s3://")[1].split("/")[1]
    s3 = clary.client("s3")
    bucket = out.split("PATHS s3://")[1].split("/")[0]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=f"{name}/")["Contents"]]
    assert f"{name}/rule-output/ProfilerReport/profiler-output/profiler-report.html" in keys
    assert any(key.startswith(f"{name}/profiler-output/system/incremental/") for key in keys)
