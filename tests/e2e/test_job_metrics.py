"""A job's metrics in CloudWatch: what it printed, and what it used."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from tests.support.jobs import Jobs
from tests.support.process import Clary

NAMESPACE = "/aws/sagemaker/TrainingJobs"


def test_what_a_job_prints_is_in_cloudwatch(jobs: Jobs, clary: Clary) -> None:
    script = "for n in range(4): print('loss:', n, 'acc:', n / 2)"
    job = jobs.run(script, metrics={"loss": r"loss: ([0-9.]+)", "acc": r"acc: ([0-9.]+)"})
    cloudwatch, name = clary.client("cloudwatch"), job["TrainingJobName"]
    dimensions = [{"Name": "TrainingJobName", "Value": name}]
    listed = cloudwatch.list_metrics(Namespace=NAMESPACE, Dimensions=dimensions)["Metrics"]
    assert sorted(metric["MetricName"] for metric in listed) == ["acc", "loss"]
    points = cloudwatch.get_metric_statistics(
        Namespace=NAMESPACE, MetricName="loss", Dimensions=dimensions, Period=60,
        StartTime=job["TrainingStartTime"], EndTime=job["TrainingEndTime"] + timedelta(minutes=1),
        Statistics=["Average", "SampleCount"],
    )["Datapoints"]  # fmt: skip
    assert sum(point["SampleCount"] for point in points) == 4
    assert sum(point["SampleCount"] * point["Average"] for point in points) == 6.0


def test_what_a_job_uses_is_in_cloudwatch(jobs: Jobs, clary: Clary) -> None:
    name = jobs.start("import time\nwhile True: time.sleep(0.001)")
    cloudwatch = clary.client("cloudwatch")
    host = [{"Name": "Host", "Value": f"{name}/algo-1"}]
    until = time.monotonic() + 90
    listed: list[dict[str, Any]] = []
    while len(listed) < 3 and time.monotonic() < until:
        listed = cloudwatch.list_metrics(Namespace=NAMESPACE, Dimensions=host)["Metrics"]
        time.sleep(0.1)
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    jobs.wait(name)
    assert {metric["MetricName"] for metric in listed} == {
        "CPUUtilization", "MemoryUtilization", "DiskUtilization",
    }, clary.log[-3000:]  # fmt: skip
