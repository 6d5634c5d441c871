"""What the hook saves of real jobs, in S3 while they train, read by `create_trial`."""

from __future__ import annotations

from typing import Any

import pytest
from tests.e2e.test_rules import judged, rule
from tests.support.jobs import BUCKET, Jobs

from clary.clients.calls import Calls
from clary.debugger import Trial, create_trial
from clary.debugger.exceptions import StepUnavailable


def hook(**config: Any) -> dict[str, Any]:
    return {
        "DebugHookConfig": {"S3OutputPath": f"s3://{BUCKET}/debug/", "CollectionConfigurations": [], **config}
    }


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


SAVING = """
import os, signal, sys, time
import numpy as np
from clary_debug.saver import open_saver
saver = open_saver({"losses": []}, ("losses",), 1)
for step in range(3):
    saver.begin("TRAIN")
    saver.save("loss", 1.0 / (step + 1), "losses")
    saver.save("matrix", np.eye(2), "losses")
saver.close()
print("saved", flush=True)
"""
"""The hook, as a framework's callback would drive it."""


def test_tensors_are_read_while_the_job_trains_and_after_it_was_stopped(debug: Jobs) -> None:
    name = debug.start(SAVING + "time.sleep(600)", **hook())
    debug.wait(name, until=["Training"])
    trial = trial_of(name)
    trial.wait_for_steps([0, 1, 2], timeout=60)
    assert trial.tensor("loss").values().keys() == {0, 1, 2}
    assert trial.tensor("matrix").value(1).tolist() == [[1, 0], [0, 1]]
    assert not trial.loaded_all_steps
    debug.sagemaker.stop_training_job(TrainingJobName=name)
    assert debug.wait(name)["TrainingJobStatus"] == "Stopped"
    assert trial.steps() == [0, 1, 2]
    assert trial.loaded_all_steps


def test_a_program_that_was_killed_leaves_all_that_it_had_written(debug: Jobs) -> None:
    script = (
        SAVING
        + """
while not os.path.exists("/opt/ml/output/tensors/index/000000000/000000000002_worker_0.json"):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    name = debug.start(script, **hook())
    assert debug.wait(name)["TrainingJobStatus"] == "Failed"
    trial = trial_of(name)
    assert trial.steps() == [0, 1, 2]
    assert trial.loaded_all_steps
    assert trial.collections().keys() == {"losses"}


def test_broken_and_foreign_objects_are_passed_over_by_readers_and_rules(debug: Jobs) -> None:
    name = debug.run(SAVING.replace("range(3)", "range(8)"), **hook())["TrainingJobName"]
    prefix = f"debug/{name}/debug-output"

    def events(step: int) -> str:
        return f"{prefix}/events/{step:012d}/{step:012d}_worker_0.tfevents"

    def index(step: int) -> str:
        return f"{prefix}/index/000000000/{step:012d}_worker_0.json"

    whole = debug.s3.get_object(Bucket=BUCKET, Key=events(1))["Body"].read()
    for key, data in {
        events(1): whole[:20],
        index(2): b'{"meta": ',
        f"{prefix}/index/notes.txt": b"mine",
    }.items():
        debug.s3.put_object(Bucket=BUCKET, Key=key, Body=data)
    debug.s3.delete_object(Bucket=BUCKET, Key=events(3))
    trial = trial_of(name)
    assert trial.steps() == [0, 1, 3, 4, 5, 6, 7]
    assert trial.tensor("loss").values().keys() == {0, 4, 5, 6, 7}
    assert {problem.removeprefix(f"{prefix}/") for problem in trial.problems} == {
        key.removeprefix(f"{prefix}/")
        for key in (events(1), index(2), events(3), f"{prefix}/index/notes.txt")
    }
    with pytest.raises(StepUnavailable):
        trial.wait_for_steps([2])
    calls = Calls(debug.clary.connection)
    rules = [rule("ExplodingTensor"), rule("LossNotDecreasing", num_steps=2)]
    calls.post("/_clary/rules", {"TrainingJobName": name, "DebugRuleConfigurations": rules})
    found = judged(debug, name)
    assert {each["RuleEvaluationStatus"] for each in found.values()} == {"NoIssuesFound"}, found
    assert "looked at 7 steps" in found["ExplodingTensor"]["StatusDetails"]


def test_of_two_processes_one_saves(debug: Jobs) -> None:
    script = """
import subprocess, sys
open("saving.py", "w").write(sys.argv[0] and PROGRAM)
running = [subprocess.Popen([sys.executable, "saving.py"]) for _ in range(2)]
sys.exit(sum(each.wait() for each in running))
"""
    job = debug.run(script.replace("PROGRAM", repr(SAVING)), **hook())
    assert job["TrainingJobStatus"] == "Completed"
    lines = debug.lines(job["TrainingJobName"])
    assert lines.count("saved") == 2
    assert sum("another process of the job does" in line for line in lines) == 1
    assert trial_of(job["TrainingJobName"]).steps() == [0, 1, 2]


@pytest.mark.parametrize("include", ["one", "all"])
def test_of_two_hosts_one_saves_or_both(debug: Jobs, include: str) -> None:
    config = hook(HookParameters={"include_workers": include})
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = debug.run(SAVING, ResourceConfig=resources, **config)
    assert job["TrainingJobStatus"] == "Completed", debug.lines(job["TrainingJobName"])
    trial = trial_of(job["TrainingJobName"])
    assert trial.steps() == [0, 1, 2]
    assert trial.workers() == ["worker_0", "worker_1"][: 2 if include == "all" else 1]
    assert trial.tensor("loss").workers(1) == trial.workers()
    assert [trial.tensor("loss").value(2, worker=worker).tolist() for worker in trial.workers()] == [
        [pytest.approx(1 / 3)]
    ] * len(trial.workers())


def test_a_bucket_that_is_not_there_costs_the_tensors_only(debug: Jobs) -> None:
    job = debug.run(SAVING, DebugHookConfig={"S3OutputPath": "s3://no-such-bucket-at-all/x"})
    assert job["TrainingJobStatus"] == "Completed"


def test_tensorboards_folder_is_passed_on_and_the_hook_writes_scalars_there(debug: Jobs) -> None:
    script = (
        SAVING
        + """
import json
place = json.load(open("/opt/ml/input/config/tensorboardoutputconfig.json"))["LocalPath"]
os.makedirs(place + "/mine", exist_ok=True)
open(place + "/mine/events.out.tfevents.1", "wb").write(b"whatever it is")
"""
    )
    board = {"TensorBoardOutputConfig": {"S3OutputPath": f"s3://{BUCKET}/board"}}
    name = debug.run(script, **hook(), **board)["TrainingJobName"]
    found = debug.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"board/{name}/tensorboard-output/")["Contents"]
    names = [each["Key"].split("/tensorboard-output/")[1] for each in found]
    assert names == [f"TRAIN/{step:012d}_worker_0.tfevents" for step in range(3)] + [
        "mine/events.out.tfevents.1"
    ]
