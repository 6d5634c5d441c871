"""From CreateTrainingJob to the script's first line, and `fit(wait=True)`, beside a plain subprocess.

    python benchmarks/jobs.py [--rounds 7] [--client PYTHON]

Floor: the same interpreter and script as a plain subprocess, in the same rounds. The job goes through everything:
HTTP, signature, store, reconciler, sandbox, toolkit; its script prints the time at which it starts. `--client` is
a Python with the SageMaker SDK v2; without it the `fit` of an sklearn script is left out.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.jobs import Jobs
from tests.support.process import Clary

NO_OP = "import time; print('started', time.time())"
SKLEARN = "import time, sklearn.linear_model; print('started', time.time())"
FIT = """
import logging, os, sys, time
os.chdir(sys.argv[1])
import sagemaker
from sagemaker.sklearn import SKLearn
logging.getLogger("sagemaker").setLevel(logging.ERROR)
session = sagemaker.session.Session()
for _ in range(int(sys.argv[2])):
    estimator = SKLearn(entry_point="train.py", source_dir="source", framework_version="1.2-1", py_version="py3",
                        instance_type="ml.m5.large", role="SageMakerRole", sagemaker_session=session)
    began = time.time()
    estimator.fit(wait=True)
    print("FIT", time.time() - began)
"""


def plain(script: str) -> float:
    began = time.time()
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return float(out.split()[1]) - began


def job(jobs: Jobs, script: str, source: str) -> tuple[float, float]:
    """Seconds to the first line and to the end's being described."""
    request = jobs.request(source=source)
    began = time.time()
    jobs.sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    jobs.wait(name)
    ended = time.time() - began
    return float(jobs.lines(name)[0].split()[1]) - began, ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--client", type=Path, help="a Python with the SageMaker SDK v2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Clary(Path(folder) / "home") as clary:
        jobs = Jobs(clary)
        source = jobs.source(NO_OP)
        job(jobs, NO_OP, source)
        floors, firsts, ends = [], [], []
        for _ in range(options.rounds):
            floors.append(plain(NO_OP))
            first, end = job(jobs, NO_OP, source)
            firsts.append(first)
            ends.append(end)
        floor = statistics.median(floors)
        print(f"{'no-op script':40} {'seconds':>8} {'ratio':>7}")
        for name, values in [
            ("plain subprocess: first line", floors),
            ("CreateTrainingJob: first line", firsts),
            ("CreateTrainingJob: Completed", ends),
        ]:
            median = statistics.median(values)
            print(
                f"{name:40} {median:8.3f} {median / floor:6.1f}x   (min {min(values):.3f}, max {max(values):.3f})"
            )
        if options.client:
            (Path(folder) / "source").mkdir()
            (Path(folder) / "source" / "train.py").write_text(SKLEARN)
            out = subprocess.run(
                [str(options.client), "-W", "ignore", "-c", FIT, folder, "3"],
                env=clary.environment(), capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            times = [float(line.split()[1]) for line in out.splitlines() if line.startswith("FIT")]
            print(f"{'sklearn job: estimator.fit(wait=True)':40} {statistics.median(times):8.3f}"
                  f"          (first {times[0]:.3f}, then {', '.join(f'{t:.3f}' for t in times[1:])})")  # fmt: skip


if __name__ == "__main__":
    main()
