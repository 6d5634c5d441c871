"""SDK v2's PyTorch, unchanged: a network is trained; TorchScript answers without a script, weights with one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import ROLE, Clary
from tests.support.torch import torch_python

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    aliases = json.dumps({"*/pytorch-*": {"interpreter": str(torch_python())}})
    with Clary(tmp_path_factory.mktemp("pytorch") / "home", image_aliases=aliases) as server:
        yield server


TRAIN = """
import argparse, os, network, torch

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    given = parser.parse_args()
    model = network.Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rows = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for epoch in range(given.epochs):
        loss = ((model(rows) - rows.sum(dim=1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        print("loss: %.4f" % loss.item())
    folder = os.environ["SM_MODEL_DIR"]
    torch.jit.script(model).save(os.path.join(folder, "model.pth"))
    torch.save(model.state_dict(), os.path.join(folder, "weights.pt"))

if __name__ == "__main__":  # the endpoint's server imports the script
    main()
"""

PROGRAM = f"""
import os, numpy as np, sagemaker
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.pytorch import PyTorch, PyTorchModel, PyTorchPredictor
from sagemaker.serializers import CSVSerializer, JSONSerializer

session, role = sagemaker.Session(), "{ROLE}"
os.makedirs("source", exist_ok=True)
open("source/network.py", "w").write('''
import torch
class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)
    def forward(self, rows):
        return self.linear(rows)
''')
open("source/train.py", "w").write('''{TRAIN}''')
estimator = PyTorch(
    entry_point="train.py", source_dir="source", role=role, framework_version="2.5", py_version="py311",
    instance_count=1, instance_type="ml.m5.large", hyperparameters={{"epochs": 200}}, sagemaker_session=session,
    metric_definitions=[{{"Name": "loss", "Regex": "loss: ([0-9.]+)"}}])
estimator.fit()
job = estimator.latest_training_job.describe()
assert "/pytorch-training:2.5-cpu-py311" in job["AlgorithmSpecification"]["TrainingImage"]
assert job["FinalMetricDataList"][0]["Value"] < 0.05, job["FinalMetricDataList"]

def near(answer, expected):
    assert np.allclose(np.array(answer, dtype=float), expected, atol=0.3), answer

# The estimator's own script, which has none of the serving functions: the image's defaults answer, for TorchScript.
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
assert type(predictor) is PyTorchPredictor
near(predictor.predict(np.array([[1.0, 1.0], [0.0, 1.0]], dtype="float32")), [[2], [1]])
for serializer, deserializer in ((JSONSerializer(), JSONDeserializer()), (CSVSerializer(), CSVDeserializer())):
    predictor.serializer, predictor.deserializer = serializer, deserializer
    near(predictor.predict([[1.0, 1.0], [0.0, 1.0]]), [[2], [1]])
predictor.delete_endpoint()

open("source/serve.py", "w").write('''
import json, os, network, torch
def model_fn(model_dir):
    model = network.Network()
    model.load_state_dict(torch.load(os.path.join(model_dir, "weights.pt")))
    return model.eval()
def input_fn(body, content_type):
    assert content_type == "application/json"
    return torch.tensor(json.loads(body)["rows"])
def predict_fn(data, model, context):
    with torch.no_grad():
        return [model(data).flatten().tolist(), context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")]
''')
model = PyTorchModel(model_data=estimator.model_data, role=role, framework_version="2.5", py_version="py311",
                     source_dir="source", entry_point="serve.py", sagemaker_session=session)
predictor = model.deploy(initial_instance_count=1, instance_type="ml.m5.large", serializer=JSONSerializer(),
                         deserializer=JSONDeserializer())
(value,), attributes = predictor.predict({{"rows": [[1.0, 1.0]]}}, initial_args={{"CustomAttributes": "mine"}})
near([value], [2])
assert attributes == "mine"
predictor.delete_endpoint()
print("all is well")
"""


def test_a_network_is_trained_and_answers(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "all is well" in client.script(client_python("v2"), PROGRAM, seconds=400).stdout
