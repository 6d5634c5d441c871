"""The hook in the frameworks themselves: jobs in real images, whose scripts know nothing of it."""

from __future__ import annotations

import io
import json
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.e2e.test_debugger import hook, trial_of
from tests.support.clients import interpreter
from tests.support.jobs import Jobs
from tests.support.process import ALIASES, Clary
from tests.support.torch import torch_python

from clary.debugger import ModeKeys, Trial, create_trial

pytestmark = pytest.mark.slow
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
TF115 = f"{REGISTRY}/tensorflow-training:1.15-gpu-py3"
TF2 = f"{REGISTRY}/tensorflow-training:2.21.0-cpu-py311"
TORCH = f"{REGISTRY}/pytorch-training:2.13.0-cpu-py311"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:{}"
PYTHON = f"{REGISTRY}/python:3.11"
TENSORS = ("weights", "biases", "gradients", "losses", "metrics")
"""Not `outputs`: smdebug has them of training steps only, the hook of evaluations too."""

KERAS = """
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models
HOOK
np.random.seed(0)
getattr(tf.compat.v1, "set_random_seed")(0)
model = models.Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2, activation="softmax")])
optimizer = tf.keras.optimizers.Adam(0.01)
WRAP
model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["acc"])
x = np.random.rand(40, 3).astype("float32")
y = np.eye(2)[np.random.randint(0, 2, 40)]
model.fit(x, y, batch_size=10, epochs=2, validation_data=(x[:20], y[:20]), verbose=0 FIT)
model.evaluate(x, y, batch_size=10, verbose=0 FIT)
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    aliases = {**ALIASES, "*pytorch-training:2.13.0*": {"interpreter": str(torch_python())}}
    with Clary(tmp_path_factory.mktemp("clary") / "home", image_aliases=json.dumps(aliases)) as server:
        yield server


def keras(with_smdebug: bool = False, config: str = "") -> str:
    replaced = {
        "HOOK": "import smdebug.tensorflow as smd; "
        f"hook = smd.KerasHook('/opt/ml/output/data/trial' {config})" if with_smdebug else "",
        "WRAP": "optimizer = hook.wrap_optimizer(optimizer)" if with_smdebug else "",
        "FIT": ", callbacks=[hook]" if with_smdebug else "",
    }  # fmt: skip
    script = KERAS
    for name, text in replaced.items():
        script = script.replace(name, text)
    return script


def run(
    jobs: Jobs, image: str, script: str, files: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    request = jobs.request(textwrap.dedent(script), files=files, **changes)
    request["AlgorithmSpecification"]["TrainingImage"] = image
    jobs.sagemaker.create_training_job(**request)
    job = jobs.wait(request["TrainingJobName"], seconds=1500)
    lines = jobs.lines(job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), lines)
    assert not [line for line in lines if "clary debugger" in line]
    return job


def collections(*names: str, **parameters: str) -> dict[str, Any]:
    configurations = [{"CollectionName": name} for name in names]
    return hook(HookParameters=parameters, CollectionConfigurations=configurations)


def names_by_step(trial: Trial) -> dict[tuple[int, str, int], list[str]]:
    found = {}
    for step in trial.steps():
        mode, mode_step = trial.mode_modestep(step)
        assert mode is not None
        assert mode_step is not None
        found[step, mode.name, mode_step] = trial.tensor_names(step=step)
    return found


@pytest.mark.skipif(interpreter("3.7") is None, reason="TensorFlow 1.15 needs Python 3.7")
@pytest.mark.parametrize("asked", [(), TENSORS], ids=["default", "tensors"])
def test_keras_of_tensorflow_1_as_smdebugs_own_hook(
    debug: Jobs, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    config = (
        f", include_collections={list(asked)}, save_config=smd.SaveConfig(save_interval=3)" if asked else ""
    )
    theirs = run(debug, TF115, keras(with_smdebug=True, config=config))
    archive = debug.s3.get_object(
        Bucket="jobs", Key=f"output/{theirs['TrainingJobName']}/output/output.tar.gz"
    )
    with tarfile.open(fileobj=io.BytesIO(archive["Body"].read())) as tar:
        tar.extractall(tmp_path, filter="data")
    expected = create_trial(str(tmp_path / "trial"))
    job = run(debug, TF115, keras(), **(collections(*asked, save_interval="3") if asked else hook()))
    found = trial_of(job["TrainingJobName"])
    assert names_by_step(found) == names_by_step(expected)
    assert {"acc", "loss", "val_acc", "val_loss", "batch", "size"} <= set(found.tensor_names())
    for name in ("val_acc", "val_loss", "loss", "batch"):
        ours, smdebugs = found.tensor(name).values(), expected.tensor(name).values()
        assert ours.keys() == smdebugs.keys()
        for step, value in ours.items():
            assert value.shape == smdebugs[step].shape
            np.testing.assert_allclose(value, smdebugs[step], rtol=0.2, err_msg=f"{name} {step}")
    for name in found.tensor_names(regex="gradients|weights"):
        assert found.tensor(name).value(0).shape == expected.tensor(name).value(0).shape


def test_keras_3(debug: Jobs) -> None:
    asked = ("weights", "biases", "gradients", "inputs", "outputs", "optimizer_variables")
    job = run(debug, TF2, keras(), **collections(*asked, save_interval="3"))
    trial = trial_of(job["TrainingJobName"])
    assert trial.steps(ModeKeys.TRAIN) == [0, 3, 6]
    assert trial.tensor("val_acc").steps() == [5, 11]
    assert trial.tensor("inputs").value(0).shape == (10, 3)
    assert trial.tensor("predictions").value(0).shape == (10, 2)
    assert trial.tensor_names(collection="weights") == [
        "dense/weights/sequential/dense/kernel:0", "dense_1/weights/sequential/dense_1/kernel:0",
    ]  # fmt: skip
    kernel, gradient = (trial.tensor(name) for name in (
        "dense_1/weights/sequential/dense_1/kernel:0", "gradients/sequential/dense_1/kernelGrad"))  # fmt: skip
    assert gradient.steps(ModeKeys.TRAIN) == [0, 3, 6]
    assert gradient.value(0).shape == kernel.value(0).shape == (4, 2)
    assert np.abs(kernel.value(8) - kernel.value(0)).max() > 0
    assert len(trial.tensor_names(collection="optimizer_variables")) >= 10


TORCH_SCRIPT = """
import copy
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
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), 0.5)
x = torch.rand(20, 3)
y = (x.sum(1) > 1.5).long()
for step in range(7):
    optimizer.zero_grad()
    loss = criterion(net(x), y) if step % 2 else F.cross_entropy(net(x), y)
    print("printed", step, loss.item())
    loss.backward()
    optimizer.step()
