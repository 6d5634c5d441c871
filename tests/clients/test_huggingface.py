"""SDK v2's HuggingFace estimator, model and predictor, unchanged: a tiny BERT is trained, and a pipeline answers for it.

The images stand for one Python with a CPU's PyTorch and a newer transformers than their tags name: all that their
servers and their toolkit do is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import ROLE, Clary
from tests.support.torch import transformers_python

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    aliases = json.dumps({"*/huggingface-pytorch-*": {"interpreter": str(transformers_python())}})
    with Clary(tmp_path_factory.mktemp("huggingface") / "home", image_aliases=aliases) as server:
        yield server


TRAIN = """
import argparse, os, torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
epochs = parser.parse_args().epochs
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "love", "hate", "this", "film"]
folder = os.environ["SM_MODEL_DIR"]
open("vocab.txt", "w").write("\\\\n".join(words))
tokenizer = BertTokenizer("vocab.txt")
torch.manual_seed(0)
model = BertForSequenceClassification(BertConfig(
    vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1}))
texts, labels = ["i love this film", "i hate this film"], torch.tensor([1, 0])
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
given = tokenizer(texts, return_tensors="pt")
for epoch in range(epochs):
    loss = model(**given, labels=labels).loss
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    print("loss: %.4f" % loss.item())
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
"""

ESTIMATOR = f"""
import sagemaker
from sagemaker.huggingface import HuggingFace, HuggingFaceModel
from sagemaker.serializers import CSVSerializer

session, role = sagemaker.Session(), "{ROLE}"
open("train.py", "w").write('''{TRAIN}''')
estimator = HuggingFace(
    entry_point="train.py", role=role, transformers_version="4.28", pytorch_version="2.0", py_version="py310",
    instance_count=1, instance_type="ml.g5.xlarge", hyperparameters={{"epochs": 60}}, sagemaker_session=session,
    metric_definitions=[{{"Name": "loss", "Regex": "loss: ([0-9.]+)"}}])
estimator.fit()
image = estimator.latest_training_job.describe()["AlgorithmSpecification"]["TrainingImage"]
assert "huggingface-pytorch-training:2.0-transformers4.28-gpu-py310" in image, image

predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large", entry_point=None)
assert type(predictor).__name__ == "HuggingFacePredictor"
first, second = predictor.predict({{"inputs": ["i love this film", "i hate this film"]}})
assert (first["label"], second["label"]) == ("good", "bad"), (first, second)
both = predictor.predict({{"inputs": "i love this film", "parameters": {{"top_k": 2}}}})
assert [each["label"] for each in both] == ["good", "bad"], both
predictor.serializer = CSVSerializer()
assert [each["label"] for each in predictor.predict("inputs\\ni hate this film\\n")] == ["bad"]
try:
    predictor.predict("i hate this film\\n")
    raise SystemExit("it should have failed")
except Exception as error:
    assert "should name its columns" in str(error), error
predictor.delete_endpoint()
print("MODEL", estimator.model_data)
print("all is well")
"""

MODELS = f"""
import os, sagemaker
from sagemaker.huggingface import HuggingFaceModel

session = sagemaker.Session()
common = dict(role="{ROLE}", transformers_version="4.28", pytorch_version="2.0", py_version="py310",
              sagemaker_session=session)
open("inference.py", "w").write('''
from transformers import AutoTokenizer, AutoModelForSequenceClassification
def model_fn(model_dir):
    return AutoTokenizer.from_pretrained(model_dir), AutoModelForSequenceClassification.from_pretrained(model_dir)
def predict_fn(data, model):
    tokenizer, network = model
    scores = network(**tokenizer(data.pop("inputs"), return_tensors="pt")).logits
    return {{"chosen": network.config.id2label[int(scores.argmax())]}}
''')
model = HuggingFaceModel(model_data=os.environ["MODEL"], entry_point="inference.py", **common)
predictor = model.deploy(initial_instance_count=1, instance_type="ml.m5.large")
assert predictor.predict({{"inputs": "i love this film"}}) == {{"chosen": "good"}}
predictor.delete_endpoint()

hub = HuggingFaceModel(env={{"HF_MODEL_ID": "nobody/no-such-model", "HF_TASK": "text-classification"}}, **common)
try:
    hub.deploy(initial_instance_count=1, instance_type="ml.m5.large")
    raise SystemExit("it should have failed")
except Exception as error:
    assert "HF_MODEL_ID names 'nobody/no-such-model'" in str(error), error
    assert "put the model's files into model_data" in str(error), error
print("all is well")
"""


@pytest.fixture(scope="module")
def trained(clary: Clary, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the estimator printed: where its model is."""
    folder = tmp_path_factory.mktemp("trained")
    found = clary.connection
    client = Client(folder / "user", found.url, (found.access_key, found.secret_key))
    program = f"import os; os.chdir({str(folder)!r})" + ESTIMATOR
    return client.script(client_python("v2"), program, seconds=400).stdout


def test_the_estimator_trains_and_its_model_is_a_pipeline(trained: str) -> None:
    assert "loss: " in trained
    assert "all is well" in trained


def test_a_script_of_the_user_s_and_a_hub_that_does_not_answer(
    client: Client, trained: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    model = trained.split("MODEL ")[1].split()[0]
    assert "all is well" in client.script(client_python("v2"), MODELS, {"MODEL": model}, seconds=400).stdout
