"""How CloudWatch's requests name a metric, and how it refuses."""

from __future__ import annotations

from collections.abc import Sequence

from clary.api import Document, ServiceError
from clary.storage.metric_series import JOB_DIMENSION, TRAINING, component, series

__all__ = ["JOB_DIMENSION", "TRAINING", "component", "dimensions", "invalid", "series"]


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message)


def dimensions(given: Sequence[Document]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in given}
