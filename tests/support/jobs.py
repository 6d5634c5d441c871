"""Training jobs for tests: a script in, a job's end out."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.process import IMAGE, ROLE, Clary

ENDED = {"Completed", "Failed", "Stopped"}
BUCKET = "jobs"


class Jobs:
    def __init__(self, clary: Clary) -> None:
        self.clary = clary
        self.sagemaker = clary.client("sagemaker")
        self.s3 = clary.client("s3")
        self.logs = clary.client("logs")
        self.s3.create_bucket(Bucket=BUCKET)
        self._numbers = itertools.count()

    def source(self, script: str, files: Mapping[str, str] | None = None) -> str:
        """The S3 URI of a source archive that holds `train.py` and `files`."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for name, text in {"train.py": script, **(files or {})}.items():
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
        key = f"source/{next(self._numbers)}/sourcedir.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=packed.getvalue())
        return f"s3://{BUCKET}/{key}"

    def request(self, script: str = "pass", *, files: Mapping[str, str] | None = None,
                hyperparameters: Mapping[str, Any] | None = None, metrics: Mapping[str, str] | None = None,
                instance_type: str = "ml.m5.large", source: str = "", **changes: Any) -> dict[str, Any]:  # fmt: skip
        given = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": source or self.source(script, files),
            **(hyperparameters or {}),
        }
        return {
            "TrainingJobName": f"job-{next(self._numbers)}-{time.time_ns()}",
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": name, "Regex": regex} for name, regex in (metrics or {}).items()
                ],
            },
            "RoleArn": ROLE,
            "HyperParameters": {name: json.dumps(value) for name, value in given.items()},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
            "ResourceConfig": {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **changes,
        }

    def start(self, *args: Any, **options: Any) -> str:
        request = self.request(*args, **options)
        self.sagemaker.create_training_job(**request)
        return str(request["TrainingJobName"])

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return described

    def wait(self, name: str, *, until: Sequence[str] = tuple(ENDED), seconds: float = 120) -> dict[str, Any]:
        """Describe until its status or secondary status is one of `until`."""
        deadline = time.monotonic() + seconds
        while True:
            job = self.describe(name)
            if job["TrainingJobStatus"] in until or job["SecondaryStatus"] in until:
                return job
            if job["TrainingJobStatus"] in ENDED or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not get to {until}: {job}\n{self.clary.log[-4000:]}")
            time.sleep(0.05)

    def run(self, *args: Any, **options: Any) -> dict[str, Any]:
        return self.wait(self.start(*args, **options))

    def lines(self, name: str) -> list[str]:
        """What the program printed so far; Clary's own lines are left out."""
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
        )
        try:
            found = [event["message"] for page in pages for event in page["events"]]
        except self.logs.exceptions.ResourceNotFoundException:  # no job has printed anything yet
            return []
        return [line for line in found if not line.startswith("[clary] ")]

    def model_files(self, job: Mapping[str, Any]) -> dict[str, bytes]:
        return self.unpack(job["ModelArtifacts"]["S3ModelArtifacts"])

    def unpack(self, uri: str) -> dict[str, bytes]:
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
