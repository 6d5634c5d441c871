"""SDK v3's ModelBuilder, unchanged: a model, or an InferenceSpec in plain Python, becomes an endpoint that answers.

Its image is what a user would name: one that stands for an environment with the user's own packages; here that is the
client's.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import ROLE, Clary
from tests.support.torch import torch_python

pytestmark = pytest.mark.slow

TORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py311"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:1"


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    root = tmp_path_factory.mktemp("builder")
    both = root / "both"  # an interpreter with PyTorch and the SDK, as one of the user's own has them
    subprocess.run([str(torch_python()), "-m", "venv", "--without-pip", str(both)], check=True)
    lines = [str(packages_of(python)) for python in (torch_python(), client_python("v3"))]
    (packages_of(both / "bin" / "python") / "both.pth").write_text("\n".join(lines))
    interpreters = {"*/mine:*": client_python("v3"), "*/pytorch-inference:*": both / "bin" / "python"}
    aliases = json.dumps({name: {"interpreter": str(path)} for name, path in interpreters.items()})
    with Clary(root / "home", image_aliases=aliases) as server:
        yield server


def packages_of(python: Path) -> Path:
    return next((python.parents[1] / "lib").glob("python3.*/site-packages"))


START = f"""
import tempfile
import numpy as np
from sagemaker.core.deserializers import NumpyDeserializer
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.serializers import NumpySerializer
from sagemaker.serve.builder.schema_builder import SchemaBuilder
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.serve.spec.inference_spec import InferenceSpec
from sagemaker.serve.utils.types import ModelServer

common = dict(role_arn="{ROLE}", sagemaker_session=Session(), instance_type="ml.m5.large", image_uri="{IMAGE}",
              model_server=ModelServer.TORCHSERVE, model_path=tempfile.mkdtemp())
"""

MODEL = """
from sklearn.linear_model import LogisticRegression

rows, labels = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [5.0, 5.0]]), [0, 0, 0, 1]
model = LogisticRegression(C=100).fit(rows, labels)
schema = SchemaBuilder(rows, model.predict(rows))
builder = ModelBuilder(model=model, schema_builder=schema, dependencies={"auto": False}, **common)
builder.build()
endpoint = builder.deploy(endpoint_name="sklearn")
assert endpoint.endpoint_status == "InService"
answer = endpoint.invoke(body=NumpySerializer().serialize(rows), content_type="application/x-npy", accept="application/x-npy")
assert list(NumpyDeserializer().deserialize(answer.body, answer.content_type)) == labels
endpoint.delete()
print("all is well")
"""

SPEC = """
import json

class Adder(InferenceSpec):
    def load(self, model_dir):
        return {"added": 2}

    def invoke(self, input_object, model):
        return {"sums": [value + model["added"] for value in input_object["values"]]}

sample = SchemaBuilder({"values": [1, 2]}, {"sums": [3, 4]})
builder = ModelBuilder(inference_spec=Adder(), schema_builder=sample, dependencies={"auto": False}, **common)
builder.build(model_name="adder")
endpoint = builder.deploy(endpoint_name="adder", initial_instance_count=1)
ask = lambda values: json.loads(endpoint.invoke(
    body=json.dumps({"values": values}), content_type="application/json", accept="application/json").body.read())
assert ask([5, 6]) == {"sums": [7, 8]}

class Fails(InferenceSpec):
    def load(self, model_dir):
        raise RuntimeError("no weights here")

    def invoke(self, input_object, model):
        return input_object

common["model_path"] = tempfile.mkdtemp()
failing = ModelBuilder(inference_spec=Fails(), schema_builder=sample, dependencies={"auto": False}, **common)
failing.build()
try:
    failing.deploy(endpoint_name="fails")
    raise SystemExit("it should have failed")
except Exception as error:
    assert "no weights here" in str(error), error
print("all is well")
"""

AUTO = """
import boto3, io, tarfile
from sklearn.dummy import DummyClassifier

rows = np.array([[0.0], [1.0]])
model = DummyClassifier().fit(rows, [0, 1])
schema = SchemaBuilder(rows, model.predict(rows))
builder = ModelBuilder(model=model, schema_builder=schema, dependencies={"auto": True}, **common)
builder.build()
bucket, key = builder.s3_upload_path.removeprefix("s3://").split("/", 1)
packed = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
    found = tar.extractfile("code/requirements.txt").read().decode()
