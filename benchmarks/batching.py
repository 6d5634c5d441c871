"""What taking requests together brings: a forest of 100 trees on one CSV row of 20 floats, at 32 callers.

    python benchmarks/batching.py [--rounds 3] [--count 1500] [--python PYTHON]

PYTHON has scikit-learn and NumPy; without it, one is made under .cache. In rows a second, medians:

    bare      the handler called in a loop, one request after the other, without a server
    single    an endpoint of one worker, one request at a time
    batched   the same with SAGEMAKER_TS_BATCH_SIZE=32
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from load import drive
from peers import environment
from servers.endpoint import Endpoint, endpoint, signed
from servers.handler import CSV, ROW

CALLERS = 32
TRAIN = """
import joblib, numpy, sys
from sklearn.ensemble import RandomForestClassifier
rng = numpy.random.default_rng(1)
x = rng.normal(size=(2000, 20))
joblib.dump(RandomForestClassifier(100, random_state=1).fit(x, x[:, 0] > 0), sys.argv[1])
"""
SCRIPT = ""
"""The framework's own functions: CSV in, JSON out."""
BARE = """
import joblib, json, numpy, sys, time
model = joblib.load(sys.argv[1])
def handle(body):
    rows = numpy.array([[float(cell) for cell in line.split(",")] for line in body.splitlines()])
    return json.dumps(model.predict(rows).tolist())
for _ in range(20): handle(sys.argv[2])
began = time.perf_counter()
for _ in range(int(sys.argv[3])): handle(sys.argv[2])
print(int(sys.argv[3]) / (time.perf_counter() - began))
"""


def bare(folder: Path, python: str, count: int) -> float:
    arguments = [python, "-c", BARE, str(folder / "model.joblib"), ROW.decode(), str(count)]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=1500)
    options = parser.parse_args()
    python = options.python or str(environment("serving"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([python, "-c", TRAIN, str(folder / "model.joblib")], check=True)
        variables: dict[str, dict[str, Any]] = {
            "single": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
            "batched": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_TS_BATCH_SIZE": str(CALLERS)},
        }
        rates: dict[str, list[float]] = defaultdict(list)
        with ExitStack() as stack:
            targets: dict[str, Endpoint] = {}
            for which, given in variables.items():
                (folder / which).mkdir()
                (folder / which / "model.joblib").symlink_to(folder / "model.joblib")
                targets[which] = stack.enter_context(endpoint(folder / which, python, SCRIPT, given))
            for _ in range(options.rounds):
                rates["bare"].append(bare(folder, python, options.count // 10))
                for which, served in targets.items():
                    request = signed(served.url, CSV, ROW, served.key, served.secret)
                    each = options.count // CALLERS
                    rates[which].append(each * CALLERS / drive(served.url, [[request] * each] * CALLERS))
        for which in ("bare", "single", "batched"):
            print(f"{which:10}{statistics.median(rates[which]):10.1f} requests/s")


if __name__ == "__main__":
    main()
