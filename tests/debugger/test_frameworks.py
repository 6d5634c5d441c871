"""The hook in frameworks' versions and in loops of users' own, run as a job runs them but for the server."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.frameworks import framework_python
from tests.support.torch import torch_python

from clary.debugger import ModeKeys, Trial, create_trial
from clary.engines import toolkit_path

pytestmark = pytest.mark.slow

TRAIN, EVAL = ModeKeys.TRAIN, ModeKeys.EVAL


def saved(
    folder: Path, python: str | Path, script: str, *collections: str, complains: str = "", **parameters: str
) -> tuple[Trial, str]:
    """What the script saved, and what it printed. Collections and hook parameters are those that the job asks for."""
    config = folder / "input" / "config" / "debughookconfig.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    asked = [{"CollectionName": name} for name in collections]
    document = {"S3OutputPath": "s3://b", "CollectionConfigurations": asked, "HookParameters": parameters}
    config.write_text(json.dumps({**document, "LocalPath": "/opt/ml/output/tensors"}))
    done = subprocess.run(
        [str(python), "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=600, cwd=folder,
        env={**os.environ, "CLARY_ML_ROOT": str(folder), "PYTHONPATH": str(toolkit_path() / "debug"),
             "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stderr.splitlines() if "clary debugger" in line]
    assert (complains in " ".join(told)) if complains else not told, told
    return create_trial(str(folder / "output" / "tensors")), done.stdout


def printed(output: str) -> dict[str, Any]:
    """The script's last line."""
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


TENSORFLOW = ["tf-2.4", "tf-2.10", "tf-2.15", "tf-2.18"]
KERAS = """
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models
tf.random.set_seed(0)
np.random.seed(0)
model = models.Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2, activation="softmax")])
model.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss="categorical_crossentropy", metrics=["accuracy"])
x = np.random.rand(40, 3).astype("float32")
y = np.eye(2)[np.random.randint(0, 2, 40)]
"""
FIT = (
    KERAS
    + """
model.fit(x, y, batch_size=10, epochs=2, validation_data=(x[:20], y[:20]), verbose=0)
model.save_weights("kept.weights.h5")
"""
)


@pytest.mark.parametrize("version", TENSORFLOW)
def test_keras_fit(tmp_path: Path, version: str) -> None:
    python = framework_python(version)
    trial, _ = saved(tmp_path / "default", python, FIT)
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "batch"} <= set(trial.tensor_names())
    assert trial.tensor("val_accuracy").steps() == [5, 11]
    asked = ("weights", "biases", "gradients", "inputs", "outputs", "optimizer_variables")
    trial, _ = saved(tmp_path / "all", python, FIT, *asked, save_interval="3")
    assert trial.steps(TRAIN) == [0, 3, 6]
    (kernel,) = trial.tensor_names(regex="weights/.*dense_1/kernel:0")
    (gradient,) = trial.tensor_names(regex="gradients/.*dense_1/kernelGrad")
    assert trial.tensor(kernel).value(0).shape == trial.tensor(gradient).value(0).shape == (4, 2)
    assert np.abs(trial.tensor(kernel).value(8) - trial.tensor(kernel).value(0)).max() > 0
    assert trial.tensor_names(collection="optimizer_variables")
    assert trial.tensor("inputs").value(0).shape == (10, 3)
    assert trial.tensor("predictions").value(0).shape == trial.tensor("labels").value(0).shape == (10, 2)
    assert trial.tensor("inputs").steps(EVAL), "evaluations have theirs too"


