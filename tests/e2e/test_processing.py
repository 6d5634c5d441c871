"""Processing jobs as boto3 sees them, run for real by a server that a user would start."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.process import Clary
from tests.support.processing import BUCKET, ML, Processing


@pytest.fixture(scope="module")
def processing(clary: Clary) -> Processing:
    return Processing(clary)


DOUBLE = """
import json, os, sys
source, target = "/opt/ml/processing/input/data", "/opt/ml/processing/output/doubled"
for name in sorted(os.listdir(source)):
    with open(os.path.join(target, name), "w") as file:
        file.write(str(2 * int(open(os.path.join(source, name)).read())))
    print("doubled", name, sys.argv[1:], os.environ["COLOUR"])
config = json.load(open("/opt/ml/config/processingjobconfig.json"))
print(config["ProcessingJobName"], [i["InputName"] for i in config["ProcessingInputs"]])
print(json.load(open("/opt/ml/config/resourceconfig.json"))["hosts"])
open("/opt/ml/output/message", "w").write("all doubled")
"""


def test_a_job_reads_its_inputs_and_leaves_its_outputs(processing: Processing) -> None:
    processing.put("in/a/one", "1")
    processing.put("in/a/two", "2")
    job = processing.run(
        DOUBLE, inputs=[processing.input("data", "in/a")], outputs=[processing.output("doubled", "out/a")],
        arguments=["--by", "2"], Environment={"COLOUR": "blue"},
    )  # fmt: skip
    name = job["ProcessingJobName"]
    assert job["ProcessingJobStatus"] == "Completed", (job, processing.lines(name))
    assert job["ExitMessage"] == "all doubled"
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert processing.objects("out/a/") == {"out/a/one": "2", "out/a/two": "4"}
    assert processing.lines(name) == [
        "doubled one ['--by', '2'] blue", "doubled two ['--by', '2'] blue", f"{name} ['code', 'data']", "['algo-1']",
    ]  # fmt: skip
    component = processing.sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-processing-job")
    assert component["Source"]["SourceType"] == "SageMakerProcessingJob"
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["InputArtifacts"]["data"]["Value"] == f"s3://{BUCKET}/in/a"
    assert component["OutputArtifacts"]["doubled"]["Value"] == f"s3://{BUCKET}/out/a"


def test_a_continuous_output_arrives_while_the_job_runs(processing: Processing) -> None:
    script = f"""
import os, time
open("{ML}/output/part/first", "w").write("1")
while not os.path.exists("{ML}/output/part/go"): time.sleep(0.05)
"""
    output = processing.output("part", "out/continuous", S3UploadMode="Continuous")
    name = processing.start(script, outputs=[output])
    until = time.monotonic() + 60
    while not processing.objects("out/continuous/") and time.monotonic() < until:
        time.sleep(0.1)
    assert processing.objects("out/continuous/") == {"out/continuous/first": "1"}
    assert processing.describe(name)["ProcessingJobStatus"] == "InProgress"
    processing.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert processing.wait(name)["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="is in status Stopped"):
        processing.sagemaker.stop_processing_job(ProcessingJobName=name)


def test_keys_are_shared_out_between_hosts(processing: Processing) -> None:
    for index in range(5):
        processing.put(f"in/shards/{index}", str(index))
    script = f"""
