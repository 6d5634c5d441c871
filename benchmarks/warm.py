"""From CreateTrainingJob to the first line after `import sklearn`: a plain subprocess, Clary cold, Clary warm.

    python benchmarks/warm.py [--rounds 7] [--image URI] [--imports "import sklearn.linear_model"]

All three run the image's own interpreter, in interleaved rounds. `cold` is a job like any other; `warm` has a
KeepAlivePeriodInSeconds, so it takes what the warm job before it has left. Where the disk's cache has been dropped,
as after a restart, the plain subprocess and the cold job take seconds more, and the warm one does not.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.jobs import Jobs
from tests.support.process import SHARED, Clary

from clary.images.environments import Environments
from clary.settings import Settings

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
POOL = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}


def python(image: str) -> Path:
    """The image's interpreter, built if it is not there."""
    settings = Settings(environments=SHARED["CLARY_ENVIRONMENTS"])
    images = Environments(settings.images, settings)
    return images.build(images.resolve(image), print).python


def plain(interpreter: Path, script: str) -> float:
    began = time.time()
    out = subprocess.run([str(interpreter), "-c", script], capture_output=True, text=True, check=True).stdout
    return float(out.split()[-1]) - began


def job(jobs: Jobs, image: str, source: str, **resources: Any) -> tuple[float, str]:
    request = jobs.request(
        source=source, AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        ResourceConfig={**POOL, **resources},
    )  # fmt: skip
    began = time.time()
    jobs.sagemaker.create_training_job(**request)
    name = str(request["TrainingJobName"])
    ended = jobs.wait(name)
    assert ended["TrainingJobStatus"] == "Completed", ended
    return float(jobs.lines(name)[-1].split()[-1]) - began, name


def ready(clary: Clary, name: str) -> None:
    """An interpreter waits in the pool of this job, and has imported: it sleeps."""
    pattern = f"jobs/{name}-warm-pool-*/algo-1/run/supervisor/started"
    while not list(clary.home.glob(pattern)):
        time.sleep(0.01)
    time.sleep(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--image", default=IMAGE)
    parser.add_argument("--imports", default="import sklearn.linear_model")
    options = parser.parse_args()
    interpreter = python(options.image)
    script = f"import time\n{options.imports}\nprint('imported', time.time())\n"
    found: dict[str, list[float]] = {"plain subprocess": [], "Clary, cold": [], "Clary, warm": []}
    with tempfile.TemporaryDirectory() as folder, Clary(Path(folder) / "home") as clary:
        jobs = Jobs(clary)
        source = jobs.source(script)
        _, left = job(jobs, options.image, source, KeepAlivePeriodInSeconds=3600)
        for _ in range(options.rounds):
            ready(clary, left)
            found["plain subprocess"].append(plain(interpreter, script))
            found["Clary, cold"].append(job(jobs, options.image, source, VolumeSizeInGB=2)[0])
            seconds, name = job(jobs, options.image, source, KeepAlivePeriodInSeconds=3600)
            assert jobs.describe(left)["WarmPoolStatus"]["ReusedByJob"] == name
            found["Clary, warm"].append(seconds)
            left = name
        jobs.sagemaker.update_training_job(
            TrainingJobName=left, ResourceConfig={"KeepAlivePeriodInSeconds": 0}
        )
        while jobs.describe(left)["WarmPoolStatus"]["Status"] != "Terminated":
            time.sleep(0.1)
    floor = statistics.median(found["plain subprocess"])
    print(f"{options.imports:40} {'seconds':>8} {'ratio':>7}")
    for name, values in found.items():
        median = statistics.median(values)
        print(
            f"{name:40} {median:8.3f} {median / floor:6.2f}x   (min {min(values):.3f}, max {max(values):.3f})"
        )


if __name__ == "__main__":
    main()
