"""Endpoints for tests: a script in, an endpoint that serves it out."""

from __future__ import annotations

import io
import itertools
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from tests.support.process import IMAGE, ROLE, Clary

BUCKET = "models"

ECHO = """
import json, os

def model_fn(model_dir):
    return open(os.path.join(model_dir, "name")).read()

def input_fn(body, content_type):
    return body

def predict_fn(data, model):
    rows = [line for line in data.splitlines() if line.strip()] if isinstance(data, str) else [data]
    return [{"predicted_label": model, "cells": len(row.split(","))} for row in rows]

def output_fn(prediction, accept):
    return json.dumps({"predictions": prediction}), "application/json"
"""
"""Answers as a classifier would: each row's label is the model's name."""


def archive(files: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


class Endpoints:
    def __init__(self, clary: Clary) -> None:
        self.clary = clary
        self.connect()
        self.s3.create_bucket(Bucket=BUCKET)
        self._numbers = itertools.count(1)

    def connect(self) -> None:
        """Clients of the server as it is now: a restarted one may listen elsewhere."""
        self.sagemaker = self.clary.client("sagemaker")
        self.s3 = self.clary.client("s3")
        self.logs = self.clary.client("logs")
        self.runtime = self.clary.client("sagemaker-runtime", max_pool_connections=64)

    def name(self, what: str) -> str:
        return f"{what}-{next(self._numbers)}-{time.time_ns()}"

    def data(
        self, script: str = ECHO, *, label: str = "a", files: Mapping[str, str | bytes] | None = None
    ) -> str:
        """The S3 URI of a model archive that holds `code/inference.py` and a file `name` with the label."""
        key = f"{self.name('model')}/model.tar.gz"
        body = archive({"code/inference.py": script, "name": label, **(files or {})})
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def model(
        self, script: str = ECHO, *, label: str = "a", files: Mapping[str, str | bytes] | None = None,
        environment: Mapping[str, str] | None = None, **container: Any,
    ) -> str:  # fmt: skip
        name = self.name("model")
        given = {"Image": IMAGE, "Environment": dict(environment or {}), **container}
        if "ModelDataUrl" not in given and "ModelDataSource" not in given:
            given["ModelDataUrl"] = self.data(script, label=label, files=files)
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=given, ExecutionRoleArn=ROLE)
        return name

    def config(self, *models: str, changes: Mapping[str, Any] | None = None, **members: Any) -> str:
        """One variant a model: `v0`, `v1`, ..."""
        name = self.name("config")
        variants = [
            {
                "VariantName": f"v{index}", "ModelName": model, "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0, **(changes or {}),
            }
            for index, model in enumerate(models)
        ]  # fmt: skip
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **members)
        return name

    def create(self, config: str) -> str:
        name = self.name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return name

    def up(self, *models: str, **options: Any) -> str:
        """An endpoint that is InService."""
        name = self.create(self.config(*models, **options))
        self.wait(name)
        return name

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return described

    def wait(self, name: str, until: str = "InService", seconds: float = 90) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            found = self.describe(name)
            if found["EndpointStatus"] == until:
                return found
            if found["EndpointStatus"] == "Failed" or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not get to {until}: {found}\n{self.clary.log[-4000:]}")
            time.sleep(0.02)

    def delete(self, name: str, seconds: float = 90) -> None:
        """Until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.describe(name)
            except ClientError as error:
                if "Could not find endpoint" in str(error):
                    return
                raise
            time.sleep(0.02)
        raise AssertionError(f"{name} was not deleted:\n{self.clary.log[-4000:]}")

    def invoke(
        self, name: str, body: str | bytes = "1,2", kind: str = "text/csv", **members: Any
    ) -> dict[str, Any]:
        answer: dict[str, Any] = self.runtime.invoke_endpoint(
            EndpointName=name, ContentType=kind, Body=body, **members
        )
        return {**answer, "Body": answer["Body"].read()}

    def lines(self, name: str) -> list[str]:
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/sagemaker/Endpoints/{name}"
        )
        return [event["message"] for page in pages for event in page["events"]]

    def said(self, name: str, line: str, seconds: float = 30) -> None:
        """Wait for a line of the log, which is a little behind."""
        until = time.monotonic() + seconds
        while line not in (found := self.lines(name)):
            assert time.monotonic() < until, found
            time.sleep(0.05)


class Load:
    """Callers that invoke an endpoint without pause until the block ends; what they were answered is counted."""

    def __init__(self, endpoints: Endpoints, name: str, callers: int = 4) -> None:
        self._endpoints, self._name = endpoints, name
        self.answers: Counter[str] = Counter()
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def _call(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers[self._endpoints.invoke(self._name)["Body"].decode()] += 1
            except Exception as error:
                self.errors.append(repr(error))

    def some(self, count: int, seconds: float = 90) -> None:
        """Wait until `count` more were answered."""
        wanted, until = self.answers.total() + count, time.monotonic() + seconds
        while self.answers.total() < wanted:
            assert time.monotonic() < until, (
                self.answers,
                self.errors[:3],
                self._endpoints.clary.log[-4000:],
            )
            time.sleep(0.01)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
