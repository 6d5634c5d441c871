"""SDK v2's models of several containers, of many models, and of an image of one's own, against a real server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import programs
from tests.support.clients import Client, client_python
from tests.support.process import ALIASES, Clary

APP = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self): self.answer(b"")
    def do_POST(self):
        rows = self.rfile.read(int(self.headers["Content-Length"])).decode().split()
        weight = float(open("/opt/ml/model/weight").read())
        self.answer("".join("%g\\n" % (weight * sum(map(float, row.split(",")))) for row in rows).encode())
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""

START = """
import io, json, os, tarfile
import boto3, numpy as np, sagemaker
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.model import Model
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearnModel

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
machine = dict(initial_instance_count=1, instance_type="ml.m5.large")

def pack(key, **files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=packed.getvalue())
    return f"s3://{bucket}/{key}"

def gone(predictor, model):
    model.delete_model()
    predictor.delete_endpoint()
    boto3.client("sagemaker").get_waiter("endpoint_deleted").wait(EndpointName=predictor.endpoint_name)
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    root = tmp_path_factory.mktemp("models")
    (root / "app.py").write_text(APP)
    own = {"*/own:*": {"interpreter": sys.executable, "program": str(root), "serve": "python app.py"}}
    (root / "many.py").write_text(programs.MANY)
    own["*/own-many:*"] = {**own["*/own:*"], "serve": "python many.py 8080"}
    with Clary(root / "home", image_aliases=json.dumps({**ALIASES, **own})) as server:
        yield server


