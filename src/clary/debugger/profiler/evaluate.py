"""Follows a job's metrics until a profiler rule's condition is met or the job has ended; then the reports are made."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from .check import ProfilerCheck
from .profile import Profiles

PAUSE = 1.0
"""Seconds between looks; of a long profile more, so that following it costs a twentieth of a core at most."""
MET = "RuleEvaluationConditionMet: the rule {} found an issue: {}"


class NothingRecorded(Exception):
    """No sample was taken; the message says what that may be."""


def evaluate(
    profiles: Profiles, rule: ProfilerCheck, ended: Callable[[], bool], output: Path, job: str,
    sleep: Callable[[float], None] = time.sleep,
) -> str:  # fmt: skip
    """What is to be told of it, in a sentence that begins as AWS's does where there is an issue. Raises
    `NothingRecorded`."""
    name = type(rule).__name__
    while True:
        last, began = ended(), time.monotonic()
        profile = profiles.read()
        lacks = rule.lacks(profile)
        words = None if lacks else rule.judge(profile)
        if words is not None and not last:
            return MET.format(name, words)
        if last:
            break
        sleep(max(PAUSE, 20 * (time.monotonic() - began)))
    if not profile.series:
        raise NothingRecorded("No system metrics were recorded: the job ended before its programs ran.")
    words = rule.report(profile, output, job) or words
    if words is not None:
        return MET.format(name, words)
    samples = sum(each.values.size for each in profile.series)
    if lacks:
        return f"{name} had nothing to judge: {lacks}."
    return f"{name} looked at {samples} samples and {len(profile.steps)} steps, and found no issue."