BOARD = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = {}
for mode in ("TRAIN", "EVAL"):
    events = EventAccumulator(sys.argv[1] + "/" + mode).Reload()
    found[mode] = {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
print(json.dumps(found))
"""


def test_tensorboard_shows_what_the_hook_writes(tmp_path: Path) -> None:
    python = framework_python("tf-2.18")
    config = tmp_path / "input" / "config" / "tensorboardoutputconfig.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"S3OutputPath": "s3://b", "LocalPath": "/opt/ml/output/tensorboard"}))
    trial, _ = saved(tmp_path, python, FIT, save_interval="2")
    told = subprocess.run(
        [python, "-c", BOARD, str(tmp_path / "output" / "tensorboard")], capture_output=True, text=True, check=True,
    )  # fmt: skip
    shown = json.loads(told.stdout)
    for name in ("loss", "val_accuracy"):
        found = {step: value for mode in shown.values() for step, value in mode.get(name, ())}
        kept = trial.tensor(name).values()
        assert found.keys() == kept.keys()
        for step, value in kept.items():
            np.testing.assert_allclose(found[step], value[0], rtol=1e-5)


ON_BATCH = (
    KERAS
    + """
import json
kept = []
for step in range(6):
    kept.append(model.train_on_batch(x[:10], y[:10]))
test = model.test_on_batch(x[:10], y[:10])
named = model.train_on_batch(x[:10], y[:10], return_dict=True)
named = {name: float(value) for name, value in named.items()}
print(json.dumps({"kept": np.array(kept).tolist(), "named": named, "test": np.array(test).tolist()}))
"""
)


@pytest.mark.parametrize("version", TENSORFLOW)
def test_keras_train_on_batch(tmp_path: Path, version: str) -> None:
    trial, output = saved(
        tmp_path, framework_python(version), ON_BATCH, "weights", "gradients", save_interval="2"
    )
    told = printed(output)
    assert trial.steps(TRAIN) == [0, 2, 4, 6]
    assert trial.steps(EVAL) == [0]
    losses = [trial.tensor("loss").value(step, TRAIN)[0] for step in (0, 2, 4, 6)]
    np.testing.assert_allclose(losses, [*np.array(told["kept"])[::2, 0], told["named"]["loss"]], rtol=1e-5)
    np.testing.assert_allclose(trial.tensor("accuracy").value(4, TRAIN)[0], told["kept"][4][1], rtol=1e-5)
    np.testing.assert_allclose(trial.tensor("loss").value(0, EVAL)[0], told["test"][0], rtol=1e-5)
    assert len(trial.tensor_names(regex="gradients/.*kernelGrad", step=0)) == 2


TAPE = (
    KERAS
    + """
import json
optimizer = tf.keras.optimizers.SGD(0.1)
kept = []
HOOK
for step in range(5):
    with TAPE as tape:
        loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    kept.append(float(loss))
    SAID
@tf.function
def drawn():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
    tape.gradient(loss, model.trainable_variables)
    return loss
drawn()
print(json.dumps({"kept": kept}))
"""
)
UNASKED = {"HOOK": "", "TAPE": "tf.GradientTape()", "SAID": ""}
ASKED = {
    "HOOK": "import smdebug.tensorflow as smd; hook = smd.KerasHook.create_from_json_file()",
    "TAPE": "hook.wrap_tape(tf.GradientTape())",
    "SAID": "hook.save_scalar('mine', step, sm_metric=True); hook.record_tensor_value('acc', tf.constant(0.5)); "
    "hook.save_tensor('inputs_of_mine', x, collections_to_write='mine')",
}


def replaced(script: str, words: dict[str, str]) -> str:
    for name, text in words.items():
        script = script.replace(name, text)
    return script


@pytest.mark.parametrize("version", TENSORFLOW)
def test_loops_of_gradient_tape_whether_the_script_asks_or_not(tmp_path: Path, version: str) -> None:
    python = framework_python(version)
    trial, output = saved(
        tmp_path / "unasked", python, replaced(TAPE, UNASKED), "gradients", "weights", save_interval="2"
    )
    assert trial.steps() == trial.steps(TRAIN) == [0, 2, 4]
    losses = [value[0] for value in trial.tensor("loss").values().values()]
    np.testing.assert_allclose(losses, printed(output)["kept"][::2], rtol=1e-5)
    assert len(trial.tensor_names(collection="gradients")) == 4
    assert len(trial.tensor_names(collection="weights")) == 2
    trial, _ = saved(tmp_path / "asked", python, replaced(TAPE, ASKED), save_interval="2")
    assert trial.steps() == [0, 1, 2, 3, 4], "numbers of the script's own are saved in each step"
    assert [float(value[0]) for value in trial.tensor("scalar/mine").values().values()] == [0, 1, 2, 3, 4]
    assert trial.tensor("acc").steps() == trial.tensor("inputs_of_mine").steps() == [0, 2, 4]
    assert trial.tensor_names(collection="mine") == ["inputs_of_mine"]


def test_keras_on_jax(tmp_path: Path) -> None:
    script = FIT.replace("import tensorflow as tf\n", "import keras\n").replace("tensorflow.keras", "keras")
    script = script.replace("tf.random.set_seed(0)", "").replace("tf.keras", "keras")
    trial, _ = saved(
        tmp_path, framework_python("keras-jax"), "import os; os.environ['KERAS_BACKEND'] = 'jax'" + script, "weights",
        save_interval="3",
    )  # fmt: skip
    assert trial.steps(TRAIN) == [0, 3, 6]
    assert trial.tensor("val_accuracy").steps() == [5, 11]
    assert len(trial.tensor_names(collection="weights")) == 2


LOOP = """
import json
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
    def forward(self, x):
        return self.b(F.relu(self.a(x)))
net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.5)
x = torch.rand(20, 3)
y = (x.sum(1) > 1.5).long()
kept = []
HOOK
for step in range(5):
    optimizer.zero_grad()
    LOSS
    loss.backward()
    optimizer.step()
    kept.append(loss.item())
    SAID
