"""What the default hook costs a training loop: the loop with it, as a ratio to the loop without.

Each framework trains in a process of its own with the hook as a job has it (a folder on PYTHONPATH and a
DebugHookConfig), and without; rounds are interleaved, and the least of each is compared, because on a busy machine
only what nothing disturbed tells of the loop. CPU time counts the hook's own thread too, which a program with a
core to spare never waits for. The loops are small on purpose: a larger step makes the share smaller.

    python benchmarks/debugger.py [ROUNDS] NAME=PYTHON ...

NAME is keras, pytorch, xgboost or lightgbm, PYTHON an interpreter that has it (`clary images pull` prints one).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from clary.engines import toolkit_path

TIMED = """
import resource, time
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime
def told(began):
    now = spent()
    print("SPENT", now[0] - began[0], now[1] - began[1])
"""
LOOPS = {
    "keras": """
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models
model = models.Sequential([layers.Dense(256, activation="relu", input_shape=(64,)),
                           layers.Dense(256, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["acc"])
x = np.random.rand(64 * 250, 64).astype("float32")
y = np.eye(10, dtype="float32")[np.random.randint(0, 10, len(x))]
model.fit(x[:6400], y[:6400], batch_size=64, verbose=0)
began = spent()
model.fit(x, y, batch_size=64, epochs=4, validation_split=0.1, verbose=0)
told(began)
""",
    "pytorch": """
import torch
import torch.nn as nn
torch.set_num_threads(1)
net = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters())
x, y = torch.rand(64, 64), torch.randint(0, 10, (64,))
def train(steps):
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(net(x), y).backward()
        optimizer.step()
train(100)
began = spent()
train(1000)
told(began)
""",
    "xgboost": """
import numpy as np
import xgboost
x = np.random.rand(20000, 20)
data = xgboost.DMatrix(x, label=(x[:, 0] > 0.5).astype(int))
parameters = {"objective": "binary:logistic", "nthread": 1}
xgboost.train(parameters, data, 10, evals=[(data, "train")], verbose_eval=False)
began = spent()
xgboost.train(parameters, data, 50, evals=[(data, "train")], verbose_eval=False)
told(began)
""",
    "lightgbm": """
import numpy as np
import lightgbm
x = np.random.rand(20000, 20)
data = lightgbm.Dataset(x, (x[:, 0] > 0.5).astype(int))
parameters = {"objective": "binary", "num_threads": 1, "verbose": -1}
lightgbm.train(parameters, data, 10, valid_sets=[data])
began = spent()
lightgbm.train(parameters, data, 100, valid_sets=[data])
told(began)
""",
}


def run(python: str, loop: str, hooked: bool) -> tuple[float, float]:
    """Wall and CPU seconds of the loop."""
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "input" / "config" / "debughookconfig.json"
        config.parent.mkdir(parents=True)
        config.write_text(json.dumps({"S3OutputPath": "s3://bucket", "CollectionConfigurations": []}))
        environ = {**os.environ, "CLARY_ML_ROOT": name, "TF_CPP_MIN_LOG_LEVEL": "3"}
        environ["PYTHONPATH"] = str(toolkit_path() / "debug") if hooked else ""
        done = subprocess.run([python, "-c", TIMED + loop], env=environ, capture_output=True, text=True)
        told = [line.split() for line in done.stdout.splitlines() if line.startswith("SPENT")]
        assert told, done.stderr
        saved = (Path(name) / "output" / "tensors" / "index").exists()
        assert saved == hooked, "the hook did not save" if hooked else "there was a hook"
        return float(told[0][1]), float(told[0][2])


def main(arguments: list[str]) -> None:
    rounds = int(arguments[0]) if arguments and arguments[0].isdigit() else 5
    chosen = dict(each.split("=", 1) for each in arguments if "=" in each)
    print(f"{'':10} {'without':>9} {'with':>9}   wall ratio   CPU ratio")
    for name, python in chosen.items():
        pairs = []
        for number in range(rounds):
            order = (False, True) if number % 2 else (True, False)
            pairs.append({hooked: run(python, LOOPS[name], hooked) for hooked in order})
        (plain, plain_cpu), (hooked, hooked_cpu) = (
            [min(pair[which][part] for pair in pairs) for part in (0, 1)] for which in (False, True)
        )
        wall, cpu = hooked / plain, hooked_cpu / plain_cpu
        print(f"{name:10} {plain:8.3f}s {hooked:8.3f}s {wall:12.3f} {cpu:11.3f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
