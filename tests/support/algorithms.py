"""Built-in algorithms for tests: data in, a job on AWS's image URI, its end out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.jobs import BUCKET, Jobs
from tests.support.process import ROLE

from clary.images.builtin import built_in

REGISTRY = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def image(name: str) -> str:
    return f"{REGISTRY}/{name}:1"


def csv(rows: Sequence[Sequence[float]]) -> bytes:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows).encode()


class Algorithms:
    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    def train(
        self,
        uri: str,
        hyperparameters: Mapping[str, Any],
        channels: Mapping[str, tuple[bytes, str]],
        **changes: Any,
    ) -> dict[str, Any]:
        """The ended job. `channels`: body and content type by name."""
        name = f"built-in-{time.time_ns()}"
        inputs = []
        for channel, (body, content_type) in channels.items():
            key = f"{name}/{channel}/data"
            self.jobs.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/{channel}/"}
            inputs.append(
                {"ChannelName": channel, "ContentType": content_type, "DataSource": {"S3DataSource": source}}
            )
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": uri, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "HyperParameters": {key: str(value) for key, value in hyperparameters.items()},
            "InputDataConfig": inputs,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **changes,
        }
        self.jobs.sagemaker.create_training_job(**request)
        return self.jobs.wait(name, seconds=300)

    def metrics(self, job: Mapping[str, Any]) -> dict[str, float]:
        return {each["MetricName"]: each["Value"] for each in job.get("FinalMetricDataList", ())}


def declared(uri: str) -> set[str]:
    """Names of the metrics that the image's algorithm brings."""
    algorithm = built_in(uri)
    assert algorithm is not None
    return {metric.name for metric in algorithm.metrics}
