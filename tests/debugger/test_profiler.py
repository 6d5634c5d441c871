"""The profiler's rules on profiles that trip them and on ones that do not; the report; files that AWS would have made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.debugger.history import History

from clary.debugger.profiler.catalog import BUILT_IN, find
from clary.debugger.profiler.evaluate import NothingRecorded, evaluate
from clary.debugger.profiler.profile import Loader, Profile, Profiles, Series, Step
from clary.debugger.profiler.report import DATA, PAGE, RULES
from clary.debugger.rules.catalog import UnknownRule
from clary.debugger.rules.check import BadParameter

N = 1200
HIGH, LOW = np.full(N, 95.0), np.full(N, 3.0)
CPU, WAIT = ("cpu", "cpu0", "CPUUtilization"), ("cpu", "cpu0", "I/OWaitPercentage")
GPU, MEMORY = ("gpu", "gpu0", "GPUUtilization"), ("gpu", "gpu0", "GPUMemoryUtilization")
OTHER = ("gpu", "gpu1", "GPUUtilization")


def profile(
    values: dict[tuple[str, str, str], np.ndarray],
    steps: tuple[Step, ...] = (),
    loaders: tuple[int, ...] = (),
) -> Profile:
    """`loaders`: the processes of each."""
    times = np.arange(N) / 2
    return Profile(
        tuple(Series("algo-1", *key, times[: each.size], each) for key, each in values.items()),
        steps,
        tuple(Loader("algo-1", each) for each in loaders),
    )


def paced(slow: int, of: int = 300) -> tuple[Step, ...]:
    """Steps of 0.1 s, of which every so many take a second."""
    seconds = [1.0 if slow and n % (of // slow) == 0 else 0.1 for n in range(of)]
    begun = np.cumsum([0.0, *seconds[:-1]])
    return tuple(Step(n, "TRAIN", float(began), seconds[n]) for n, began in enumerate(begun))


@dataclass
class Case:
    rule: str
    trips: Profile
    words: str
    passes: Profile
    parameters: dict[str, str] = field(default_factory=dict)


WAVES = np.tile([0.0, 99.0], N // 2)
CASES = [
    Case("LowGPUUtilization", profile({GPU: LOW}), "95th percentile is 3.0 %", profile({GPU: HIGH})),
    Case("LowGPUUtilization", profile({GPU: WAVES}), "fluctuates", profile({GPU: LOW[:900]})),
    Case(
        "BatchSize", profile({CPU: LOW, GPU: LOW, MEMORY: LOW}), "larger batches",
        profile({CPU: LOW, GPU: LOW, MEMORY: HIGH}),
    ),
    Case("CPUBottleneck", profile({CPU: HIGH, GPU: LOW}), "100 % of the time", profile({CPU: HIGH, GPU: HIGH})),
    Case("IOBottleneck", profile({WAIT: HIGH, GPU: LOW}), "I/OWaitPercentage", profile({WAIT: LOW, GPU: LOW})),
    Case(
        "GPUMemoryIncrease", profile({GPU: LOW, MEMORY: np.where(np.arange(N) < 1100, 20.0, 60.0)}), "rose by",
        profile({GPU: LOW, MEMORY: HIGH}), {"patience": "100"},
    ),
    Case("LoadBalancing", profile({GPU: HIGH, OTHER: LOW}), "differ by 1.00", profile({GPU: HIGH, OTHER: HIGH})),
    Case("StepOutlier", profile({CPU: LOW}, paced(15)), "15 of 300 TRAIN steps", profile({CPU: LOW}, paced(0))),
    Case(
        "Dataloader", profile({CPU: LOW}, loaders=(0, 3)), "3 processes load data, too many for 1 CPUs",
        profile({CPU: LOW}, loaders=(0, 1)),
    ),
    Case("Dataloader", profile({CPU: LOW}, loaders=(0,)), "too few for 1", profile({CPU: LOW}, loaders=(2,))),
    Case(
        "MaxInitializationTime", profile({CPU: LOW}, (Step(0, "TRAIN", 300.0),)), "after 5.0 minutes",
        profile({CPU: LOW}, (Step(0, "TRAIN", 30.0),)), {"threshold": "4"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule} {case.words}" for case in CASES])
def test_a_profile_that_trips_the_rule_and_one_that_does_not(case: Case) -> None:
    rule = find(case.rule).of(case.parameters)
    assert not rule.lacks(case.trips)
    assert case.words in (rule.judge(case.trips) or "")
    assert rule.judge(case.passes) is None


def test_rules_of_gpus_say_that_there_is_none() -> None:
    bare = profile({CPU: HIGH})
    for name in (
        "LowGPUUtilization",
        "BatchSize",
        "CPUBottleneck",
        "IOBottleneck",
        "GPUMemoryIncrease",
        "LoadBalancing",
    ):
        assert find(name).of({}).lacks(bare) == "the job's machine has no GPU"
    assert {case.rule for case in CASES} | {"OverallSystemUsage", "ProfilerReport"} == set(BUILT_IN)
    assert find("Dataloader").of({}).lacks(bare) == "the job used no data loader of PyTorch's"
    assert find("StepOutlier").of({}).lacks(bare).startswith("no step was timed")


def write(folder: Path, minute: int, events: list[dict[str, Any]], tail: str = "") -> None:
    place = folder / "system" / "incremental" / "2026112500"
    place.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(event) + "\n" for event in events)
    (place / f"{minute}.algo-1.json").write_text(text + tail)


def event(time: float, value: float, **changes: Any) -> dict[str, Any]:
    return {"Type": "cpu", "Name": "cpu0", "Dimension": "CPUUtilization", "Value": value, "NodeId": "algo-1",
            "Timestamp": time, **changes}  # fmt: skip


def test_files_that_grow_are_read_on_and_broken_lines_passed_over(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, tmp_path / "tensors")
    write(tmp_path, 60, [event(60, 1)], tail='{"Type": "cp')
    assert profiles.read().series[0].values.tolist() == [1]
    write(tmp_path, 60, [event(60, 1), event(61, 2)], tail="no json\n")
    write(tmp_path, 120, [event(120, 3), {"Type": "cpu"}])
    assert profiles.read().series[0].values.tolist() == [1, 2, 3]
    assert profiles.read().series[0].times.tolist() == [60, 61, 120]
    assert set(profiles.problems) == {"60.algo-1.json", "120.algo-1.json"}


def test_the_report_is_one_page_with_every_rules_answer(tmp_path: Path) -> None:
    metrics, tensors, output = (tmp_path / name for name in ("metrics", "tensors", "output"))
    write(metrics, 0, [event(time / 2, 50 + time % 10) for time in range(100)])
    write(metrics, 60, [event(60, 7e9, Type="job", Name="<job>", Dimension="MemoryUsedBytes")])
    saved = History(tensors)
    for _ in range(4):
        saved.step({"loss": 1.0})
    report = find("ProfilerReport").of({"StepOutlier_stddev": "2", "rule_to_invoke": "ProfilerReport"})
    said = evaluate(Profiles(metrics, tensors), report, lambda: True, output, "my-job")
    assert said == "ProfilerReport looked at 101 samples and 4 steps, and found no issue."
    page = (output / PAGE).read_text()
    assert page.count("<svg") >= 3
    assert "&lt;job&gt;" in page
    assert "<script" not in page
    assert "//" not in page.replace("</", "")
    assert {path.stem for path in (output / DATA).iterdir()} == set(RULES)
    assert json.loads((output / DATA / "LowGPUUtilization.json").read_text())["Judged"] is False
    with pytest.raises(BadParameter, match="is no <rule>_<parameter>"):
        find("ProfilerReport").of({"NoRule_x": "1"})
    with pytest.raises(UnknownRule):
        find("LossNotDecreasing")


def test_a_report_that_a_rule_trips(tmp_path: Path) -> None:
    write(
        tmp_path, 0, [event(n, 3.0, Type="gpu", Name="gpu0", Dimension="GPUUtilization") for n in range(1000)]
    )
    rule = find("ProfilerReport").of({})
    said = evaluate(Profiles(tmp_path, tmp_path / "none"), rule, lambda: True, tmp_path / "output", "my-job")
    assert said.startswith(
        "RuleEvaluationConditionMet: the rule ProfilerReport found an issue: LowGPUUtilization tripped"
    )


def test_without_a_sample_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NothingRecorded):
        evaluate(
            Profiles(tmp_path, tmp_path), find("OverallSystemUsage").of({}), lambda: True, tmp_path, "my-job"
        )
