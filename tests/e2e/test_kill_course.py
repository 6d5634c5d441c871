"""The server is killed while a job of several hosts reads pipes and keeps checkpoints: nothing of it is lost."""

from __future__ import annotations

import time

import pytest
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import Clary
from tests.support.processing import ML, Processing

pytestmark = pytest.mark.slow

SCRIPT = """
import os, time
host = os.environ["SM_CURRENT_HOST"]
for epoch in range(30):
    with open("/opt/ml/input/data/train_%d" % epoch, "rb") as pipe:
        print(host, epoch, len(pipe.read()), flush=True)
    with open("/opt/ml/checkpoints/" + host, "w") as file:
        file.write(str(epoch))
    time.sleep(0.1)
"""


def test_pipes_hosts_and_checkpoints_outlive_the_server(own_clary: Clary) -> None:
    jobs = Jobs(own_clary)
    jobs.s3.put_object(Bucket=BUCKET, Key="in/x", Body=b"x" * 200_000)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}, "InputMode": "Pipe"}
    name = jobs.start(
        SCRIPT,
        InputDataConfig=[channel],
        ResourceConfig={"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints"},
    )
    until = time.monotonic() + 60
    while len(jobs.lines(name)) < 8 and time.monotonic() < until:
        time.sleep(0.05)
    for _ in range(2):
        own_clary.kill()
        time.sleep(0.3)
        own_clary.start()
    again = Jobs.__new__(Jobs)
    again.clary = own_clary
    again.sagemaker, again.s3, again.logs = (own_clary.client(s) for s in ("sagemaker", "s3", "logs"))
    job = again.wait(name)
    assert job["TrainingJobStatus"] == "Completed", job
    expected = [f"algo-{host} {epoch} 200000" for host in (1, 2) for epoch in range(30)]
    assert sorted(again.lines(name)) == sorted(expected)
    for host in (1, 2):
        body = again.s3.get_object(Bucket=BUCKET, Key=f"checkpoints/algo-{host}")["Body"].read()
        assert body == b"29"
    assert not list((own_clary.home / "jobs").iterdir())


def test_a_processing_jobs_outputs_outlive_the_server(own_clary: Clary) -> None:
    processing = Processing(own_clary)
    script = f"import time\ntime.sleep(2)\nopen('{ML}/output/made/x', 'w').write('made')"
    name = processing.start(script, outputs=[processing.output("made", "out")])
    until = time.monotonic() + 60
    while "ProcessingStartTime" not in processing.describe(name) and time.monotonic() < until:
        time.sleep(0.02)
    own_clary.kill()
    own_clary.start()
    again = Processing.__new__(Processing)
    again.clary = own_clary
    again.sagemaker, again.s3 = own_clary.client("sagemaker"), own_clary.client("s3")
    assert again.wait(name)["ProcessingJobStatus"] == "Completed"
    assert again.objects("out/") == {"out/x": "made"}
