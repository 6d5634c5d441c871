"""Where there is no sandbox, jobs get the same inputs by the paths that their variables and arguments say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import Clary
from tests.support.processing import ML, Processing


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    folder = tmp_path_factory.mktemp("clary")
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("local")
    with Clary(folder / "home", sandbox="never", input_folders=str(folder / "data")) as server:
        yield server


@pytest.fixture(scope="module")
def jobs(clary: Clary) -> Jobs:
    jobs = Jobs(clary)
    jobs.s3.put_object(Bucket=BUCKET, Key="in/x", Body=b"data")
    return jobs


@pytest.mark.parametrize(
    ("mode", "path"), [("File", "/x"), ("FastFile", "/x"), ("Pipe", "_0")], ids=["File", "FastFile", "Pipe"]
)
def test_inputs_of_each_mode(jobs: Jobs, mode: str, path: str) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}, "InputMode": mode}
    script = f"import os\nprint(open(os.environ['SM_CHANNEL_TRAIN'] + '{path}').read())"
    if mode == "FastFile":
        script += "\nopen(os.environ['SM_CHANNEL_TRAIN'] + '/x', 'w').write('broken')"
    job = jobs.run(script, InputDataConfig=[channel])
    assert jobs.lines(job["TrainingJobName"]) == ["data"], job
    assert jobs.s3.get_object(Bucket=BUCKET, Key="in/x")["Body"].read() == b"data"


def test_a_local_folder_is_copied(jobs: Jobs, clary: Clary) -> None:
    data: Path = clary.home.parent / "data"
    source = {"S3DataType": "S3Prefix", "S3Uri": f"file://{data}"}
    script = (
        "import os\npath = os.environ['SM_CHANNEL_TRAIN'] + '/x'\nprint(open(path).read())\nopen(path, 'w')"
    )
    job = jobs.run(script, InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}])
    assert jobs.lines(job["TrainingJobName"]) == ["local"], job
    assert (data / "x").read_text() == "local"


def test_processing_by_its_arguments(clary: Clary) -> None:
    processing = Processing(clary)
    processing.put("in/x", "2")
    script = "import sys\nopen(sys.argv[2] + '/y', 'w').write(open(sys.argv[1] + '/x').read() * 2)"
    job = processing.run(
        script, inputs=[processing.input("data", "in")], outputs=[processing.output("made", "out")],
        arguments=[f"{ML}/input/data", f"{ML}/output/made"],
    )  # fmt: skip
    assert job["ProcessingJobStatus"] == "Completed", (job, processing.lines(job["ProcessingJobName"]))
    assert processing.objects("out/") == {"out/y": "22"}


def test_hosts_are_told_that_their_names_do_not_resolve(jobs: Jobs) -> None:
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = jobs.run("print('here')", ResourceConfig=resources)
    assert jobs.lines(job["TrainingJobName"]) == ["here", "here"]
    events = jobs.logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job['TrainingJobName']}/"
    )["events"]
    assert any("names do not resolve" in event["message"] for event in events)


def test_a_warm_pool_is_taken_and_nothing_is_warm_in_it(jobs: Jobs) -> None:
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    script = "import sys\nprint('numpy' in sys.modules)\nimport numpy\n"
    first, second = (
        jobs.run(script, ResourceConfig={**resources, "KeepAlivePeriodInSeconds": period})
        for period in (600, 0)
    )
    assert jobs.lines(second["TrainingJobName"]) == ["False"], second
    left = jobs.describe(first["TrainingJobName"])["WarmPoolStatus"]
    assert (left["Status"], left["ReusedByJob"]) == ("Reused", second["TrainingJobName"])
