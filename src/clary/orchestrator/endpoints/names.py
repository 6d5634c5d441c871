"""Names of what endpoints and transform jobs run, and of where its log is."""

from __future__ import annotations

from hashlib import sha256

from clary.storage.ports import Resource


def instance_name(variant: str, number: int, stage: str = "") -> str:
    """As the endpoint's row knows its runs."""
    return f"{variant}/{number}/{stage}" if stage else f"{variant}/{number}"


def run_key(endpoint: Resource, fleet: str, instance: str, run: int) -> str:
    """The engine's name for a container."""
    return f"{endpoint.arn}#{int(endpoint.created * 1000)}/{fleet}/{instance}#{run}"


def machine(endpoint: Resource, fleet: str, instance: str, run: int) -> str:
    """An id as AWS gives to machines. A transform job keeps its own whatever begins anew: its log has no more streams
    than instances, or SDK v2 prints all lines several times."""
    key = run_key(endpoint, fleet, instance, 0 if endpoint.kind == "TransformJob" else run)
    return f"i-{sha256(key.encode()).hexdigest()[:17]}"


def stream_name(endpoint: Resource, what: str, variant: str = "") -> str:
    if endpoint.kind == "TransformJob":
        return f"{endpoint.name}/{what}"
    return f"{variant}/{what}" if variant else what


def log_group(endpoint: Resource) -> str:
    if endpoint.kind == "TransformJob":
        return "/aws/sagemaker/TransformJobs"
    return f"/aws/sagemaker/Endpoints/{endpoint.name}"