print(json.dumps({"kept": kept}))
"""
LOSSES = {
    "module": ("loss = nn.CrossEntropyLoss()(net(x), y)", "CrossEntropyLoss_output_0"),
    "function": ("loss = F.cross_entropy(net(x), y)", "CrossEntropyLoss_output_0"),
    "written out": ("loss = ((net(x)[:, 0] - y) ** 2).mean()", "backward_loss_output_0"),
    "sum of two": (
        "loss = F.cross_entropy(net(x), y) + 0.1 * net.a.weight.norm()",
        "CrossEntropyLoss_output_0",
    ),
    "compiled": ("loss = F.cross_entropy(compiled(x), y)", "CrossEntropyLoss_output_0"),
    "compiled with its loss": ("loss = whole(x, y)", "backward_loss_output_0"),
}


@pytest.mark.parametrize("how", LOSSES)
def test_loops_of_pytorch(tmp_path: Path, how: str) -> None:
    text, name = LOSSES[how]
    compiled = """
compiled = torch.compile(net, backend="eager")
whole = torch.compile(lambda x, y: F.cross_entropy(net(x), y), backend="eager")
"""
    script = replaced(LOOP, {"LOSS": text, "HOOK": compiled if "compiled" in how else "", "SAID": ""})
    trial, output = saved(tmp_path, torch_python(), script, "gradients", save_interval="2")
    assert trial.steps(TRAIN) == [0, 2, 4]
    assert trial.tensor_names(collection="losses") == [name]
    if how != "sum of two":
        losses = [value.reshape(-1)[0] for value in trial.tensor(name).values().values()]
        np.testing.assert_allclose(losses, printed(output)["kept"][::2], rtol=1e-5)
    assert len(trial.tensor_names(collection="gradients")) == (0 if how == "compiled with its loss" else 4)


def test_smdebugs_hook_of_pytorch_in_the_script(tmp_path: Path) -> None:
    hook = """
import smdebug.pytorch as smd
from smdebug import modes
hook = smd.Hook(out_dir="/tmp/ignored", save_config=smd.SaveConfig(save_interval=2), include_collections=["gradients"],
                reduction_config=smd.ReductionConfig(norms=["l2"]))
hook.register_module(net)
class Mine(nn.Module):
    def forward(self, output, wanted):
        return F.cross_entropy(output, wanted) * 2
mine = Mine()
hook.register_loss(mine)
hook.get_collection("hidden").include("^a_output")
"""
    said = (
        "hook.set_mode(modes.TRAIN); hook.save_scalar('mine', step); hook.record_tensor_value('extra', loss)"
    )
    words = {"HOOK": hook, "LOSS": "loss = mine(net(x), y)", "SAID": said}
    trial, output = saved(tmp_path, torch_python(), replaced(LOOP, words))
    assert trial.tensor("Mine_output_0").steps() == [0, 2, 4]
    np.testing.assert_allclose(trial.tensor("Mine_output_0").value(2), printed(output)["kept"][2], rtol=1e-5)
    assert trial.tensor("scalar/mine").steps() == [0, 1, 2, 3, 4]
    assert trial.tensor("gradient/Net_a.weight").reduction_values(0).keys() == {("l2", False)}
    assert trial.tensor_names(collection="hidden") == ["a_output_0"]


LIGHTNING = """
import json
import lightning as L
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    def forward(self, x):
        return self.net(x)
    def training_step(self, batch, number):
        x, y = batch
        return F.cross_entropy(self(x), y)
    def validation_step(self, batch, number):
        x, y = batch
        self.log("val_loss", F.cross_entropy(self(x), y))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
