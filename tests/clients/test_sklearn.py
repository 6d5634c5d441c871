"""SDK v2's SKLearn, unchanged: what the estimator has trained answers in each of its image's formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import ROLE

pytestmark = pytest.mark.slow

PROGRAM = f"""
import numpy as np, sagemaker
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer, NumpyDeserializer
from sagemaker.serializers import CSVSerializer, JSONSerializer, NumpySerializer
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnPredictor

session, role = sagemaker.Session(), "{ROLE}"
open("train.py", "w").write('''
import argparse, os

def model_fn(model_dir):
    import joblib
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    import joblib, numpy as np
    from sklearn.linear_model import LinearRegression
    parser = argparse.ArgumentParser()
    parser.add_argument("--fit_intercept", type=int)
    given = parser.parse_args()
    rows = np.array([[0, 0], [1, 0], [0, 1], [2, 3]], dtype=float)
    model = LinearRegression(fit_intercept=bool(given.fit_intercept)).fit(rows, rows.sum(axis=1))
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
''')
estimator = SKLearn(
    entry_point="train.py", role=role, framework_version="1.2-1", instance_count=1, instance_type="ml.m5.large",
    hyperparameters={{"fit_intercept": 0}}, sagemaker_session=session)
estimator.fit()
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
assert type(predictor) is SKLearnPredictor
rows = [[1.0, 1.0], [2.0, 5.0]]
kinds = [(NumpySerializer(), NumpyDeserializer()), (JSONSerializer(), JSONDeserializer()), (CSVSerializer(), CSVDeserializer()),
         (CSVSerializer(), NumpyDeserializer())]
for predictor.serializer, predictor.deserializer in kinds:
    answer = np.array(predictor.predict(rows), dtype=float).flatten()
    assert np.allclose(answer, [2, 7]), (predictor.serializer, answer)
transformer = estimator.transformer(
    1, "ml.m5.large", assemble_with="Line", accept="text/csv", output_path="s3://%s/out" % session.default_bucket())
given = session.upload_string_as_file_body("1,1\\n2,5\\n", session.default_bucket(), "in/rows.csv")
transformer.transform(given, content_type="text/csv", split_type="Line")
body = session.read_s3_file(session.default_bucket(), "out/rows.csv.out")
assert np.allclose([float(line) for line in body.split()], [2, 7]), body
predictor.delete_model()
predictor.delete_endpoint()

open("inference.py", "w").write('''
import joblib, os, sklearn
def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
def predict_fn(data, model):
    return dict(zip(["sum", "version"], [float(model.predict(data)[0]), sklearn.__version__]))
''')
model = SKLearnModel(model_data=estimator.model_data, role=role, entry_point="inference.py", framework_version="1.2-1",
                     sagemaker_session=session)
predictor = model.deploy(initial_instance_count=1, instance_type="ml.m5.large", serializer=JSONSerializer(),
                         deserializer=JSONDeserializer())
answer = predictor.predict([[1.0, 1.0]])
assert round(answer["sum"], 6) == 2 and answer["version"] == "1.2.1", answer
predictor.delete_endpoint()
print("all is well")
"""


def test_a_model_is_trained_and_answers_in_each_format(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "all is well" in client.script(client_python("v2"), PROGRAM, seconds=400).stdout
