"""SDK v2's ModelBuilder, unchanged: a model, or an InferenceSpec in plain Python, becomes an endpoint that answers.

The client sees a framework as a user has it, installed; here it is another environment's, put behind the client's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.frameworks import framework_python
from tests.support.process import ROLE, Clary
from tests.support.torch import torch_python

pytestmark = pytest.mark.slow

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:1"
TORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py311"


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    aliases = json.dumps(
        {
            "*/mine:*": {"interpreter": str(client_python("v2"))},
            "*/pytorch-inference:*": {"interpreter": str(torch_python())},
        }
    )
    with Clary(tmp_path_factory.mktemp("builder") / "home", image_aliases=aliases) as server:
        yield server


START = f"""
import tempfile
import boto3, numpy as np, sagemaker
from sagemaker.serve import InferenceSpec, Mode, ModelBuilder, SchemaBuilder
from sagemaker.serve.marshalling.custom_payload_translator import CustomPayloadTranslator
from sagemaker.serve.utils.types import ModelServer

machine = dict(initial_instance_count=1, instance_type="ml.m5.large")

def deployed(image="{IMAGE}", **given):
    served = dict(image_uri=image, model_server=ModelServer.TORCHSERVE) if image else {{}}
    builder = ModelBuilder(
        role_arn="{ROLE}", sagemaker_session=sagemaker.Session(), mode=Mode.SAGEMAKER_ENDPOINT,
        model_path=tempfile.mkdtemp(), **served, **given)
    return builder.build().deploy(**machine)

def gone(predictor):
    predictor.delete_model()
    predictor.delete_endpoint()
"""

SPEC = """
from sklearn.linear_model import LogisticRegression

rows, labels = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [5.0, 5.0]]), [0, 0, 0, 1]

class Fits(InferenceSpec):
    def load(self, model_dir):
        return LogisticRegression(C=100).fit(rows, labels)

    def invoke(self, input_object, model):
        return model.predict(input_object)

predictor = deployed(inference_spec=Fits(), schema_builder=SchemaBuilder(rows, np.array(labels)))
assert list(predictor.predict(rows)) == labels
gone(predictor)

class Adds(InferenceSpec):
    def load(self, model_dir):
        return {"added": 2}

    def invoke(self, input_object, model):
        return {"sums": [value + model["added"] for value in input_object["values"]]}

predictor = deployed(inference_spec=Adds(), schema_builder=SchemaBuilder({"values": [1, 2]}, {"sums": [3, 4]}))
assert predictor.predict({"values": [5, 6]}) == {"sums": [7, 8]}
gone(predictor)

class Text(CustomPayloadTranslator):
    def serialize_payload_to_bytes(self, payload):
        return payload.encode()

    def deserialize_payload_from_stream(self, stream):
        return stream.read().decode()

class Shouts(InferenceSpec):
    def load(self, model_dir):
        return str.upper

    def invoke(self, input_object, model):
        return model(input_object)

translated = SchemaBuilder("a", "A", input_translator=Text(), output_translator=Text())
predictor = deployed(inference_spec=Shouts(), schema_builder=translated)
assert predictor.predict("hello") == "HELLO"
gone(predictor)

class Fails(InferenceSpec):
    def load(self, model_dir):
        raise RuntimeError("no weights here")

    def invoke(self, input_object, model):
        return input_object

try:
    deployed(inference_spec=Fails(), schema_builder=translated)
    raise SystemExit("it should have failed")
except sagemaker.exceptions.UnexpectedStatusException as error:
    assert "no weights here" in str(error), error
print("all is well")
"""

XGBOOST = """
import xgboost

rows, labels = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [5.0, 5.0]] * 10), [0, 0, 0, 1] * 10
model = xgboost.XGBRFClassifier(n_estimators=20).fit(rows, labels)
schema = SchemaBuilder(rows, model.predict(rows))
predictor = deployed(image=None, model=model, schema_builder=schema)
served = boto3.client("sagemaker").list_models()["Models"][0]["ModelName"]
image = boto3.client("sagemaker").describe_model(ModelName=served)["PrimaryContainer"]["Image"]
assert "/sagemaker-xgboost:3." in image, image
assert list(predictor.predict(rows)) == labels
gone(predictor)
print("all is well")
"""
"""In the image that ModelBuilder chooses, with that image's own Python and XGBoost."""

PYTORCH = f"""
import torch

class Doubles(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([2.0]))

    def forward(self, x):
        return x * self.weight

rows, model = torch.tensor([[1.0, 2.0]]), Doubles()
predictor = deployed(image="{TORCH}", model=model, schema_builder=SchemaBuilder(rows, model(rows).detach()))
assert predictor.predict(rows).tolist() == [[2.0, 4.0]]
gone(predictor)
print("all is well")
"""


def packages(python: str | Path) -> str:
    """A line that puts what this interpreter has behind what the client has."""
    found = next((Path(python).parents[1] / "lib").glob("python3.*/site-packages"))
    return f"import sys; sys.path.append({str(found)!r})\n"


def run(client: Client, program: str) -> None:
    assert "all is well" in client.script(client_python("v2"), program, seconds=400).stdout


def test_an_inference_spec_answers_in_all_forms(client: Client) -> None:
    run(client, START + SPEC)


def test_xgboost_in_the_image_that_is_chosen(client: Client) -> None:
    run(client, packages(framework_python("xgboost-3.2")) + START + XGBOOST)


def test_a_pytorch_module(client: Client) -> None:
    run(client, packages(torch_python()) + START + PYTORCH)