x = torch.rand(40, 3)
y = (x.sum(1) > 1.5).long()
data = DataLoader(TensorDataset(x, y), batch_size=10)
trainer = L.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
trainer.fit(Module(), data, data)
"""


def test_lightning(tmp_path: Path) -> None:
    trial, _ = saved(
        tmp_path, framework_python("torch-trainers"), LIGHTNING, "gradients", "weights", save_interval="2"
    )
    losses = trial.tensor("CrossEntropyLoss_output_0")
    assert losses.steps(TRAIN) == [0, 2, 4, 6]
    assert losses.steps(EVAL), "its validation, and the sanity check before training"
    assert len(trial.tensor_names(collection="gradients")) == 4
    assert trial.tensor_names(collection="weights")


TRANSFORMERS = """
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
torch.manual_seed(0)
config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                    max_position_embeddings=16)
model = BertForSequenceClassification(config)
data = [{"input_ids": torch.randint(0, 50, (8,)), "labels": torch.tensor(n % 2)} for n in range(40)]
arguments = TrainingArguments("out", num_train_epochs=2, per_device_train_batch_size=10, report_to="none", use_cpu=True,
                              eval_strategy="epoch", save_strategy="no", disable_tqdm=True)
Trainer(model, arguments, train_dataset=data, eval_dataset=data[:10]).train()
"""


def test_transformers_trainer(tmp_path: Path) -> None:
    python = framework_python("torch-trainers")
    trial, _ = saved(tmp_path, python, TRANSFORMERS, "gradients", save_interval="2")
    losses = trial.tensor("CrossEntropyLoss_output_0")
    assert losses.steps(TRAIN) == [0, 2, 4, 6]
    assert losses.steps(EVAL)
    assert len(trial.tensor_names(collection="gradients")) > 10


SMDEBUGS = """Hook(
    "/opt/ml/output/tensors", save_config=SaveConfig(save_interval=5), hyperparameters=params, train_data=data[0],
    include_collections=["metrics", "feature_importance", "predictions", "labels"], validation_data=data[1],
)"""


@pytest.mark.parametrize("version", ["xgboost-1.2", "xgboost-1.7", "xgboost-3"])
@pytest.mark.parametrize("made", ["Hook.create_from_json_file()", SMDEBUGS], ids=["by the job", "by itself"])
def test_smdebugs_hook_of_xgboost_in_the_script(tmp_path: Path, version: str, made: str) -> None:
    """As AWS's own examples have it: the hook is a callback, and saves each round once."""
    script = f"""
import numpy as np
import xgboost
from smdebug import SaveConfig
from smdebug.xgboost import Hook
random = np.random.RandomState(0)
x = random.rand(200, 3)
data = [xgboost.DMatrix(x[at::2], label=(x[at::2, 0] > 0.5).astype(int)) for at in (0, 1)]
params = {{"objective": "binary:logistic", "eval_metric": "error"}}
hook = {made}
xgboost.train(params, data[0], 21, evals=[(data[0], "train"), (data[1], "validation")], callbacks=[hook])
hook.save_scalar("best", 0.25)
"""
    asked = ("metrics", "feature_importance", "predictions", "labels", "full_shap")
    trial, _ = saved(tmp_path, framework_python(version), script, *asked if "json" in made else ())
    interval = 10 if "json" in made else 5
    assert trial.tensor("validation-error").steps() == list(range(0, 21, interval))
    assert trial.tensor("scalar/best").value(20) == 0.25
    assert trial.tensor("predictions").shape(0) == trial.tensor("labels").shape(0) == (100,)
    names = trial.tensor_names()
    assert "feature_importance/gain/f0" in names
    assert ("full_shap/f0" in names) == ("json" in made)
