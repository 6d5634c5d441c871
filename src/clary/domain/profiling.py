"""Whether a training job's system metrics are recorded, and how often. Pure.

SDKs send a ProfilerConfig with every job, asked or not. Here it records only when something of it is asked: an
interval, profiling parameters, or a profiler rule.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

INTERVALS = (100, 200, 500, 1000, 5000, 60000)
"""Milliseconds that AWS takes."""
DEFAULT = 500


def profiled(spec: Document) -> bool:
    """Whether there is a place for metrics, and nobody has turned them off."""
    config = spec.get("ProfilerConfig", {})
    return bool(config.get("S3OutputPath")) and not config.get("DisableProfiler")


def interval(spec: Document) -> float | None:
    """Seconds between samples; None: nothing is recorded."""
    config = spec.get("ProfilerConfig", {})
    asked = (
        config.get("ProfilingIntervalInMilliseconds")
        or config.get("ProfilingParameters")
        or spec.get("ProfilerRuleConfigurations")
    )
    if not profiled(spec) or not asked:
        return None
    return float(config.get("ProfilingIntervalInMilliseconds") or DEFAULT) / 1000


def uri(spec: Document, name: str) -> str:
    """Where a job's metrics go."""
    return f"{spec['ProfilerConfig']['S3OutputPath'].rstrip('/')}/{name}/profiler-output"
