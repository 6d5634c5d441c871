"""Training jobs as boto3 sees them, run for real by a server that a user would start."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import Clary

EPOCHS = """
import json, os, time
for epoch in range(1, 6):
    print("epoch", epoch, "loss: %.2f" % (1 / epoch))
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"), "w") as file:
    json.dump({"epochs": 5}, file)
with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "report.txt"), "w") as file:
    file.write("done")
"""


def test_a_job_trains_and_leaves_its_model_log_and_metrics(jobs: Jobs) -> None:
    job = jobs.run(EPOCHS, metrics={"loss": r"loss: ([0-9\.]+)"})
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert [t["Status"] for t in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    name = job["TrainingJobName"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/output/{name}/output/model.tar.gz"
    assert jobs.model_files(job) == {"model.json": b'{"epochs": 5}'}
    assert jobs.unpack(f"s3://{BUCKET}/output/{name}/output/output.tar.gz") == {"report.txt": b"done"}
    assert jobs.lines(name) == [f"epoch {n} loss: {1 / n:.2f}" for n in range(1, 6)]
    assert [(m["MetricName"], round(m["Value"], 4)) for m in job["FinalMetricDataList"]] == [("loss", 0.2)]
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1


def test_hyperparameters_channels_and_environment_arrive(jobs: Jobs) -> None:
    jobs.s3.put_object(Bucket=BUCKET, Key="data/train/part/one.csv", Body=b"1,2\n")
    jobs.s3.put_object(Bucket=BUCKET, Key="data/train/two.csv", Body=b"3,4\n")
    script = """
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float); parser.add_argument("--model"); parser.add_argument("--epochs", type=int)
print(parser.parse_args())
for folder, _, files in sorted(os.walk(os.environ["SM_CHANNEL_TRAINING"])):
    for name in files: print(open(os.path.join(folder, name)).read().strip())
