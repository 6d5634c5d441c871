"""SDK v2's TensorFlow estimator, model and predictor, unchanged: Keras trains, a SavedModel answers as TF Serving does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import ROLE, Clary
from tests.support.tensorflow import tensorflow_python

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    aliases = json.dumps({"*/tensorflow-*": {"interpreter": str(tensorflow_python())}})
    with Clary(tmp_path_factory.mktemp("tensorflow") / "home", image_aliases=aliases) as server:
        yield server


TRAIN = """
import argparse, os
import numpy as np, tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--model_dir")
given = parser.parse_args()
rows = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",", dtype="float32")
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
history = model.fit(rows[:, :2], rows[:, 2], epochs=given.epochs, verbose=2)
print("model_dir", given.model_dir)
model.layers[0].set_weights([np.array([[2.0], [3.0]]), np.array([1.0])])

class Served(tf.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="rows")])
    def both(self, rows):
        return {"sum": tf.reduce_sum(rows, axis=1), "value": self.model(rows)[:, 0]}

served = Served()
plain = tf.function(lambda rows: {"value": model(rows)}, input_signature=[tf.TensorSpec([None, 2], tf.float32, name="rows")])
served.plain = plain
tf.saved_model.save(served, os.path.join(os.environ["SM_MODEL_DIR"], "1"),
                    signatures={"serving_default": plain, "both": served.both})
"""

PROGRAM = f"""
import sagemaker
from sagemaker.serializers import CSVSerializer, JSONLinesSerializer, NumpySerializer
from sagemaker.tensorflow import TensorFlow, TensorFlowModel, TensorFlowPredictor

session, role = sagemaker.Session(), "{ROLE}"
open("train.py", "w").write('''{TRAIN}''')
data = session.upload_string_as_file_body("1,2,9\\n3,4,19\\n", session.default_bucket(), "train/rows.csv")
estimator = TensorFlow(
    entry_point="train.py", role=role, framework_version="2.19", py_version="py312", instance_count=1,
    instance_type="ml.m5.large", hyperparameters={{"epochs": 2}}, sagemaker_session=session,
    metric_definitions=[{{"Name": "loss", "Regex": "loss: ([0-9.e+-]+)"}}])
estimator.fit({{"train": data.rsplit("/", 1)[0]}})
job = estimator.latest_training_job.describe()
assert "/tensorflow-training:2.19-cpu-py312" in job["AlgorithmSpecification"]["TrainingImage"]
assert job["FinalMetricDataList"], job

predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
assert type(predictor) is TensorFlowPredictor
assert predictor.predict({{"instances": [[1.0, 1.0], [2.0, 0.0]]}}) == {{"predictions": [[6.0], [5.0]]}}
assert predictor.predict({{"inputs": [[1.0, 1.0]]}}) == {{"outputs": [[6.0]]}}
assert predictor.predict([[1.0, 1.0]]) == {{"predictions": [[6.0]]}}
assert predictor.predict({{"signature_name": "both", "instances": [{{"rows": [1.0, 1.0]}}]}}) == {{
    "predictions": [{{"sum": 2.0, "value": 6.0}}]}}
predictor.serializer = CSVSerializer()
assert predictor.predict("1,1\\n2,0\\n") == {{"predictions": [[6.0], [5.0]]}}
predictor.serializer = JSONLinesSerializer()
assert predictor.predict([[1.0, 1.0], [2.0, 0.0]]) == {{"predictions": [[6.0], [5.0]]}}
predictor.serializer = NumpySerializer()
assert predictor.predict([[1.0, 1.0]]) == {{"predictions": [[6.0]]}}
other = TensorFlowPredictor(predictor.endpoint_name, session, model_name="nothing")
try:
    other.predict([[1.0, 1.0]])
    raise SystemExit("it should have failed")
except Exception as error:
    assert "Servable not found for request: Latest(nothing)" in str(error), error
predictor.delete_endpoint()

open("inference.py", "w").write('''
import json
def input_handler(data, context):
    assert context.request_content_type == "application/json", context
    return json.dumps({{"instances": json.loads(data.read().decode())["rows"]}})
def output_handler(answer, context):
    if answer.status_code != 200:
        raise ValueError(answer.content.decode())
    values = [value for value, in answer.json()["predictions"]]
    return json.dumps({{"values": values, "model": context.model_name}}), context.accept_header
''')
model = TensorFlowModel(model_data=estimator.model_data, role=role, framework_version="2.19", entry_point="inference.py",
                        sagemaker_session=session)
predictor = model.deploy(initial_instance_count=1, instance_type="ml.m5.large")
assert predictor.predict({{"rows": [[1.0, 1.0], [0.0, 0.0]]}}) == {{"values": [6.0, 1.0], "model": "model"}}
try:
    predictor.predict({{"rows": [[1.0]]}})
    raise SystemExit("it should have failed")
except Exception as error:
    assert "the signature asks for" in str(error), error
predictor.delete_endpoint()
print("all is well")
"""


def test_keras_trains_and_tensorflow_serving_answers(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = client.script(client_python("v2"), PROGRAM, seconds=400)
    assert "all is well" in done.stdout
    assert "model_dir s3://" in done.stdout, "the estimator's hyperparameter reaches the script"
