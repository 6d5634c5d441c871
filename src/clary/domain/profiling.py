"""Whether a training job's system metrics are recorded, and how often. Pure.

As on AWS, a ProfilerConfig with a place is enough, and SDKs send one with every job: every 500 ms, unless the job
says otherwise or DisableProfiler turns it off.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

INTERVALS = (100, 200, 500, 1000, 5000, 60000)
"""Milliseconds that AWS takes."""
DEFAULT = 500


class BadProfiler(ValueError):
    """A ProfilerConfig that cannot be followed; the message says why."""


def profiled(spec: Document) -> bool:
    """Whether there is a place for metrics, and nobody has turned them off."""
    config = spec.get("ProfilerConfig", {})
    return bool(config.get("S3OutputPath")) and not config.get("DisableProfiler")


def interval(spec: Document) -> float | None:
    """Seconds between samples; None: nothing is recorded."""
    if not profiled(spec):
        return None
    return float(spec["ProfilerConfig"].get("ProfilingIntervalInMilliseconds") or DEFAULT) / 1000


def uri(spec: Document, name: str) -> str:
    """Where a job's metrics go."""
    return f"{spec['ProfilerConfig']['S3OutputPath'].rstrip('/')}/{name}/profiler-output"


def check(config: Document) -> None:
    """Raises `BadProfiler`."""
    asked = config.get("ProfilingIntervalInMilliseconds")
    if asked is not None and asked not in INTERVALS:
        known = ", ".join(map(str, INTERVALS))
        raise BadProfiler(f"ProfilingIntervalInMilliseconds must be one of {known}, not {asked}.")


def updated(before: Document, changes: Document) -> Document:
    """A running job's ProfilerConfig after UpdateTrainingJob. Raises `BadProfiler`."""
    check(changes)
    place, new = before.get("S3OutputPath"), changes.get("S3OutputPath")
    if place and new and new != place:
        raise BadProfiler(f"S3OutputPath of the profiler cannot be changed once it is set; it is {place}.")
    return {**before, **changes}