net.eval()
criterion(net(x), y)
torch.save(net, "/opt/ml/model/whole.pt")
again = torch.load("/opt/ml/model/whole.pt", weights_only=False)
assert torch.equal(copy.deepcopy(net)(x), again(x))
"""


def test_pytorch(debug: Jobs) -> None:
    reduced = {"CollectionName": "weights", "CollectionParameters": {"reductions": "mean,abs_max,l2_norm"}}
    custom = {
        "CollectionName": "hidden",
        "CollectionParameters": {"include_regex": "^a_output", "save_steps": "1"},
    }
    config = hook(
        HookParameters={"save_interval": "2"},
        CollectionConfigurations=[
            reduced,
            custom,
            {"CollectionName": "gradients"},
            {"CollectionName": "losses"},
        ],
    )
    job = run(debug, TORCH, TORCH_SCRIPT, **config)
    trial = trial_of(job["TrainingJobName"])
    losses = trial.tensor("CrossEntropyLoss_output_0")
    assert losses.steps(ModeKeys.TRAIN) == [0, 2, 4, 6]
    assert losses.steps(ModeKeys.EVAL) == [0]
    printed = [
        float(line.split()[2]) for line in debug.lines(job["TrainingJobName"]) if line.startswith("printed")
    ]
    np.testing.assert_allclose(
        [losses.value(step) for step in (0, 2, 4, 6)], np.array(printed)[::2, None], rtol=1e-5
    )
    weight = trial.tensor("Net_a.weight")
    assert weight.reduction_values(0).keys() == {("mean", False), ("max", True), ("l2", False)}
    assert trial.tensor("a_output_0").steps() == [0, 1, 2, 4, 6, 7]
    assert trial.tensor("gradient/Net_b.weight").value(6).shape == (2, 4)
    assert trial.tensor_names(collection="losses") == ["CrossEntropyLoss_output_0"]


def test_pytorch_unasked(debug: Jobs) -> None:
    job = run(debug, TORCH, TORCH_SCRIPT, **hook())
    trial = trial_of(job["TrainingJobName"])
    assert trial.tensor_names() == ["CrossEntropyLoss_output_0"]
    assert trial.steps() == [0, 7]


DISTRIBUTED = """
import json
import os
import torch.distributed
config = json.load(open("/opt/ml/input/config/resourceconfig.json"))
os.environ.update(MASTER_ADDR=config["hosts"][0], MASTER_PORT="29611")
torch.distributed.init_process_group("gloo", rank=config["hosts"].index(config["current_host"]), world_size=2)
"""


def test_pytorch_on_two_hosts_of_which_each_saves(debug: Jobs) -> None:
    script = DISTRIBUTED + TORCH_SCRIPT.replace(
        "net = Net()", "net = nn.parallel.DistributedDataParallel(Net())"
    )
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1}
    parameters = {"include_workers": "all", "save_interval": "2"}
    job = run(debug, TORCH, script, ResourceConfig=resources, **hook(HookParameters=parameters))
    trial = trial_of(job["TrainingJobName"])
    assert trial.workers() == ["worker_0", "worker_1"]
    assert trial.num_workers == 2
    losses = trial.tensor("CrossEntropyLoss_output_0")
    assert losses.steps(ModeKeys.TRAIN) == [0, 2, 4, 6]
    np.testing.assert_allclose(
        losses.value(2, worker="worker_0"), losses.value(2, worker="worker_1"), rtol=1e-5
    )


@pytest.mark.parametrize("version", ["0.90-2", "1.7-1", "3.0-5"])
def test_xgboost(debug: Jobs, version: str) -> None:
    """0.90 has callbacks of the old form."""
    if interpreter("3.7") is None and version == "0.90-2":
        pytest.skip("XGBoost 0.90 needs Python 3.7")
    script = """
        import numpy as np
        import xgboost
        x = np.random.rand(100, 4)
        y = (x[:, 0] > 0.5).astype(int)
        train, validation = xgboost.DMatrix(x, label=y), xgboost.DMatrix(x[:50], label=y[:50])
        parameters = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"]}
        kept = {}
        xgboost.train(parameters, train, 21, evals=[(train, "train"), (validation, "validation")], evals_result=kept)
        print("last", kept["validation"]["logloss"][20])
    """
    asked = ("feature_importance", "predictions", "labels", "average_shap", "hyperparameters")
    job = run(debug, XGBOOST.format(version), script, **collections(*asked))
    trial = trial_of(job["TrainingJobName"])
    assert trial.steps() == [0, 10, 20]
    assert trial.tensor_names(collection="metrics") == [
        "train-auc", "train-logloss", "validation-auc", "validation-logloss",
    ]  # fmt: skip
    last = next(line for line in debug.lines(job["TrainingJobName"]) if line.startswith("last"))
    assert trial.tensor("validation-logloss").value(20)[0] == pytest.approx(float(last.split()[1]))
    assert trial.tensor("predictions").value(20).shape == trial.tensor("labels").value(20).shape == (50,)
    assert trial.tensor("hyperparameters/objective").value(0).tolist() == ["binary:logistic"]
    assert trial.tensor_names(collection="feature_importance")


def test_lightgbm(debug: Jobs) -> None:
    script = """
        import lightgbm
        import numpy as np
        x = np.random.rand(100, 4)
        y = (x[:, 0] > 0.5).astype(int)
        lightgbm.LGBMClassifier(n_estimators=21, verbose=-1).fit(x, y, eval_set=[(x[:50], y[:50])])
    """
    job = run(
        debug, PYTHON, script, {"requirements.txt": "lightgbm\nnumpy\nscikit-learn\npandas\n"}, **hook()
    )
    trial = trial_of(job["TrainingJobName"])
    assert trial.steps() == [0, 10, 20]
    values = trial.tensor("valid_0-binary_logloss").values()
    assert values[20][0] < values[0][0]


def test_a_program_with_smdebugs_own_hook_is_left_alone(debug: Jobs) -> None:
    if interpreter("3.7") is None:
        pytest.skip("TensorFlow 1.15 needs Python 3.7")
    script = keras(with_smdebug=True).replace(
        "KerasHook('/opt/ml/output/data/trial' )", "KerasHook.create_from_json_file()"
    )
    request = debug.request(script, **collections("weights", save_interval="2"))
    request["AlgorithmSpecification"]["TrainingImage"] = TF115
    debug.sagemaker.create_training_job(**request)
    job = debug.wait(request["TrainingJobName"], seconds=1500)
    assert job["TrainingJobStatus"] == "Completed", debug.lines(job["TrainingJobName"])
    assert "program uses smdebug's own hook" in " ".join(debug.lines(job["TrainingJobName"]))
    trial = trial_of(job["TrainingJobName"])
    assert trial.steps(ModeKeys.TRAIN) == [0, 2, 4, 6]
    assert trial.tensor("val_acc").steps() == [5, 11]
    assert trial.loaded_all_steps
