"""Two hundred short jobs at once: all run, in the order in which they came, and the server stays small."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.support.jobs import ENDED, Jobs
from tests.support.process import Clary

JOBS = 200
GROWTH = 100
"""MiB that the server may grow by; what it holds of a job that waits is an effect's task."""


@pytest.mark.slow
def test_two_hundred_jobs_at_once(tmp_path: Path) -> None:
    with Clary(tmp_path / "home", job_cpus="8") as clary:
        jobs = Jobs(clary)
        source = jobs.source("print('ran')")
        jobs.run(source=source)
        before = peak = resident(clary)
        began = time.monotonic()
        names = [jobs.start(source=source) for _ in range(JOBS)]
        submitted = time.monotonic() - began
        left = set(names)
        while left:
            pages = jobs.sagemaker.get_paginator("list_training_jobs").paginate(
                PaginationConfig={"PageSize": 100}
            )
            summaries = [summary for page in pages for summary in page["TrainingJobSummaries"]]
            left -= {each["TrainingJobName"] for each in summaries if each["TrainingJobStatus"] in ENDED}
            peak = max(peak, resident(clary))
            assert time.monotonic() - began < 600, (len(left), clary.log[-3000:])
            time.sleep(0.2)
        took = time.monotonic() - began
        ended = [jobs.describe(name) for name in names]
        assert {job["TrainingJobStatus"] for job in ended} == {"Completed"}
        assert all(jobs.lines(name) == ["ran"] for name in names[::20])
        starts = [job["TrainingStartTime"] for job in ended]
        # Those that are admitted together may overtake each other by a moment, never by a queue's length.
        overtaken = [sum(other > start for other in starts[:place]) for place, start in enumerate(starts)]
        assert max(overtaken) <= 16, overtaken
        after = resident(clary)
        print(f"\n{JOBS} jobs: submitted in {submitted:.1f} s, done in {took:.1f} s; server {before:.0f} MiB before, "
              f"{peak:.0f} at most, {after:.0f} after; most overtaken {max(overtaken)}")  # fmt: skip
        assert peak - before < GROWTH
        assert not list((tmp_path / "home" / "jobs").iterdir())


def resident(clary: Clary) -> float:
    assert clary._process is not None
    status = Path(f"/proc/{clary._process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
