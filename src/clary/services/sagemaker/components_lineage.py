"""The lineage that a job's trial component writes on its own: what it was made from, and what it produced."""

from __future__ import annotations

from collections.abc import Iterable

from clary.api import Document
from clary.domain.experiments import MODEL_ARTIFACT
from clary.services.sagemaker.lineage_entities import put_artifact
from clary.storage.ports import Edge, Resource, Transaction


def write_lineage(tx: Transaction, component: Resource, now: float) -> None:
    """Artifacts for the component's channels, its image and its model, where they are not there yet, and the
    associations with them. Writing it again changes nothing."""
    for kind, uri in _inputs(component.spec):
        artifact = put_artifact(tx, component, now, {"ArtifactType": kind, "Source": {"SourceUri": uri}})
        _link(tx, "ContributedTo", artifact.arn, component.arn, now)
    model = component.spec.get("OutputArtifacts", {}).get(MODEL_ARTIFACT)
    if model is not None:
        source = {"SourceUri": model["Value"]}
        artifact = put_artifact(tx, component, now, {"ArtifactType": "Model", "Source": source})
        _link(tx, "Produced", component.arn, artifact.arn, now)


def _inputs(spec: Document) -> Iterable[tuple[str, str]]:
    for item in spec.get("InputArtifacts", {}).values():
        yield "DataSet", item["Value"]
    image = spec.get("Parameters", {}).get("SageMaker.ImageUri", {}).get("StringValue")
    if image:
        yield "Image", image


def _link(tx: Transaction, kind: str, source: str, destination: str, now: float) -> None:
    if not tx.edges.list(source=source, destination=destination, kinds=(kind,), limit=1):
        tx.edges.put(Edge(kind, source, destination, now))
