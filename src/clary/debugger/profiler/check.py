"""A profiler rule: parameters as fields, a condition on a whole profile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..rules.check import Check
from .profile import Profile


@dataclass
class ProfilerCheck(Check):
    scan_interval_us: int = 60_000_000
    """Taken and not needed: new samples are looked at as they come."""

    def lacks(self, profile: Profile) -> str:
        """What the profile has not that the rule looks at; empty when it has all."""
        return ""

    def judge(self, profile: Profile) -> str | None:
        """What is wrong, in a sentence; None when nothing is, or not enough is known yet."""
        raise NotImplementedError

    def report(self, profile: Profile, output: Path, name: str) -> str | None:
        """At the job's end: leave reports in `output`; what is wrong, as `judge` says. `name`: the job's."""
        return None
