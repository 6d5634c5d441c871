"""Several hosts on one machine; spot capacity that is taken away; a platform that fails; what Update and Delete do."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import BUCKET, Jobs


def resources(count: int) -> dict[str, Any]:
    return {"InstanceType": "ml.t3.medium", "InstanceCount": count, "VolumeSizeInGB": 1}


TALK = """
import json, os, socket
host, hosts = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"])
open(os.path.join(os.environ["SM_MODEL_DIR"], host), "w").write(host)
open(os.path.join(os.environ["SM_MODEL_DIR"], "shared"), "w").write(host)
if host == hosts[0]:
    with socket.create_server((host, 29500)) as server:
        said = []
        for _ in hosts[1:]:
            connection, address = server.accept()
            said.append(connection.makefile().readline().strip())
    print("heard", sorted(said))
else:
    while True:
        try:
            connection = socket.create_connection((hosts[0], 29500), timeout=30)
            break
        except ConnectionRefusedError:
            continue
    connection.sendall(host.encode() + b"\\n")
print("done", host, socket.gethostname())
"""


def test_the_hosts_of_two_jobs_talk_on_the_same_port(jobs: Jobs) -> None:
    names = [jobs.start(TALK, ResourceConfig=resources(3)) for _ in range(2)]
    for name in names:
        job = jobs.wait(name)
        lines = jobs.lines(name)
        assert job["TrainingJobStatus"] == "Completed", (job, lines)
        assert "heard ['algo-2', 'algo-3']" in lines
        assert {f"done algo-{n} algo-{n}" for n in (1, 2, 3)} <= set(lines)
        assert jobs.model_files(job) == {
            "algo-1": b"algo-1", "algo-2": b"algo-2", "algo-3": b"algo-3", "shared": b"algo-1",
        }  # fmt: skip


def test_a_host_that_fails_ends_the_job_and_is_named(jobs: Jobs) -> None:
    script = (
        "import os, time\n"
        "if os.environ['SM_CURRENT_HOST'] == 'algo-2': raise RuntimeError('second host')\n"
        "time.sleep(300)"
    )
    job = jobs.run(script, ResourceConfig=resources(2))
    assert job["TrainingJobStatus"] == "Failed"
    assert "RuntimeError: second host" in job["FailureReason"]
    assert job["FailureReason"].endswith("(on algo-2 of 2 hosts)")


def test_instance_groups_are_told_and_share_the_channels(jobs: Jobs) -> None:
    jobs.s3.put_object(Bucket=BUCKET, Key="groups/x", Body=b"x")
    script = (
        "import os\nprint(os.environ['SM_CURRENT_HOST'], os.environ['SM_CURRENT_INSTANCE_GROUP'],"
        " os.environ['SM_CURRENT_INSTANCE_TYPE'], sorted(os.listdir('/opt/ml/input/data')))"
    )
    groups = [
        {"InstanceGroupName": "big", "InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceGroupName": "small", "InstanceType": "ml.t3.medium", "InstanceCount": 2},
    ]
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/groups", "InstanceGroupNames": ["small"]}
    job = jobs.run(
        script,
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
    )
    assert sorted(jobs.lines(job["TrainingJobName"])) == [
        "algo-1 big ml.m5.large []", "algo-2 small ml.t3.medium ['train']", "algo-3 small ml.t3.medium ['train']",
    ], job  # fmt: skip


RESUME = """
import os, time
path = "/opt/ml/checkpoints/step"
first = int(open(path).read()) + 1 if os.path.exists(path) else 0
print("from", first)
for step in range(first, 4):
    open(path + ".new", "w").write(str(step))
    os.replace(path + ".new", path)
    if step == 1 and first == 0:
        time.sleep(300)