import json, os, socket
names = sorted(os.listdir("{ML}/input/data"))
host = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
open("{ML}/output/seen/" + host, "w").write(" ".join(names))
print(host, names)
"""
    data = processing.input("data", "in/shards", S3DataDistributionType="ShardedByS3Key")
    job = processing.run(script, inputs=[data], outputs=[processing.output("seen", "out/seen")], count=2)
    assert job["ProcessingJobStatus"] == "Completed", (job, processing.lines(job["ProcessingJobName"]))
    assert processing.objects("out/seen/") == {"out/seen/algo-1": "0 2 4", "out/seen/algo-2": "1 3"}
    streams = processing.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=f"{job['ProcessingJobName']}/"
    )["logStreams"]
    hosts = [stream["logStreamName"].split("/")[1].rsplit("-", 1)[0] for stream in streams]
    assert hosts == ["algo-1", "algo-2"]


def test_a_job_that_fails_says_why_and_sends_nothing(processing: Processing) -> None:
    script = f"open('{ML}/output/half/a', 'w').write('x')\nraise SystemError('no more')\n"
    job = processing.run(script, outputs=[processing.output("half", "out/half")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert "SystemError: no more" in job["FailureReason"]
    assert job["FailureReason"].endswith("exit code: 1")
    assert processing.objects("out/half/") == {}


def test_a_bucket_that_goes_away_is_told_when_the_program_has_ended(processing: Processing) -> None:
    bucket = "short-lived"
    processing.s3.create_bucket(Bucket=bucket)
    script = f"""
import os, time
open("{ML}/output/part/first", "w").write("1")
while not os.path.exists("{ML}/output/part/never"):
    time.sleep(0.1)
"""
    target = {"S3Uri": f"s3://{bucket}/out", "S3UploadMode": "Continuous"}
    name = processing.start(script, outputs=[processing.output("part", "", **target)])
    processing.s3.delete_bucket(Bucket=bucket)
    until = time.monotonic() + 60
    while f"is not in s3://{bucket}/out yet" not in processing.clary.log and time.monotonic() < until:
        time.sleep(0.1)
    assert processing.describe(name)["ProcessingJobStatus"] == "InProgress", "the program goes on"
    processing.sagemaker.stop_processing_job(ProcessingJobName=name)
    job = processing.wait(name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == f"ClientError: Data upload failed. The bucket {bucket} does not exist."


def test_jobs_are_listed_and_deleted(processing: Processing) -> None:
    job = processing.run("print(1)")
    name = job["ProcessingJobName"]
    listed = processing.sagemaker.list_processing_jobs(NameContains=name, StatusEquals="Completed")
    (summary,) = listed["ProcessingJobSummaries"]
    assert summary["ProcessingJobArn"].endswith(f":processing-job/{name}")
    assert summary["ProcessingEndTime"] == job["ProcessingEndTime"]
    processing.sagemaker.delete_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job"):
        processing.describe(name)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no entrypoint", {"AppSpecification": {"ImageUri": "x/plain:1"}}, "ContainerEntrypoint"),
    ("a path outside", {"ProcessingInputs": [{"InputName": "a", "S3Input": {
        "S3Uri": f"s3://{BUCKET}/code", "LocalPath": "/etc", "S3DataType": "S3Prefix"}}]}, "/opt/ml/processing/"),
    ("a path that climbs", {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {
        "S3Uri": f"s3://{BUCKET}/o", "LocalPath": f"{ML}/../../x", "S3UploadMode": "EndOfJob"}}]}}, "absolute path"),
    ("no data", {"ProcessingInputs": [{"InputName": "a", "S3Input": {
        "S3Uri": f"s3://{BUCKET}/empty/", "LocalPath": f"{ML}/input/a", "S3DataType": "S3Prefix"}}]}, "No S3 objects"),
    ("an unknown bucket", {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {
        "S3Uri": "s3://nowhere/o", "LocalPath": f"{ML}/output/o", "S3UploadMode": "EndOfJob"}}]}}, "nowhere"),
    ("an unknown role", {"RoleArn": "arn:aws:iam::123456789012:role/Nobody"}, "Could not assume role"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_wrong_is_refused_and_leaves_nothing(
    processing: Processing, changes: dict[str, Any], words: str
) -> None:
    request = processing.request("pass", **json.loads(json.dumps(changes)))
    with pytest.raises(ClientError) as raised:
        processing.sagemaker.create_processing_job(**request)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert words in raised.value.response["Error"]["Message"]
    with pytest.raises(ClientError):
        processing.describe(request["ProcessingJobName"])