@pytest.fixture
def client(clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.chdir(tmp_path)
    connection = clary.connection
    return Client(tmp_path / "user", connection.url, (connection.access_key, connection.secret_key))


def run(client: Client, script: str) -> str:
    return client.script(client_python("v2"), START + script).stdout


PIPELINE = '''
with open("preprocess.py", "w") as file:
    file.write("""
import numpy
def model_fn(model_dir): return float(open(model_dir + "/scale").read())
def input_fn(body, kind): return numpy.array([[float(cell) for cell in row.split(",")] for row in body.split()])
def predict_fn(rows, scale): return rows / scale
""")
rng = np.random.RandomState(0)
labels = (np.arange(600) % 2).astype("float32")
rows = (rng.normal(0, 1, (600, 3)) + 4 * labels[:, None]).astype("float32")
learner = sagemaker.LinearLearner(predictor_type="binary_classifier", role=role, instance_count=1, epochs=5,
                                  instance_type="ml.m5.large", sagemaker_session=session)
learner.fit(learner.record_set(rows, labels), mini_batch_size=200)
first = SKLearnModel(model_data=pack("scale.tar.gz", scale="10"), role=role, entry_point="preprocess.py",
                     framework_version="1.2-1", sagemaker_session=session,
                     env={"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"})
pipeline = PipelineModel(name="scaled", role=role, models=[first, learner.create_model()], sagemaker_session=session,
                         predictor_cls=Predictor)
predictor = pipeline.deploy(**machine, endpoint_name="scaled-endpoint")
predictor.serializer, predictor.deserializer = CSVSerializer(), JSONDeserializer()
answer = predictor.predict([[1.0, 2.0, -3.0], [41.0, 39.0, 42.0]])
assert [row["predicted_label"] for row in answer["predictions"]] == [0, 1], answer
described = boto3.client("sagemaker").describe_model(ModelName="scaled")
assert len(described["Containers"]) == 2, described

transformer = pipeline.transformer(instance_count=1, instance_type="ml.m5.large", assemble_with="Line",
                                   accept="application/json", output_path=f"s3://{bucket}/out")
session.upload_string_as_file_body("1,2,-3\\n41,39,42\\n", bucket, "in/rows.csv")
transformer.transform(f"s3://{bucket}/in", content_type="text/csv", split_type="Line", wait=True)
body = boto3.client("s3").get_object(Bucket=bucket, Key="out/rows.csv.out")["Body"].read().decode()
assert [row["predicted_label"] for row in json.loads(body)["predictions"]] == [0, 1], body

pipeline.deploy(initial_instance_count=2, instance_type="ml.m5.large", endpoint_name="scaled-endpoint", update_endpoint=True)
assert predictor.predict([[41.0, 39.0, 42.0]])["predictions"][0]["predicted_label"] == 1
gone(predictor, pipeline)
print("all is well")
'''


@pytest.mark.slow
def test_a_pipeline_model_deploys_predicts_transforms_and_goes(client: Client) -> None:
    """A scikit-learn stage before a linear learner that Clary trained."""
    assert "all is well" in run(client, PIPELINE)


MANY = '''
with open("inference.py", "w") as file:
    file.write("""
def model_fn(model_dir): return open(model_dir + "/name").read()
def input_fn(body, kind): return body
def predict_fn(body, model): return [[model + " " + body]]
""")
one = SKLearnModel(model_data=pack("single/one.tar.gz", name="one"), role=role, entry_point="inference.py",
                   framework_version="1.2-1", sagemaker_session=session)
many = MultiDataModel(name="several", model_data_prefix=f"s3://{bucket}/several/", model=one, sagemaker_session=session)
many.add_model(pack("elsewhere/two.tar.gz", name="two"), "two.tar.gz")
predictor = many.deploy(**machine, endpoint_name="several", serializer=CSVSerializer(), deserializer=JSONDeserializer())
assert list(many.list_models()) == ["two.tar.gz"], list(many.list_models())
assert predictor.predict("1,2", target_model="two.tar.gz") == [["two 1,2"]]
boto3.client("s3").download_file(bucket, "single/one.tar.gz", "one.tar.gz")
many.add_model("one.tar.gz")
assert sorted(many.list_models()) == ["one.tar.gz", "two.tar.gz"]
assert predictor.predict("3", target_model="one.tar.gz") == [["one 3"]]
assert predictor.predict("4", target_model="/two.tar.gz") == [["two 4"]]
try:
    predictor.predict("5", target_model="three.tar.gz")
except boto3.client("sagemaker-runtime").exceptions.ClientError as error:
    assert "Failed to download model data" in str(error), error
else:
    raise AssertionError("there is no third")
gone(predictor, many)
print("all is well")
'''


@pytest.mark.slow
def test_a_multi_data_model_gets_models_while_it_serves(client: Client) -> None:
    assert "all is well" in run(client, MANY)


OWN_MANY = """
image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own-many:1"
many = MultiDataModel(name="own-many", model_data_prefix=f"s3://{bucket}/own-many/", image_uri=image, role=role,
                      predictor_cls=Predictor, sagemaker_session=session)
predictor = many.deploy(**machine)
for name in ("one", "two"):
    many.add_model(pack(f"elsewhere/{name}.tar.gz", name=name), f"{name}.tar.gz")
answers = [predictor.predict("1", target_model=f"{name}.tar.gz") for name in ("one", "two", "one")]
assert answers == [b"one", b"two", b"one"], answers
gone(predictor, many)
print("all is well")
"""


@pytest.mark.slow
def test_a_multi_data_model_has_an_image_of_one_s_own(client: Client) -> None:
    assert "all is well" in run(client, OWN_MANY)


OWN = """
image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1"
model = Model(image_uri=image, model_data=pack("own.tar.gz", weight="3"), role=role, predictor_cls=Predictor,
              sagemaker_session=session)
predictor = model.deploy(**machine, serializer=CSVSerializer(), deserializer=CSVDeserializer())
assert predictor.predict([[1, 2], [3, 4]]) == [["9"], ["21"]]
transformer = model.transformer(instance_count=1, instance_type="ml.m5.large", assemble_with="Line",
                                output_path=f"s3://{bucket}/own-out")
session.upload_string_as_file_body("1\\n2\\n", bucket, "own-in/rows.csv")
transformer.transform(f"s3://{bucket}/own-in", content_type="text/csv", split_type="Line", wait=True)
body = boto3.client("s3").get_object(Bucket=bucket, Key="own-out/rows.csv.out")["Body"].read()
assert body == b"3\\n6\\n", body
gone(predictor, model)
print("all is well")
"""


@pytest.mark.slow
def test_an_image_of_one_s_own_is_deployed_by_its_uri(client: Client) -> None:
    assert "all is well" in run(client, OWN)
