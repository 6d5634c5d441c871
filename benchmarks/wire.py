"""What the codec costs a call, beside botocore's work on the same bytes at the client's end.

    python benchmarks/wire.py

Reading is compared with `json.loads` and botocore's ParamValidator (which checks types and minimums only), writing
with botocore's JSON parser reading the same answer. Rounds are interleaved and the least processor
time of each is taken, so that a busy machine slows both alike: read the ratios.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.parsers import JSONParser
from botocore.validate import ParamValidator
from rich.console import Console
from rich.table import Table

from clary.wire.codec import decode, encode
from clary.wire.messages import HttpRequest
from clary.wire.models import Operation, service

ROUNDS = 15
Work = Callable[[], object]

TRAINING_JOB: dict[str, Any] = {
    "TrainingJobName": "cifar10-training-resnet-adam-30-1795458837",
    "AlgorithmSpecification": {
        "TrainingInputMode": "File",
        "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:1.15-gpu-py3",
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss: ([0-9\\.]+)"}],
        "EnableSageMakerMetricsTimeSeries": True,
    },
    "RoleArn": "arn:aws:iam::123456789012:role/MySageMakerRole",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/experiment/"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    "ResourceConfig": {"VolumeSizeInGB": 30, "InstanceCount": 1, "InstanceType": "ml.p3.2xlarge"},
    "InputDataConfig": [
        {
            "ChannelName": "training",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": "s3://bucket/datasets/cifar10-dataset",
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }
    ],
    "HyperParameters": {
        "batch-size": "128",
        "learning-rate": "0.001",
        "weight-decay": "1e-06",
        "momentum": "0.9",
        "model": '"resnet"',
        "epochs": "30",
        "sagemaker_submit_directory": '"s3://bucket/experiment/job/source/sourcedir.tar.gz"',
        "sagemaker_region": '"us-east-1"',
    },
    "ExperimentConfig": {"ExperimentName": "experiment", "TrialName": "trial-resnet-adam-30-1795458837"},
    "DebugHookConfig": {"S3OutputPath": "s3://bucket/experiment/", "CollectionConfigurations": []},
}
DESCRIBED: dict[str, Any] = {
    **TRAINING_JOB,
    "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/cifar10-training-resnet",
    "TrainingJobStatus": "Completed",
    "SecondaryStatus": "Completed",
    "CreationTime": 1795458837.25,
    "LastModifiedTime": 1795458900.5,
    "SecondaryStatusTransitions": [
        {"Status": status, "StartTime": 1795458837.5, "EndTime": 1795458840.5, "StatusMessage": status}
        for status in ("Starting", "Downloading", "Training", "Uploading", "Completed")
    ],
    "FinalMetricDataList": [{"MetricName": "loss", "Value": 0.25, "Timestamp": 1795458890.0}],
}


def metrics(count: int) -> dict[str, Any]:
    return {
        "TrialComponentName": "cifar10-training-resnet-adam-30-1795458837-aws-training-job",
        "MetricData": [
            {
                "MetricName": "validation:accuracy",
                "Timestamp": 1795458837 + i,
                "Step": i,
                "Value": 0.5 + i / 7,
            }
            for i in range(count)
        ],
    }


def reading(operation: Operation, protocol: str, request: HttpRequest) -> tuple[Work, Work]:
    validator, body = ParamValidator(), request.body
    assert isinstance(body, bytes)

    def botocore() -> None:
        errors = validator.validate(json.loads(body), operation.input)
        assert not errors.has_errors()

    return lambda: decode(operation, protocol, request), botocore


def writing(operation: Operation, answer: dict[str, Any]) -> tuple[Work, Work]:
    response = encode(operation, "json", answer, "id")
    received = {"status_code": 200, "headers": HeadersDict(response.headers), "body": response.body}
    parser = JSONParser()
    return lambda: encode(operation, "json", answer, "id"), lambda: parser.parse(received, operation.output)


def best(works: tuple[Work, ...]) -> list[float]:
    """Microseconds of processor time a call of each, in interleaved rounds of about 10 ms."""
    counts = []
    for work in works:
        work()
        started = time.process_time()
        work()
        counts.append(max(1, int(0.01 / (time.process_time() - started))))
    found = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for index, (work, count) in enumerate(zip(works, counts, strict=True)):
            started = time.process_time()
            for _ in range(count):
                work()
            found[index] = min(found[index], (time.process_time() - started) / count * 1e6)
    return found


def main() -> None:
    put = service("sagemaker-metrics").operations["BatchPutMetrics"]
    sagemaker = service("sagemaker").operations
    cases = {
        f"read BatchPutMetrics, {count} points": reading(
            put, "rest-json", HttpRequest("PUT", "/BatchPutMetrics", body=json.dumps(metrics(count)).encode())
        )
        for count in (10, 1000)
    }
    cases["read CreateTrainingJob"] = reading(
        sagemaker["CreateTrainingJob"],
        "json",
        HttpRequest("POST", "/", body=json.dumps(TRAINING_JOB).encode()),
    )
    cases["write DescribeTrainingJob"] = writing(sagemaker["DescribeTrainingJob"], DESCRIBED)
    table = Table("", "Clary, us", "botocore, us", "ratio")
    for name, works in cases.items():
        ours, theirs = best(works)
        table.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}x")
    Console().print(table)


if __name__ == "__main__":
    main()
