"""What taking requests together brings: a forest of 100 trees on one CSV row of 20 floats, at 32 callers.

    python benchmarks/batching.py --python PYTHON [--rounds 3] [--count 1500]

PYTHON has scikit-learn and NumPy (the tests' client environment v2 does). In rows a second, medians:

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
from pathlib import Path
from typing import Any

import serving
from load import drive

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
    arguments = [python, "-c", BARE, str(folder / "model.joblib"), serving.ROW.decode(), str(count)]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=1500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([options.python, "-c", TRAIN, str(folder / "model.joblib")], check=True)
        variables: dict[str, dict[str, Any]] = {
            "single": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
            "batched": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_TS_BATCH_SIZE": str(CALLERS)},
        }
        rates: dict[str, list[float]] = defaultdict(list)
        processes, targets = [], {}
        try:
            for which, environment in variables.items():
                (folder / which).mkdir()
                (folder / which / "model.joblib").symlink_to(folder / "model.joblib")
                process, url, key, secret = serving.endpoint(
                    folder / which, options.python, environment, SCRIPT
                )
                processes.append(process)
                targets[which] = url, key, secret
            for _ in range(options.rounds):
                rates["bare"].append(bare(folder, options.python, options.count // 10))
                for which, (url, key, secret) in targets.items():
                    request = serving.signed(url, "text/csv", serving.ROW, key, secret)
                    each = options.count // CALLERS
                    rates[which].append(each * CALLERS / drive(url, [[request] * each] * CALLERS))
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)
        for which in ("bare", "single", "batched"):
            print(f"{which:10}{statistics.median(rates[which]):10.1f} requests/s")


if __name__ == "__main__":
    main()