assert "scikit-learn==" in found and "numpy==" in found, found
print("all is well")
"""


KINDS = """
import boto3, io, tarfile
from sagemaker.core.inference_config import AsyncInferenceConfig, ServerlessInferenceConfig
from sagemaker.serve.batch_inference.batch_transform_inference_config import BatchTransformInferenceConfig

s3, bucket = boto3.client("s3"), common["sagemaker_session"].default_bucket()
script = b'''
def model_fn(d): return 7
def input_fn(b, c): return b.split()
def predict_fn(d, m): return [m] * len(d)
'''
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    info = tarfile.TarInfo("code/inference.py")
    info.size = len(script)
    tar.addfile(info, io.BytesIO(script))
s3.put_object(Bucket=bucket, Key="m/model.tar.gz", Body=packed.getvalue())
s3.put_object(Bucket=bucket, Key="rows/three.csv", Body=b"1\\n2\\n3\\n")

def built(name):
    given = {each: common[each] for each in ("role_arn", "sagemaker_session", "instance_type", "image_uri")}
    builder = ModelBuilder(s3_model_data_url=f"s3://{bucket}/m/model.tar.gz", **given)
    builder.build(model_name=name)
    return builder

serverless = ServerlessInferenceConfig(memory_size_in_mb=1024, max_concurrency=2)
for name, options in {"plain": {}, "serverless": {"inference_config": serverless}}.items():
    endpoint = built(name).deploy(endpoint_name=name, **options)
    assert endpoint.invoke(body=b"1\\n2", content_type="text/csv").body.read() == b"[7, 7]", name
    endpoint.delete()

asynchronous = AsyncInferenceConfig(output_path=f"s3://{bucket}/later")
later = built("later").deploy(endpoint_name="later", inference_config=asynchronous)
place = later.invoke_async(input_location=f"s3://{bucket}/rows/three.csv", content_type="text/csv").output_location
key = place.split("/", 3)[3]
s3.get_waiter("object_exists").wait(Bucket=bucket, Key=key)
assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"[7, 7, 7]"
later.delete()

batch = BatchTransformInferenceConfig(instance_count=1, instance_type="ml.m5.large", output_path=f"s3://{bucket}/out")
transformer = built("batch").deploy(inference_config=batch)
transformer.transform(f"s3://{bucket}/rows", content_type="text/csv", split_type="Line", wait=True, logs=True)
assert s3.get_object(Bucket=bucket, Key="out/three.csv.out")["Body"].read() == b"[7, 7, 7]"
print("all is well")
"""


PYTORCH = f"""
import torch
from sagemaker.core.deserializers import TorchTensorDeserializer
from sagemaker.core.serializers import TorchTensorSerializer

class Doubles(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([2.0]))

    def forward(self, x):
        return x * self.weight

rows, model = torch.tensor([[1.0, 2.0]]), Doubles()
schema = SchemaBuilder(rows, model(rows).detach())
common["image_uri"] = "{TORCH}"
builder = ModelBuilder(model=model, schema_builder=schema, dependencies={{"auto": False}}, **common)
builder.build()
endpoint = builder.deploy(endpoint_name="pytorch")
answer = endpoint.invoke(body=TorchTensorSerializer().serialize(rows), content_type="tensor/pt", accept="tensor/pt")
assert TorchTensorDeserializer().deserialize(answer.body, "tensor/pt").tolist() == [[2.0, 4.0]]
endpoint.delete()
print("all is well")
"""


def test_a_pytorch_module(client: Client) -> None:
    """The client sees PyTorch as a user has it: installed; here it is another environment's."""
    packages = f"import sys; sys.path.append({str(packages_of(torch_python()))!r})\n"
    assert "all is well" in client.script(client_python("v3"), packages + START + PYTORCH).stdout


@pytest.mark.parametrize(
    "program", [MODEL, SPEC, AUTO, KINDS], ids=["scikit-learn", "InferenceSpec", "dependencies", "kinds"]
)
def test_build_deploy_and_invoke(client: Client, program: str) -> None:
    assert "all is well" in client.script(client_python("v3"), START + program).stdout
