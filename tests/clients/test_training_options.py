"""What else an estimator of SDK v2 offers: a source out of git, a warm pool kept, reused and ended."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.jobs import Jobs
from tests.support.process import IMAGE, ROLE, Clary

pytestmark = pytest.mark.slow

HOSTED = "https://git.example.test/team/models.git"

GIT = """
import json, sagemaker
from sagemaker.estimator import Estimator

jobs = {}
for name, config in {"branch": {"branch": "tuned"}, "commit": {"commit": "%(commit)s"}}.items():
    estimator = Estimator(image_uri="%(image)s", role="%(role)s", instance_count=1, instance_type="ml.t3.medium",
                          sagemaker_session=sagemaker.Session(), entry_point="train.py", source_dir="training",
                          git_config={"repo": "%(repo)s", **config})
    estimator.fit(wait=False)
    jobs[name] = estimator.latest_training_job.name
print("RESULT" + json.dumps(jobs))
"""


def git(folder: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.test"}
    who |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **who},
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A bare one, and its first commit; the branch `tuned` is one further."""
    work = tmp_path / "work"
    (work / "training").mkdir(parents=True)
    git(work, "init", "--quiet", "--initial-branch", "main")
    (work / "training" / "train.py").write_text("import helper\nprint('trained', helper.RATE)\n")
    (work / "training" / "helper.py").write_text("RATE = 1\n")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "first")
    commit = git(work, "rev-parse", "HEAD")
    git(work, "checkout", "--quiet", "-b", "tuned")
    (work / "training" / "helper.py").write_text("RATE = 2\n")
    git(work, "commit", "--quiet", "-am", "tuned")
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(bare))
    return bare, commit


def test_a_source_out_of_git(
    clary: Clary,
    client: Client,
    repository: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK takes https and ssh addresses alone; git itself is told that this one lies on the disk."""
    bare, commit = repository
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{bare}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", HOSTED)
    script = GIT % {"image": IMAGE, "role": ROLE, "repo": HOSTED, "commit": commit}
    started = json.loads(client.script(client_python("v2"), script).stdout.split("RESULT")[1])
    jobs = Jobs(clary)
    for name, line in (("branch", "trained 2"), ("commit", "trained 1")):
        job = jobs.wait(started[name])
        assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(started[name]))
        assert jobs.lines(started[name]) == [line]


WARM = """
import json, time, sagemaker
from sagemaker.estimator import Estimator

session = sagemaker.Session()
open("train.py", "w").write("import sys; print('imported' if 'numpy' in sys.modules else 'new'); import numpy")
def fit(seconds):
    estimator = Estimator(image_uri="%(image)s", role="%(role)s", instance_count=1, instance_type="ml.t3.medium",
                          sagemaker_session=session, entry_point="train.py", keep_alive_period_in_seconds=seconds)
    estimator.fit(logs=False)
    return estimator.latest_training_job.name
def pool(name):
    return session.describe_training_job(name)["WarmPoolStatus"]
first = fit(600)
assert pool(first)["Status"] == "Available", pool(first)
second = fit(600)
assert pool(first)["Status"] == "Reused" and pool(first)["ReusedByJob"] == second, pool(first)
session.update_training_job(second, resource_config={"KeepAlivePeriodInSeconds": 1200})
assert session.describe_training_job(second)["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 1200
assert pool(second)["Status"] == "Available", pool(second)
session.update_training_job(second, resource_config={"KeepAlivePeriodInSeconds": 0})
until = time.time() + 60
while pool(second)["Status"] != "Terminated":
    assert time.time() < until, pool(second)
    time.sleep(0.1)
print("RESULT" + json.dumps([first, second]))
"""


def test_a_warm_pool_is_kept_reused_and_ended(
    clary: Clary, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = WARM % {"image": IMAGE, "role": ROLE}
    names = json.loads(client.script(client_python("v2"), script).stdout.split("RESULT")[1])
    jobs = Jobs(clary)
    assert [jobs.lines(name) for name in names] == [["new"], ["imported"]]
