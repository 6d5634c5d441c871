"""SDK v2's XGBoost, unchanged: script mode and the built-in algorithm train, their models answer in all formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import ROLE

pytestmark = pytest.mark.slow

TRAIN = """
import argparse, os
import numpy as np, xgboost

parser = argparse.ArgumentParser()
parser.add_argument("--num_round", type=int)
parser.add_argument("--objective")
given = parser.parse_args()
rows = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",")
data = xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])
booster = xgboost.train({"objective": given.objective, "max_depth": 2}, data, given.num_round, evals=[(data, "train")])
booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"))
"""

PROGRAM = f"""
import io, json, random
import numpy as np, sagemaker
from sagemaker import image_uris
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer, JSONSerializer, LibSVMSerializer, NumpySerializer
from sagemaker.xgboost import XGBoost, XGBoostModel, XGBoostPredictor

session, role = sagemaker.Session(), "{ROLE}"
bucket = session.default_bucket()
draw = random.Random(0)
points = [(draw.random(), draw.random()) for _ in range(200)]
csv = "".join(f"{{int(a > b)}},{{a}},{{b}}\\n" for a, b in points)
data = "s3://%s/xgboost" % bucket
session.upload_string_as_file_body(csv, bucket, "xgboost/rows.csv")
high, low = [0.9, 0.1], [0.1, 0.9]

def ordered(scores):
    assert len(scores) == 2 and float(scores[0]) > 0.7 > 0.3 > float(scores[1]), scores

open("train.py", "w").write('''{TRAIN}''')
script = XGBoost(
    entry_point="train.py", role=role, framework_version="1.7-1", instance_count=1, instance_type="ml.m5.large",
    hyperparameters={{"num_round": 10, "objective": "binary:logistic"}}, sagemaker_session=session)
script.fit({{"train": data}})

open("inference.py", "w").write('''
import json, os, xgboost
def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(os.path.join(model_dir, "xgboost-model"))
    return booster
def output_fn(prediction, accept):
    return json.dumps({{"scores": prediction.tolist(), "accept": accept}}), "application/json"
''')
model = XGBoostModel(model_data=script.model_data, role=role, framework_version="1.7-1", entry_point="inference.py",
                     sagemaker_session=session)
predictor = model.deploy(initial_instance_count=1, instance_type="ml.m5.large", deserializer=JSONDeserializer(),
                         serializer=CSVSerializer())
assert type(predictor) is XGBoostPredictor
answer = predictor.predict([high, low])
ordered(answer["scores"])
assert answer["accept"] == "application/json"
for serializer in (LibSVMSerializer(), NumpySerializer()):
    predictor.serializer = serializer
    given = "0 0:0.9 1:0.1\\n0 0:0.1 1:0.9" if isinstance(serializer, LibSVMSerializer) else [high, low]
    ordered(predictor.predict(given)["scores"])
predictor.delete_endpoint()

image = image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
built_in = Estimator(image, role, instance_count=1, instance_type="ml.m5.large", output_path="s3://%s/out" % bucket,
                     sagemaker_session=session,
                     hyperparameters={{"num_round": 10, "objective": "binary:logistic", "max_depth": 2}})
built_in.fit({{"train": sagemaker.inputs.TrainingInput(data, content_type="text/csv")}})
predictor = built_in.deploy(initial_instance_count=1, instance_type="ml.m5.large", serializer=CSVSerializer(),
                            deserializer=CSVDeserializer())
assert type(predictor) is Predictor
ordered([cell for row in predictor.predict([high, low]) for cell in row])
predictor.deserializer = JSONDeserializer()
ordered([row["score"] for row in predictor.predict([high, low])["predictions"]])
predictor.serializer = LibSVMSerializer()
ordered([row["score"] for row in predictor.predict("0:0.9 1:0.1\\n0:0.1 1:0.9")["predictions"]])
try:
    predictor.serializer = CSVSerializer()
    predictor.predict("a,b")
    raise SystemExit("it should have failed")
except Exception as error:
    assert "415" in str(error) or "400" in str(error), error
predictor.delete_endpoint()
print("all is well")
"""


def test_script_mode_and_the_built_in_algorithm(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = client.script(client_python("v2"), PROGRAM, seconds=400)
    assert "all is well" in done.stdout
    assert "train-rmse" in done.stdout or "train-logloss" in done.stdout, "fit shows the log"
