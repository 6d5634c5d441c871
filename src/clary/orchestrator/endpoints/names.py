"""Names of what endpoints and transform jobs run, and of where its log is."""

from __future__ import annotations

from clary.storage.ports import Resource


def instance_name(variant: str, number: int, stage: str = "") -> str:
    """As the endpoint's row knows its runs."""
    return f"{variant}/{number}/{stage}" if stage else f"{variant}/{number}"


def stream_name(endpoint: Resource, what: str, variant: str = "") -> str:
    if endpoint.kind == "TransformJob":
        return f"{endpoint.name}/{what}"
    return f"{variant}/{what}" if variant else what


def log_group(endpoint: Resource) -> str:
    if endpoint.kind == "TransformJob":
        return "/aws/sagemaker/TransformJobs"
    return f"/aws/sagemaker/Endpoints/{endpoint.name}"
