"""Processing jobs for tests: a script in, outputs out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.process import IMAGE, ROLE, Clary

ENDED = {"Completed", "Failed", "Stopped"}
BUCKET = "processing"
ML = "/opt/ml/processing"


class Processing:
    def __init__(self, clary: Clary) -> None:
        self.clary = clary
        self.sagemaker = clary.client("sagemaker")
        self.s3 = clary.client("s3")
        self.logs = clary.client("logs")
        self.s3.create_bucket(Bucket=BUCKET)
        self._numbers = itertools.count()

    def put(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())

    def input(self, name: str, key: str, **changes: Any) -> dict[str, Any]:
        source = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": f"{ML}/input/{name}", "S3DataType": "S3Prefix",
                  "S3InputMode": "File", **changes}  # fmt: skip
        return {"InputName": name, "S3Input": source}

    def output(self, name: str, key: str, **changes: Any) -> dict[str, Any]:
        target = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": f"{ML}/output/{name}", "S3UploadMode": "EndOfJob",
                  **changes}  # fmt: skip
        return {"OutputName": name, "S3Output": target}

    def request(
        self, script: str, *, inputs: Sequence[Mapping[str, Any]] = (), outputs: Sequence[Mapping[str, Any]] = (),
        arguments: Sequence[str] = (), count: int = 1, **changes: Any,
    ) -> dict[str, Any]:  # fmt: skip
        key = f"code/{next(self._numbers)}/script.py"
        self.put(key, script)
        app: dict[str, Any] = {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", f"{ML}/input/code/script.py"],
        }
        if arguments:
            app["ContainerArguments"] = list(arguments)
        cluster = {"InstanceCount": count, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}
        return {
            "ProcessingJobName": f"process-{next(self._numbers)}-{time.time_ns()}",
            "AppSpecification": app,
            "ProcessingResources": {"ClusterConfig": cluster},
            "ProcessingInputs": [self.input("code", key), *inputs],
            "ProcessingOutputConfig": {"Outputs": list(outputs)},
            "RoleArn": ROLE,
            **changes,
        }

    def start(self, script: str, **options: Any) -> str:
        request = self.request(script, **options)
        self.sagemaker.create_processing_job(**request)
        return str(request["ProcessingJobName"])

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_processing_job(ProcessingJobName=name)
        return described

    def wait(self, name: str, seconds: float = 120) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            job = self.describe(name)
            if job["ProcessingJobStatus"] in ENDED:
                return job
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} did not end: {job}\n{self.clary.log[-4000:]}")
            time.sleep(0.05)

    def run(self, script: str, **options: Any) -> dict[str, Any]:
        return self.wait(self.start(script, **options))

    def lines(self, name: str) -> list[str]:
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=f"{name}/"
        )
        found = [event["message"] for page in pages for event in page["events"]]
        return [line for line in found if not line.startswith("[clary] ")]

    def objects(self, prefix: str) -> dict[str, str]:
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        keys = [item["Key"] for item in found]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys}
