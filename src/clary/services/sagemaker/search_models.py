"""What a search for models tells beyond each model: the endpoints that serve it, and its last transform job."""

from __future__ import annotations

from collections.abc import Sequence

from clary.api import Document
from clary.api.pages import pages
from clary.domain.search import Compare, Operator
from clary.storage.ports import Query, Resource, Transaction


def dashboard(tx: Transaction, models: Sequence[Resource], documents: Sequence[Document]) -> list[Document]:
    """The model's ModelDashboardModel of each."""
    serving = _endpoints(tx, models[0])
    found: list[Document] = []
    for model, document in zip(models, documents, strict=True):
        shown: Document = {"Model": document, "Endpoints": serving.get(model.spec["ModelName"], [])}
        last = _last_transform(tx, model)
        if last is not None:
            shown["LastBatchTransformJob"] = last.document
        found.append(shown)
    return found


def _endpoints(tx: Transaction, where: Resource) -> dict[str, list[Document]]:
    """By the name of the model: of the fleet that serves, or of the first that is to."""
    found: dict[str, list[Document]] = {}
    for page in pages(tx, Query(where.account, where.region, ("Endpoint",))):
        for endpoint in page:
            clary = endpoint.state["Clary"]
            fleet = clary["fleets"].get(clary["active"] or "1", {})
            variants = (*fleet.get("variants", ()), *fleet.get("shadows", ()))
            for name in dict.fromkeys(variant["model"] for variant in variants):
                found.setdefault(name, []).append(endpoint.document)
    return found


def _last_transform(tx: Transaction, model: Resource) -> Resource | None:
    of_model = Compare("ModelName", Operator.EQUALS, model.spec["ModelName"])
    jobs = tx.resources.list(Query(model.account, model.region, ("TransformJob",), of_model, limit=1)).items
    return jobs[0] if jobs else None
