"""The lineage that models and endpoints write on their own.

    image, model data ──ContributedTo──> model (Context) ──ContributedTo──> deployment (Action)
                     └──ContributedTo──> deployment ──AssociatedWith──> endpoint (Context)

The model data is the artifact that the training job produced, so a walk down from a data set reaches the endpoints.
Each fleet of an endpoint is one deployment. Like AWS's, these entities outlive what they tell of: they are the
record of it, until someone deletes them. Writing them again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from clary.api import Document
from clary.domain.endpoint import containers
from clary.domain.experiments import data_uri
from clary.services.sagemaker.components_lineage import link
from clary.services.sagemaker.lineage_entities import Action, LineageContext, put_artifact
from clary.storage.ports import Resource, Transaction

CONTRIBUTED, ASSOCIATED = "ContributedTo", "AssociatedWith"


def write_model(tx: Transaction, model: Resource, now: float) -> Resource:
    """The model's context, with what it is made of."""
    context = _context(tx, model, "Model", now)
    for artifact in _made_of(tx, model, containers(model.spec), now):
        link(tx, CONTRIBUTED, artifact, context, now)
    return context


def write_endpoint(tx: Transaction, endpoint: Resource, now: float) -> None:
    """The endpoint's context, and a deployment for each of its fleets, brought up to date."""
    clary = endpoint.state["Clary"]
    context = _context(tx, endpoint, "Endpoint", now)
    for number, fleet in clary["fleets"].items():
        name = f"{endpoint.name}-{int(endpoint.created * 1000)}-{number}-aws-endpoint"
        found = tx.resources.find(Action.arn(endpoint, name))
        status = _status(endpoint.status, fleet, active=number == clary["active"])
        if found is None:
            spec = {
                "ActionName": name, "ActionType": "ModelDeployment", "Status": status,
                "Source": {"SourceUri": endpoint.arn, "SourceType": "ARN"},
                "Properties": {"EndpointConfigName": fleet["config"]} if fleet["config"] else {},
            }  # fmt: skip
            made = Action.new(endpoint, name, spec, now, endpoint.state.get("CreatedBy"))
            action = tx.resources.insert(made)
            _deploy(tx, endpoint, fleet, action, now)
            link(tx, ASSOCIATED, action, context, now)
        elif status != found.spec["Status"] and found.spec["Status"] == "InProgress":
            state = {**found.state, "LastModifiedTime": now}
            spec = {**found.spec, "Status": status}
            tx.resources.update(replace(found, spec=spec, state=state, modified=now))


def _deploy(tx: Transaction, endpoint: Resource, fleet: Document, action: Resource, now: float) -> None:
    for variant in (*fleet["variants"], *fleet["shadows"]):
        for artifact in _made_of(tx, endpoint, variant["containers"], now):
            link(tx, CONTRIBUTED, artifact, action, now)
        model = tx.resources.find(LineageContext.arn(endpoint, _context_name("Model", variant["model"])))
        if model is not None:
            link(tx, CONTRIBUTED, model, action, now)


def _status(endpoint: str | None, fleet: Document, *, active: bool) -> str:
    """Of a deployment; one that is not in progress keeps what it has."""
    if fleet.get("drop"):
        return "Stopped" if endpoint == "Deleting" else "Failed"
    if endpoint == "Failed":
        return "Failed"
    return "Completed" if active else "InProgress"


def _context_name(kind: str, name: str) -> str:
    return f"{name}-aws-{kind.lower()}"


def _context(tx: Transaction, of: Resource, kind: str, now: float) -> Resource:
    """The one that is there, also of an earlier resource of this name."""
    name = _context_name(kind, of.name)
    found = tx.resources.find(LineageContext.arn(of, name))
    if found is not None:
        return found
    spec = {"ContextName": name, "ContextType": kind, "Source": {"SourceUri": of.arn, "SourceType": "ARN"}}
    return tx.resources.insert(LineageContext.new(of, name, spec, now, of.state.get("CreatedBy")))


def _made_of(tx: Transaction, where: Resource, given: Iterable[Document], now: float) -> Iterable[Resource]:
    for container in given:
        for kind, uri in (("Image", container.get("Image")), ("Model", data_uri(container))):
            if uri:
                yield put_artifact(tx, where, now, {"ArtifactType": kind, "Source": {"SourceUri": uri}})