print(os.environ["COLOUR"], os.environ["SM_CURRENT_HOST"], os.environ["TRAINING_JOB_NAME"])
"""
    channel = {
        "ChannelName": "training",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/train",
                                        "S3DataDistributionType": "FullyReplicated"}},
    }  # fmt: skip
    job = jobs.run(script, hyperparameters={"learning-rate": 0.1, "model": "resnet", "epochs": 3},
                   InputDataConfig=[channel], Environment={"COLOUR": "blue"})  # fmt: skip
    name = job["TrainingJobName"]
    assert jobs.lines(name) == [
        "Namespace(learning_rate=0.1, model='resnet', epochs=3)", "3,4", "1,2", f"blue algo-1 {name}",
    ]  # fmt: skip


def test_a_job_reaches_clary_as_its_role(jobs: Jobs) -> None:
    job = jobs.run("import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])")
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(job["TrainingJobName"]))
    assert jobs.lines(job["TrainingJobName"])[0].startswith(
        "arn:aws:sts::123456789012:assumed-role/SageMakerRole/"
    )


def test_a_script_that_raises_fails_with_its_traceback(jobs: Jobs) -> None:
    job = jobs.run("def main():\n    raise ValueError('learning rate must be positive')\nmain()\n")
    assert job["TrainingJobStatus"] == "Failed"
    assert "ValueError: learning rate must be positive" in job["FailureReason"]
    assert job["FailureReason"].startswith("AlgorithmError")
    assert "ModelArtifacts" not in job or not job["ModelArtifacts"]


def test_a_script_that_the_archive_lacks(jobs: Jobs) -> None:
    job = jobs.run("pass", hyperparameters={"sagemaker_program": "absent.py"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "absent.py" in job["FailureReason"]
    assert "train.py" in job["FailureReason"], "it says what the archive holds"


def test_a_stop_keeps_what_was_made(jobs: Jobs) -> None:
    name = jobs.start(
        "import os, signal, sys, time\n"
        "def end(*_):\n    open(os.environ['SM_MODEL_DIR'] + '/half', 'w').write('1'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('ready')\ntime.sleep(300)\n"
    )
    jobs.wait(name, until=("Training",))
    deadline = time.monotonic() + 30
    while "ready" not in jobs.lines(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert jobs.model_files(job) == {"half": b"1"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        jobs.sagemaker.stop_training_job(TrainingJobName=name)


def test_max_runtime_ends_a_job(jobs: Jobs) -> None:
    job = jobs.run("import time\ntime.sleep(300)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_larger_instance_runs_on_what_there_is_and_says_so(jobs: Jobs) -> None:
    job = jobs.run("print('trained')", instance_type="ml.p4d.24xlarge")
    assert job["TrainingJobStatus"] == "Completed"
    said = " ".join(t["StatusMessage"] for t in job["SecondaryStatusTransitions"])
    assert "ml.p4d.24xlarge has 96 CPUs, 768 GiB of memory and 8 GPUs" in said


def test_listing_sorts_filters_and_pages(jobs: Jobs) -> None:
    prefix = f"listed-{time.time_ns()}"
    for index in range(3):
        jobs.sagemaker.create_training_job(**jobs.request(TrainingJobName=f"{prefix}-{index}"))
    pages = jobs.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=prefix, SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    found = [[s["TrainingJobName"] for s in page["TrainingJobSummaries"]] for page in pages]
    assert found == [[f"{prefix}-0", f"{prefix}-1"], [f"{prefix}-2"]]
    for index in range(3):
        jobs.wait(f"{prefix}-{index}")


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("a bad name", {"TrainingJobName": "no_underscores"}, "ValidationException", "trainingJobName"),
    ("an unknown role", {"RoleArn": "arn:aws:iam::123456789012:role/Nobody"}, "ValidationException", "Could not assume role"),
    ("an unknown bucket", {"OutputDataConfig": {"S3OutputPath": "s3://nowhere/out"}}, "ValidationException", "nowhere"),
    ("no data", {"InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {
        "S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/empty/"}}}]}, "ValidationException", "No S3 objects found"),
    ("a bad pattern", {"AlgorithmSpecification": {"TrainingImage": "x/plain:1", "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss: ([0-9"}]}}, "ValidationException", "regular expression"),
    ("too many channels", {"InputDataConfig": [
        {"ChannelName": f"c{n}", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}"}}}
        for n in range(21)]}, "ValidationException", "inputDataConfig"),
    ("too long a runtime", {"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "ValidationException", "maxRuntimeInSeconds"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_wrong_is_refused_and_leaves_nothing(
    jobs: Jobs, changes: dict[str, Any], code: str, words: str
) -> None:
    sagemaker = jobs.clary.client("sagemaker", parameter_validation=False)
    request = jobs.request(**changes)
    components = len(sagemaker.list_trial_components(MaxResults=100)["TrialComponentSummaries"])
    with pytest.raises(ClientError) as raised:
        sagemaker.create_training_job(**request)
    assert raised.value.response["Error"]["Code"] == code
    assert words in raised.value.response["Error"]["Message"]
    assert len(sagemaker.list_trial_components(MaxResults=100)["TrialComponentSummaries"]) == components
    with pytest.raises(ClientError):
        sagemaker.describe_training_job(TrainingJobName=request["TrainingJobName"])


TRUSTED = [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
]
FOREIGN = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]


@pytest.mark.parametrize(
    ("trust", "action", "words"),
    [
        (FOREIGN, "", "Could not assume role"),
        (TRUSTED, "s3:GetObject", "is not allowed to perform s3:GetObject on arn:aws:s3:::jobs/secret"),
        (TRUSTED, "s3:Put*", "is not allowed to perform s3:PutObject on arn:aws:s3:::jobs/output/"),
        (TRUSTED, "", ""),
    ],
    ids=["SageMaker may not assume it", "no reading", "no writing", "nothing denied"],
)
def test_a_role_without_access(jobs: Jobs, trust: list[dict[str, Any]], action: str, words: str) -> None:
    iam, name = jobs.clary.client("iam"), f"role-{time.time_ns()}"
    policy = {"Version": "2012-10-17", "Statement": trust}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"]
    if action:
        deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        iam.put_role_policy(RoleName=name, PolicyName="none", PolicyDocument=document)
    jobs.s3.put_object(Bucket=BUCKET, Key="secret/one", Body=b"1")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/secret"}
    request = jobs.request(
        RoleArn=role, InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    )
    if not words:
        jobs.sagemaker.create_training_job(**request)
        assert jobs.wait(request["TrainingJobName"])["TrainingJobStatus"] == "Completed"
        return
    with pytest.raises(ClientError) as raised:
        jobs.sagemaker.create_training_job(**request)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert words in raised.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="not found"):
        jobs.describe(request["TrainingJobName"])


def test_a_second_job_of_the_same_name(jobs: Jobs) -> None:
    request = jobs.request()
    jobs.sagemaker.create_training_job(**request)
    with pytest.raises(ClientError) as raised:
        jobs.sagemaker.create_training_job(**request)
    assert raised.value.response["Error"]["Code"] == "ResourceInUse"
    jobs.wait(request["TrainingJobName"])


def test_an_image_that_stands_for_nothing_fails_fast(jobs: Jobs) -> None:
    specification = {
        "TrainingImage": "123.dkr.ecr.us-east-1.amazonaws.com/mine:7",
        "TrainingInputMode": "File",
    }
    job = jobs.run(AlgorithmSpecification=specification)
    assert job["TrainingJobStatus"] == "Failed"
    assert "mine:7" in job["FailureReason"]
    assert "image_aliases" in job["FailureReason"]


def test_the_log_pages_both_ways(jobs: Jobs, clary: Clary) -> None:
    job = jobs.run("for n in range(25): print('line', n)")
    logs, name = clary.client("logs"), job["TrainingJobName"]
    group = "/aws/sagemaker/TrainingJobs"
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"][0]
    forward: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, limit=10, **token
        )
        forward += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token.get("nextToken"):
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert forward == [f"line {n}" for n in range(25)]
    tail = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=10)
    assert [event["message"] for event in tail["events"]] == [f"line {n}" for n in range(15, 25)]
    before = logs.get_log_events(
        logGroupName=group,
        logStreamName=stream["logStreamName"],
        limit=10,
        nextToken=tail["nextBackwardToken"],
    )
    assert [event["message"] for event in before["events"]] == [f"line {n}" for n in range(5, 15)]


def test_network_isolation_leaves_a_job_alone_with_its_files(jobs: Jobs) -> None:
    script = """
import os, socket
from urllib.parse import urlsplit
url = urlsplit(os.environ["AWS_ENDPOINT_URL"])
try:
    socket.create_connection((url.hostname, url.port), 5)
except OSError as error:
    print("refused", error.errno is not None)
"""
    job = jobs.run(script, EnableNetworkIsolation=True)
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.lines(job["TrainingJobName"]) == ["refused True"]
    several = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = jobs.run(script, EnableNetworkIsolation=True, ResourceConfig=several)
    assert job["TrainingJobStatus"] == "Failed"
    assert "EnableNetworkIsolation" in job["FailureReason"]
