"""What the default hook costs a training loop: the loop with it, as a ratio to the loop without.

Each framework trains in a process of its own with the hook as a job has it (a folder on PYTHONPATH and a
DebugHookConfig), and without; rounds are interleaved, a process times the loop several times, and the least of all is
compared, because on a busy machine only what nothing disturbed tells of the loop. CPU time counts the hook's own
thread too, which a program with a core to spare never waits for. The loops are small on purpose: a larger step makes
the share smaller.

    python benchmarks/debugger.py [ROUNDS] [NAME[=PYTHON] ...]

NAME is one of those below, PYTHON an interpreter that has it; without one, `.cache` gets an environment made by uv.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.peers import environment

from clary.engines import toolkit_path

TIMED = """
import resource, time
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime
def timed(work, times):
    work()
    for _ in range(times):
        began = spent()
        work()
        now = spent()
        print("SPENT", now[0] - began[0], now[1] - began[1], flush=True)
"""
KERAS = """
import os
import numpy as np
import keras
from keras import layers, models
model = models.Sequential([keras.Input((64,)), layers.Dense(256, activation="relu"),
                           layers.Dense(256, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["acc"])
x = np.random.rand(64 * 250, 64).astype("float32")
y = np.eye(10, dtype="float32")[np.random.randint(0, 10, len(x))]
timed(lambda: model.fit(x, y, batch_size=64, epochs=2, validation_split=0.1, verbose=0), 8)
"""
TORCH = """
import torch
import torch.nn as nn
torch.set_num_threads(1)
net = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters())
x, y = torch.rand(64, 64), torch.randint(0, 10, (64,))
def train():
    for _ in range(500):
        optimizer.zero_grad()
        criterion(net(x), y).backward()
        optimizer.step()
timed(train, 10)
"""
XGBOOST = """
import numpy as np
import xgboost
x = np.random.rand(20000, 20)
data = xgboost.DMatrix(x, label=(x[:, 0] > 0.5).astype(int))
parameters = {"objective": "binary:logistic", "nthread": 1}
timed(lambda: xgboost.train(parameters, data, 50, evals=[(data, "train")], verbose_eval=False), 30)
"""
LIGHTGBM = """
import numpy as np
import lightgbm
x = np.random.rand(20000, 20)
data = lightgbm.Dataset(x, (x[:, 0] > 0.5).astype(int))
parameters = {"objective": "binary", "num_threads": 1, "verbose": -1}
timed(lambda: lightgbm.train(parameters, data, 100, valid_sets=[data]), 20)
"""


@dataclass(frozen=True)
class Loop:
    environment: str
    """Of `peers.environment`."""
    text: str
    variables: Mapping[str, str] = field(default_factory=dict)


LOOPS = {
    "keras": Loop("keras", KERAS, {"KERAS_BACKEND": "tensorflow"}),
    "pytorch": Loop("pytorch", TORCH),
    "xgboost": Loop("boosting", XGBOOST),
    "lightgbm": Loop("boosting", LIGHTGBM),
}


def run(python: str, loop: Loop, hooked: bool) -> tuple[float, float]:
    """Wall and CPU seconds of the loop, the least of several."""
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "input" / "config" / "debughookconfig.json"
        config.parent.mkdir(parents=True)
        config.write_text(json.dumps({"S3OutputPath": "s3://bucket", "CollectionConfigurations": []}))
        config.with_name("profilerconfig.json").write_text(json.dumps({"S3OutputPath": "s3://bucket"}))
        environ = {**os.environ, **loop.variables, "CLARY_ML_ROOT": name, "TF_CPP_MIN_LOG_LEVEL": "3"}
        environ["PYTHONPATH"] = str(toolkit_path() / "debug") if hooked else ""
        done = subprocess.run([python, "-c", TIMED + loop.text], env=environ, capture_output=True, text=True)
        told = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("SPENT")]
        assert done.returncode == 0, done.stderr
        saved = (Path(name) / "output" / "tensors" / "index").exists()
        assert saved == hooked, "the hook did not save" if hooked else "there was a hook"
        wall, cpu = zip(*told, strict=True)
        return min(map(float, wall)), min(map(float, cpu))


def main(arguments: list[str]) -> None:
    rounds = int(arguments[0]) if arguments and arguments[0].isdigit() else 6
    given = dict(each.partition("=")[::2] for each in arguments if not each.isdigit()) or dict.fromkeys(
        LOOPS, ""
    )
    pythons = {name: python or str(environment(LOOPS[name].environment)) for name, python in given.items()}
    print(f"{'CPU':10} {'without':>9} {'with':>9}   CPU ratio   wall ratio")
    for name, python in pythons.items():
        runs: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for number in range(rounds):
            for hooked in (False, True) if number % 2 else (True, False):
                runs[hooked].append(run(python, LOOPS[name], hooked))
        (plain, plain_cpu), (wall, cpu) = (
            [min(each) for each in zip(*runs[key], strict=True)] for key in (False, True)
        )
        print(
            f"{name:10} {plain_cpu:8.3f}s {cpu:8.3f}s {cpu / plain_cpu:11.3f} {wall / plain:12.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