"""


def spot(**changes: Any) -> dict[str, Any]:
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
        "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/{time.time_ns()}"},
        **changes,
    }


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(jobs: Jobs) -> None:
    options = spot(Environment={"CLARY_SPOT_INTERRUPTIONS": "1"})
    job = jobs.run(RESUME, **options)
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(job["TrainingJobName"]))
    assert jobs.lines(job["TrainingJobName"]) == ["from 0", "from 2"]
    statuses = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert statuses == [
        "Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading",
        "Completed",
    ]  # fmt: skip
    key = options["CheckpointConfig"]["S3Uri"].removeprefix(f"s3://{BUCKET}/") + "/step"
    assert jobs.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"3"


def test_checkpoints_are_kept_where_the_job_says(jobs: Jobs) -> None:
    prefix = f"checkpoints/{time.time_ns()}"
    jobs.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/deep/before", Body=b"0")
    script = "import os\nprint(open('/opt/ml/mine/deep/before').read())\nopen('/opt/ml/mine/deep/after', 'w').write('1')"
    config = {"S3Uri": f"s3://{BUCKET}/{prefix}", "LocalPath": "/opt/ml/mine"}
    job = jobs.run(script, CheckpointConfig=config)
    assert jobs.lines(job["TrainingJobName"]) == ["0"], job
    assert jobs.s3.get_object(Bucket=BUCKET, Key=f"{prefix}/deep/after")["Body"].read() == b"1"


def test_waiting_has_its_limit(jobs: Jobs) -> None:
    condition = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1}
    job = jobs.run("import time; time.sleep(300)", **spot(StoppingCondition=condition))
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] in ("MaxWaitTimeExceeded", "MaxRuntimeExceeded")


def test_a_job_that_the_platform_lost_is_tried_again(jobs: Jobs) -> None:
    script = "import os, time\nprint('up', flush=True)\nif not os.path.exists('/opt/ml/checkpoints/again'):\n" \
             " open('/opt/ml/checkpoints/again', 'w').close(); time.sleep(300)"  # fmt: skip
    name = jobs.start(
        script,
        RetryStrategy={"MaximumRetryAttempts": 1},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/lost/{time.time_ns()}"},
    )
    _supervisor_dies(jobs, name)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Completed", job
    assert "Restarting" in [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert jobs.lines(name) == ["up", "up"]


def test_a_lost_job_without_retries_says_so(jobs: Jobs) -> None:
    name = jobs.start("import time\nprint('up', flush=True)\ntime.sleep(300)")
    _supervisor_dies(jobs, name)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: the program was lost")


def _supervisor_dies(jobs: Jobs, name: str) -> None:
    until = time.monotonic() + 60
    while "up" not in jobs.lines(name) and time.monotonic() < until:
        time.sleep(0.05)
    (folder,) = (jobs.clary.home / "jobs").glob(f"{name}-*")
    started = json.loads((folder / "algo-1" / "run" / "supervisor" / "started").read_text())
    os.kill(started["pid"], signal.SIGKILL)


def test_delete_takes_an_ended_job_away_and_frees_its_name(jobs: Jobs) -> None:
    name = jobs.start("import time; time.sleep(300)")
    with pytest.raises(ClientError, match="Stop it first"):
        jobs.sagemaker.delete_training_job(TrainingJobName=name)
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    jobs.wait(name)
    jobs.sagemaker.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match="Requested resource not found"):
        jobs.describe(name)
    again = jobs.run("print('again')", TrainingJobName=name)
    assert again["TrainingJobStatus"] == "Completed"


def test_update_changes_a_running_jobs_profiler(jobs: Jobs) -> None:
    name = jobs.start("import time; time.sleep(300)")
    jobs.sagemaker.update_training_job(TrainingJobName=name, ProfilerConfig={"DisableProfiler": True})
    assert jobs.describe(name)["ProfilerConfig"] == {"DisableProfiler": True}
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    jobs.wait(name)
    with pytest.raises(ClientError, match="cannot be updated"):
        jobs.sagemaker.update_training_job(TrainingJobName=name, ProfilerConfig={"DisableProfiler": False})


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("spot without a wait", {"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds above 0 is required"),
    ("a wait that is too short", spot(StoppingCondition={"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 8}), "9"),
    ("a wait without spot", {"StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 9}}, "only when"),
    ("interruptions in words", spot(Environment={"CLARY_SPOT_INTERRUPTIONS": "soon"}), "seconds"),
    ("interruptions without spot", {"Environment": {"CLARY_SPOT_INTERRUPTIONS": "1"}}, "EnableManagedSpotTraining"),
    ("checkpoints nowhere", {"CheckpointConfig": {"S3Uri": "s3://nowhere/x"}}, "nowhere"),
    ("checkpoints over the model", {"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/x", "LocalPath": "/opt/ml/model"}},
     "cannot be used"),
    ("too many hosts", {"ResourceConfig": resources(101)}, "at most 100"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_is_refused(jobs: Jobs, changes: dict[str, Any], words: str) -> None:
    request = jobs.request(**changes)
    with pytest.raises(ClientError, match=words) as raised:
        jobs.sagemaker.create_training_job(**request)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError):
        jobs.describe(request["TrainingJobName"])
