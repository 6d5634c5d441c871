"""SDK v2 deploys, predicts and transforms, as its users write it, against a real server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.endpoints import ECHO, Endpoints
from tests.support.process import IMAGE, ROLE, Clary

REPOSITORY = Path(__file__).parents[2]

DEPLOY = f"""
import boto3, sagemaker, time
from sagemaker.async_inference import AsyncInferenceConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import CSVSerializer

session = sagemaker.Session()
data = "DATA"
model = Model(image_uri="{IMAGE}", model_data=data, role="{ROLE}", predictor_cls=Predictor, sagemaker_session=session)
kinds = {{"serializer": CSVSerializer(), "deserializer": JSONDeserializer()}}
predictor = model.deploy(initial_instance_count=1, instance_type="ml.m5.large", **kinds)
assert predictor.predict([[1, 2], [3, 4, 5]]) == {{"predictions": [
    {{"predicted_label": "a", "cells": 2}}, {{"predicted_label": "a", "cells": 3}}]}}
predictor.update_endpoint(initial_instance_count=2, instance_type="ml.m5.large")
assert predictor.predict("1,2,3")["predictions"][0]["cells"] == 3

transformer = model.transformer(instance_count=1, instance_type="ml.m5.large", assemble_with="Line", accept="application/json",
                                output_path="s3://" + session.default_bucket() + "/out")
given = session.upload_string_as_file_body("1,2\\n3\\n", session.default_bucket(), "in/rows.csv")
transformer.transform("s3://" + session.default_bucket() + "/in", content_type="text/csv", split_type="Line", wait=True)
body = boto3.client("s3").get_object(Bucket=session.default_bucket(), Key="out/rows.csv.out")["Body"].read().decode()
assert [row["cells"] for row in __import__("json").loads(body)["predictions"]] == [2, 1], body

later = model.deploy(
    initial_instance_count=1, instance_type="ml.m5.large", async_inference_config=AsyncInferenceConfig(), **kinds
)
assert isinstance(later, AsyncPredictor)
assert later.predict("1,2,3")["predictions"][0]["cells"] == 3
later.delete_endpoint()

predictor.delete_model()
predictor.delete_endpoint()
boto3.client("sagemaker").get_waiter("endpoint_deleted").wait(EndpointName=predictor.endpoint_name)
print("all is well")
"""


@pytest.mark.slow
def test_deploy_predict_update_transform_and_delete(client: Client, clary: Clary) -> None:
    endpoints = Endpoints(clary)
    done = client.script(client_python("v2"), DEPLOY.replace("DATA", endpoints.data(ECHO)))
    assert "all is well" in done.stdout
    assert done.stdout.count("rows.csv is done (of 1)") == 1


def test_the_note_s_invoke_and_cleanup_of_endpoints(client: Client, clary: Clary) -> None:
    """The programs of examples/note, unchanged, with boto3 and NumPy of whoever runs the tests."""
    endpoints = Endpoints(clary)
    name = endpoints.up(endpoints.model(label="7"))
    environ = {**client.environ(), "ROLE_ARN": ROLE, "ENDPOINT": name}
    invoked = run("invoke.py", environ)
    assert "{'predictions': [{'predicted_label': '7', 'cells': 3}]}" in invoked
    other = endpoints.up(endpoints.model())
    printed = run("cleanup_endpoints.py", environ)
    assert {name, other} <= set(printed.split())
    client_of = clary.client("sagemaker")
    left = client_of.list_endpoints(StatusEquals="InService")["Endpoints"]
    assert not {name, other} & {each["EndpointName"] for each in left}


def run(program: str, environ: dict[str, str]) -> str:
    python = client_python("v2")
    done = subprocess.run(
        [str(python), str(REPOSITORY / "examples" / "note" / program)], env=environ, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
