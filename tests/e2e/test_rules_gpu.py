"""The profiler's rules about GPUs on real trainings: one that starves its cards and one that waits for the disk trip them,
one that feeds its cards none.

No machine of the project has a GPU, so the cards are a stand-in at the one place where Clary meets them: an
`nvidia-smi`, which tells of two cards what the training says that it does with them. The training, its use of CPUs and
disk, the profile, the rules and their verdicts are real.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from tests.e2e.test_profiler import CONFIG, judged, rule, samples
from tests.support.jobs import Jobs
from tests.support.process import Clary

NVIDIA_SMI = """#!/bin/sh
case "$1" in
    --query-gpu=index,*) cat {home}/jobs/*/*/ml/output/data/cards 2>/dev/null ;;
esac
exit 0
"""
PUT = """
import os, time
import numpy as np
folder = os.path.join(os.environ.get("CLARY_ML_ROOT", "/opt/ml"), "output", "data")
def cards(*lines):
    with open(folder + "/new", "w") as file:
        file.write("".join("%d, %d, %d, 16384\\n" % line for line in lines))
    os.replace(folder + "/new", folder + "/cards")
ends = time.time() + 8
"""
STARVED = (
    PUT
    + """
# The CPUs are busy and the cards have little to do, the second a bit more; the first is given more memory.
def compute():
    while time.time() < ends:
        np.linalg.inv(np.random.rand(300, 300))
        past = 8 - (ends - time.time())
        cards((0, 2, 1000 if past < 4 else 6000), (1, 14, 2000))
if os.fork() == 0:
    while time.time() < ends:
        np.linalg.inv(np.random.rand(300, 300))
    os._exit(0)
compute()
os.wait()
"""
)
WAITING = (
    PUT
    + """
# Two processes wait for the disk, and the cards for them.
child = os.fork()
while time.time() < ends:
    with open(folder + "/written-%d" % bool(child), "wb") as file:
        file.write(os.urandom(1 << 18))
        file.flush()
        os.fsync(file.fileno())
    if child:
        cards((0, 2, 2000), (1, 3, 2000))
if not child:
    os._exit(0)
os.wait()
"""
)
FED = (
    PUT
    + """
step = 0
while time.time() < ends:
    np.linalg.inv(np.random.rand(300, 300))
    step += 1
    cards((0, 96, 14000), (1, 95, 14000))
print("steps", step)
"""
)
RULES = [
    rule("LowGPUUtilization", patience="8", window="40"),
    rule("BatchSize", patience="8", window="40", cpu_threshold_p95="101"),
    rule("CPUBottleneck", patience="8", cpu_threshold="30"),
    rule("GPUMemoryIncrease", patience="8", window="4"),
    rule("LoadBalancing", patience="8"),
]
DISK = rule("IOBottleneck", patience="8", io_threshold="1", threshold="20")
IDLE = 60
"""Percent that CPUs may be busy: the kernel counts a wait for the disk only while a CPU has nothing else to do."""


@pytest.fixture
def jobs_with_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    home, programs = tmp_path / "home", tmp_path / "bin"
    programs.mkdir()
    smi = programs / "nvidia-smi"
    smi.write_text(NVIDIA_SMI.format(home=home))
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    with Clary(home) as clary:
        yield Jobs(clary)


def verdicts(
    jobs: Jobs, script: str, rules: Sequence[dict[str, Any]]
) -> tuple[str, dict[str, str], dict[str, str]]:
    """The job's name; of each rule its status and what it says."""
    job = jobs.run(
        script,
        ProfilerConfig={**CONFIG, "ProfilingIntervalInMilliseconds": 100},
        ProfilerRuleConfigurations=rules,
    )
    name = job["TrainingJobName"]
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(name))
    found = judged(jobs, name)
    return (
        name,
        {called: each["RuleEvaluationStatus"] for called, each in found.items()},
        {called: each.get("StatusDetails", "") for called, each in found.items()},
    )


@pytest.mark.slow
def test_a_training_that_starves_its_cards(jobs_with_cards: Jobs) -> None:
    jobs = jobs_with_cards
    name, statuses, details = verdicts(jobs, STARVED, RULES)
    assert set(statuses.values()) == {"IssuesFound"}, (statuses, details)
    assert "gpu0" in details["LowGPUUtilization"]
    assert "larger batches" in details["BatchSize"]
    assert "gpu0" in details["GPUMemoryIncrease"]
    assert {(each["Name"], each["Dimension"]) for each in samples(jobs, name) if each["Type"] == "gpu"} == {
        (card, dimension)
        for card in ("gpu0", "gpu1")
        for dimension in ("GPUUtilization", "GPUMemoryUtilization")
    }


@pytest.mark.slow
def test_a_training_that_waits_for_the_disk(jobs_with_cards: Jobs) -> None:
    name, statuses, details = verdicts(jobs_with_cards, WAITING, [DISK])
    busy = [
        each["Value"] for each in samples(jobs_with_cards, name)
        if each["Type"] == "cpu" and each["Dimension"] == "CPUUtilization"
    ]  # fmt: skip
    if median(busy) > IDLE and statuses["IOBottleneck"] == "NoIssuesFound":
        pytest.skip(f"others keep the CPUs busy ({median(busy):.0f} %): nobody waits for the disk")
    assert statuses["IOBottleneck"] == "IssuesFound", details
    assert "I/OWaitPercentage" in details["IOBottleneck"]


@pytest.mark.slow
def test_a_training_that_feeds_its_cards(jobs_with_cards: Jobs) -> None:
    _, statuses, details = verdicts(jobs_with_cards, FED, [*RULES, DISK])
    assert set(statuses.values()) == {"NoIssuesFound"}, (statuses, details)
    assert not any("no GPU" in words for words in details.values()), details
