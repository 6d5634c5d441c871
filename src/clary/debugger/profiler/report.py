"""ProfilerReport: every other rule's answer and the job's use of its machine, as one HTML page and one JSON file.

The page holds its own style and its charts as SVG: it can be opened anywhere, without a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Self

from ..rules.chart import Line, histogram, lines, page, table
from ..rules.check import IGNORED, BadParameter
from .check import ProfilerCheck
from .gpus import BatchSize, CPUBottleneck, GPUMemoryIncrease, IOBottleneck, LoadBalancing, LowGPUUtilization
from .profile import Profile
from .steps import UNTIMED, Dataloader, MaxInitializationTime, StepOutlier, durations
from .usage import PERCENTILES, OverallSystemUsage, usage

RULES: Mapping[str, type[ProfilerCheck]] = {
    rule.__name__: rule
    for rule in (
        BatchSize, CPUBottleneck, Dataloader, GPUMemoryIncrease, IOBottleneck, LoadBalancing, LowGPUUtilization,
        MaxInitializationTime, OverallSystemUsage, StepOutlier,
    )
}  # fmt: skip
PAGE, DATA = "profiler-output/profiler-report.html", "profiler-output/profiler-reports"


@dataclass
class ProfilerReport(ProfilerCheck):
    """Its parameters are those of the other rules, `<rule>_<parameter>`. It waits for the job's end."""

    rules: tuple[ProfilerCheck, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        given: dict[str, dict[str, str]] = {}
        names = {name.lower(): name for name in RULES}
        for key, text in parameters.items():
            rule, _, parameter = key.partition("_")
            if key in IGNORED or key == "scan_interval_us":
                continue
            if rule.lower() not in names or not parameter:
                raise BadParameter(f"{key} is no <rule>_<parameter>; the rules are {', '.join(RULES)}.")
            given.setdefault(names[rule.lower()], {})[parameter.lower()] = text
        return cls(rules=tuple(rule.of(given.get(name, {})) for name, rule in RULES.items()))

    def judge(self, profile: Profile) -> str | None:
        return None

    def report(self, profile: Profile, output: Path, name: str) -> str | None:
        answers = {
            type(rule).__name__: answer(rule, profile)
            for rule in self.rules or [rule() for rule in RULES.values()]
        }
        (output / DATA).mkdir(parents=True, exist_ok=True)
        for rule, found in answers.items():
            text = json.dumps({"Rule": rule, **found, "Job": name}, indent=1)
            (output / DATA / f"{rule}.json").write_text(text, encoding="utf-8")
        (output / PAGE).write_text(page(f"Profiler report: {name}", body(profile, answers)), encoding="utf-8")
        tripped = [rule for rule, found in answers.items() if found["RuleTriggered"]]
        return f"{', '.join(tripped)} tripped" if tripped else None


def answer(rule: ProfilerCheck, profile: Profile) -> dict[str, Any]:
    lacks = rule.lacks(profile)
    words = None if lacks else rule.judge(profile)
    said = words or (f"Not judged: {lacks}." if lacks else "No issue.")
    return {"RuleTriggered": int(words is not None), "Judged": not lacks, "Details": said}


def body(profile: Profile, answers: Mapping[str, Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="{colour(found)}">{escape(found["Details"])}</td></tr>'
        for name, found in answers.items()
    )
    return "".join(
        [
            f"<h2>Rules</h2><table>{rows}</table>",
            f"<h2>Use of the machine</h2>{summary(profile)}",
            *(charts(profile, node) for node in profile.nodes),
            f"<h2>Steps</h2>{steps(profile)}",
        ]
    )


def colour(found: Mapping[str, Any]) -> str:
    return "issue" if found["RuleTriggered"] else "fine" if found["Judged"] else "muted"


def summary(profile: Profile) -> str:
    rows = [(series.title, *(f"{value:,.1f}" for value in values)) for series, values in usage(profile)]
    heads = ("metric", "min", *(f"p{each}" for each in PERCENTILES), "max")
    return table(heads, rows) if rows else "<p>No system metrics were recorded.</p>"


def charts(profile: Profile, node: str) -> str:
    start = profile.began or 0.0
    parts = [f"<h3>{escape(node)}</h3>"]
    for title, wanted, top in (
        ("CPUs, percent", [(kind, "CPUUtilization") for kind in ("cpu", "job")], 100.0),
        ("GPUs, percent", [("gpu", "GPUUtilization"), ("gpu", "GPUMemoryUtilization")], 100.0),
        ("Memory of the job, bytes", [("job", "MemoryUsedBytes")], None),
        ("Disk and network, bytes a second", [("i/o", ""), ("network", "")], None),
    ):
        found = [
            each for kind, dimension in wanted for each in profile.of(kind, dimension)
            if each.node == node and each.name != "IOPS"
        ]  # fmt: skip
        curves = [
            Line(
                f"{each.name} {each.dimension}".strip(),
                list(zip((each.times - start).tolist(), each.values.tolist(), strict=True)),
            )
            for each in found
        ]
        if curves:
            parts.append(f"<h4>{escape(title)}</h4>{lines(curves, 's', 0.0, top)}")
    return "".join(parts)


def steps(profile: Profile) -> str:
    parts = []
    for mode, numbers, seconds in durations(profile.steps):
        curve = Line("ms", list(zip(numbers.tolist(), (seconds * 1000).tolist(), strict=True)))
        parts.append(
            f"<h3>{escape(mode)}</h3><p>{seconds.size} steps; mean {seconds.mean() * 1000:.3g} ms, deviation "
            f"{seconds.std() * 1000:.3g} ms.</p>{lines([curve], 'step', 0.0)}{histogram(seconds * 1000, 12, 'from {:.3g} ms')}"
        )
    return "".join(parts) or f"<p>{UNTIMED[0].upper()}{UNTIMED[1:]}.</p>"
