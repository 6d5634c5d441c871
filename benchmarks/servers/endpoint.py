"""An endpoint of two workers on a `clary serve` of its own, and requests signed for it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from load import written

from servers.handler import SCRIPT

REGION, ROLE = "us-east-1", "arn:aws:iam::123456789012:role/SageMakerRole"


@dataclass(frozen=True)
class Endpoint:
    """`seconds`: from CreateEndpoint to InService. `clients`: boto3's, by service."""

    url: str
    pid: int
    key: str
    secret: str
    seconds: float
    clients: Mapping[str, Any]


def signed(url: str, kind: str, body: bytes, key: str, secret: str) -> bytes:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", url, {"Content-Type": kind, "Host": urlsplit(url).netloc}, body)
    SigV4Auth(Credentials(key, secret), "sagemaker", REGION).add_auth(request)
    return written("POST", urlsplit(url).path, dict(request.headers.items()), body)


def archive(folder: Path, script: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", dereference=True) as tar:
        tar.add(folder / "model.joblib", "model.joblib")
        if script:
            info = tarfile.TarInfo("code/inference.py")
            info.size = len(script)
            tar.addfile(info, io.BytesIO(script.encode()))
    return packed.getvalue()


@contextmanager
def endpoint(
    folder: Path, python: str, script: str = SCRIPT, environment: Mapping[str, str] | None = None
) -> Iterator[Endpoint]:
    """`folder` holds the model and takes the server's home; `python` runs the workers. The endpoint is deleted
    before the server ends: workers outlive one."""
    import boto3

    from clary.clients import NotServing, discover

    home = folder / "home"
    aliases = {"*/bench:*": {"interpreter": python}}
    server = subprocess.Popen(
        [sys.executable, "-m", "clary", "serve", "--home", str(home), "--port", "0"],
        env={**os.environ, "CLARY_IMAGE_ALIASES": json.dumps(aliases)}, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while True:
        try:
            found = discover(home)
            break
        except NotServing:
            time.sleep(0.05)
    keys: dict[str, Any] = {
        "endpoint_url": found.url, "region_name": REGION, "aws_access_key_id": found.access_key,
        "aws_secret_access_key": found.secret_key,
    }  # fmt: skip
    clients = {name: boto3.client(name, **keys) for name in ("s3", "sagemaker", "sagemaker-runtime")}
    s3, sagemaker = clients["s3"], clients["sagemaker"]
    s3.create_bucket(Bucket="bench")
    s3.put_object(Bucket="bench", Key="model.tar.gz", Body=archive(folder, script))
    container = {
        "Image": "1.dkr.ecr.us-east-1.amazonaws.com/bench:1",
        "ModelDataUrl": "s3://bench/model.tar.gz",
        "Environment": environment or {},
    }
    sagemaker.create_model(ModelName="bench", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {
        "VariantName": "all",
        "ModelName": "bench",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName="bench", ProductionVariants=[variant])
    began = time.perf_counter()
    sagemaker.create_endpoint(EndpointName="bench", EndpointConfigName="bench")
    try:
        await_status(sagemaker, "Creating", "InService")
        url = f"{found.url}/endpoints/bench/invocations"
        yield Endpoint(
            url, server.pid, found.access_key, found.secret_key, time.perf_counter() - began, clients
        )
    finally:
        sagemaker.delete_endpoint(EndpointName="bench")
        await_status(sagemaker, "Deleting", None)
        server.terminate()
        server.wait(60)


def await_status(sagemaker: Any, meanwhile: str, wanted: str | None) -> None:
    """Until the endpoint has the status; None: until there is none."""
    while True:
        try:
            status = sagemaker.describe_endpoint(EndpointName="bench")["EndpointStatus"]
        except sagemaker.exceptions.ClientError:
            status = None
        if status == wanted:
            return
        if status != meanwhile:
            raise RuntimeError(f"the endpoint is {status}")
        time.sleep(0.02)
