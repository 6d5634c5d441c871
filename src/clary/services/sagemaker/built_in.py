"""What Create knows of built-in algorithms: their jobs bring their own metric definitions."""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import ServiceError
from clary.images.builtin import trained
from clary.storage.ports import Resource


def with_metrics_of_algorithm(job: Resource) -> Resource:
    """A built-in algorithm's jobs have its own metric definitions, and no others."""
    algorithm = trained(job.spec)
    if algorithm is None:
        return job
    specification = job.spec["AlgorithmSpecification"]
    if specification.get("MetricDefinitions"):
        raise ServiceError(
            "ValidationException",
            "You can't override the metric definitions for Amazon SageMaker algorithms. "
            "Please retry the request without specifying metric definitions.",
        )
    metrics = [{"Name": metric.name, "Regex": metric.regex} for metric in algorithm.metrics]
    return replace(
        job, spec={**job.spec, "AlgorithmSpecification": {**specification, "MetricDefinitions": metrics}}
    )
