"""The lineage that a job's trial component writes on its own: what it was made from, and what it produced."""

from __future__ import annotations

from collections.abc import Iterable

from clary.api import Document
from clary.domain.experiments import CHECKPOINTS, MODEL_ARTIFACT
from clary.services.sagemaker.lineage_entities import association, put_artifact
from clary.storage.ports import Resource, Transaction

CHECKPOINT = "Checkpoint"
"""The type of a job's checkpoints, which the next job with the same S3Uri goes on from."""
PARAMETERS = {
    "SageMaker.ImageUri": "Image",
    "SageMaker.ModelPrimary.Image": "Image",
    "SageMaker.ModelPrimary.DataUrl": "Model",
}
"""Facts of a job that are artifacts too."""


def write_lineage(tx: Transaction, component: Resource, now: float) -> None:
    """Artifacts for the component's inputs, its image, its model and its outputs, where they are not there yet, and the
    associations with them. Writing it again changes nothing."""
    for kind, uri in _inputs(component.spec):
        artifact = put_artifact(tx, component, now, {"ArtifactType": kind, "Source": {"SourceUri": uri}})
        link(tx, "ContributedTo", artifact, component, now)
    for kind, uri in _outputs(component.spec):
        artifact = put_artifact(tx, component, now, {"ArtifactType": kind, "Source": {"SourceUri": uri}})
        if kind == CHECKPOINT and _made_before(tx, artifact, component):
            link(tx, "ContributedTo", artifact, component, now)
        link(tx, "Produced", component, artifact, now)


def _made_before(tx: Transaction, artifact: Resource, component: Resource) -> bool:
    """By another job: this one goes on from its checkpoints."""
    made = tx.edges.list(destination=artifact.arn, kinds=("Produced",))
    return any(edge.source != component.arn and edge.created < component.created for edge in made)


def _inputs(spec: Document) -> Iterable[tuple[str, str]]:
    for item in spec.get("InputArtifacts", {}).values():
        yield "DataSet", item["Value"]
    for name, kind in PARAMETERS.items():
        uri = spec.get("Parameters", {}).get(name, {}).get("StringValue")
        if uri:
            yield kind, uri


def _outputs(spec: Document) -> Iterable[tuple[str, str]]:
    for name, item in spec.get("OutputArtifacts", {}).items():
        if name == MODEL_ARTIFACT:
            yield "Model", item["Value"]
        elif name == CHECKPOINTS:
            yield CHECKPOINT, item["Value"]
        elif not name.startswith("SageMaker.Debug"):
            yield "DataSet", item["Value"]


def link(tx: Transaction, kind: str, source: Resource, destination: Resource, now: float) -> None:
    """Put the association where it is not there yet."""
    if not tx.edges.list(source=source.arn, destination=destination.arn, kinds=(kind,), limit=1):
        tx.edges.put(association(kind, source, destination, now))
