"""Lineage entities: artifacts, actions and contexts, and the group that they are in.

An artifact is what it comes from: its ARN is a hash of its source (URI, and IDs such as an ETag), so
making it again answers the one that is there. Actions and contexts have names.
"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from clary.api import Context, Document, Kind, ServiceError, operation
from clary.api.filters import both
from clary.api.kind import Placed, user_context
from clary.api.tags import given_tags
from clary.domain.search import Compare, Expression, Operator
from clary.storage.ports import Edge, Resource, Transaction

GROUP = "sagemaker-default-lineage-group"
MAX_PROPERTIES = 30


def _missing(noun: str) -> tuple[str, str]:
    return ("ResourceNotFound", f"{noun} '{{arn}}' does not exist.")


Artifact = Kind("sagemaker", "Artifact", missing=_missing("Artifact"), identifier="ArtifactArn")
Action = Kind("sagemaker", "Action", exists="ValidationException", missing=_missing("Action"))
LineageContext = Kind("sagemaker", "Context", exists="ValidationException", missing=_missing("Context"))
LineageGroup = Kind("sagemaker", "LineageGroup", missing=_missing("LineageGroup"))

Artifact.serves("Describe", "List", "Update")
Action.serves("Create", "Describe", "List", "Update", "Delete")
LineageContext.serves("Create", "Describe", "List", "Update", "Delete")

NOUNS = {kind.noun: kind for kind in (Artifact, Action, LineageContext)}


def entity_type(resource: Resource) -> str:
    """An artifact's, action's or context's own type; what a job's trial component comes from."""
    if resource.kind in NOUNS:
        return str(resource.spec[f"{resource.kind}Type"])
    source: Document = resource.spec.get("Source", {})
    return str(source.get("SourceType", resource.kind))


def association(
    kind: str, source: Resource, destination: Resource, now: float, document: Document | None = None
) -> Edge:
    """With its ends' types, which stay what they are."""
    types = entity_type(source), entity_type(destination)
    return Edge(kind, source.arn, destination.arn, now, document or {}, *types)


def merge_properties(_ctx: Context, _tx: Transaction, entity: Resource, request: Document) -> Document:
    """Properties go over those that are there, less the ones to remove."""
    changes = dict(request)
    removed = set(changes.pop("PropertiesToRemove", ()))
    if "Properties" in request or removed:
        kept = {**entity.spec.get("Properties", {}), **request.get("Properties", {})}
        changes["Properties"] = {key: value for key, value in kept.items() if key not in removed}
        if len(changes["Properties"]) > MAX_PROPERTIES:
            raise ServiceError(
                "ValidationException", f"'{entity.arn}' can have at most {MAX_PROPERTIES} properties."
            )
    changes.pop("ArtifactArn", None)
    return changes


def of_source_or_type(_ctx: Context, _tx: Transaction, request: Document) -> Expression | None:
    places = {"SourceUri": "Source.SourceUri"}
    places |= {f"{noun}Type": f"{noun}Type" for noun in NOUNS}
    return both(
        Compare(path, Operator.EQUALS, request[member])
        for member, path in places.items()
        if member in request
    )


def show_group(_ctx: Context, _tx: Transaction, entity: Resource, document: Document) -> Document:
    return {**document, "LineageGroupArn": LineageGroup.arn(entity, GROUP)}


def keep_status(_ctx: Context, _tx: Transaction, action: Resource) -> Resource:
    return replace(action, spec={"Status": "Unknown", **action.spec})


for _kind in NOUNS.values():
    _kind.on_update(merge_properties)
    _kind.on_list(of_source_or_type)
    _kind.on_describe(show_group)
Action.on_create(keep_status)


@operation("sagemaker", "CreateArtifact")
def create_artifact(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        artifact = put_artifact(tx, ctx, ctx.now, request, user_context(ctx))
    return {"ArtifactArn": artifact.arn}


def put_artifact(
    tx: Transaction, where: Placed, now: float, request: Document, by: Document | None = None
) -> Resource:
    """The artifact of CreateArtifact's `request`, made where it is not there yet."""
    name = artifact_id(request["Source"])
    found = tx.resources.find(Artifact.arn(where, name))
    if found is not None:
        return found
    spec = {member: value for member, value in request.items() if member != "Tags"}
    artifact = tx.resources.insert(Artifact.new(where, name, spec, now, by))
    if request.get("Tags"):
        tx.tags.put(artifact.arn, given_tags(request["Tags"]))
    return artifact


def artifact_id(source: Document) -> str:
    """32 hexadecimal digits, the same for the same URI and source IDs in whatever order."""
    ids = sorted((item["SourceIdType"], item["Value"]) for item in source.get("SourceTypes", ()))
    return hashlib.sha256(repr((source["SourceUri"], ids)).encode()).hexdigest()[:32]


@operation("sagemaker", "DeleteArtifact")
def delete_artifact(ctx: Context, request: Document) -> Document:
    """By ARN or by source. Its associations go with it."""
    if "ArtifactArn" not in request and "Source" not in request:
        raise ServiceError("ValidationException", "Either ArtifactArn or Source is required.")
    arn = request.get("ArtifactArn") or Artifact.arn(ctx, artifact_id(request["Source"]))
    return Artifact.delete(ctx, {"ArtifactArn": arn})


@operation("sagemaker", "DescribeLineageGroup")
def describe_lineage_group(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        if request["LineageGroupName"] == GROUP:
            return _group(tx, ctx, ctx.now).document
        return LineageGroup.load(ctx, tx, request["LineageGroupName"]).document


@operation("sagemaker", "GetLineageGroupPolicy")
def get_lineage_group_policy(ctx: Context, request: Document) -> Document:
    """Groups are shared with no other account here, so that none has a policy."""
    group = describe_lineage_group(ctx, request)
    raise ServiceError(
        "ResourceNotFound", f"LineageGroup '{group['LineageGroupArn']}' has no resource policy."
    )


@operation("sagemaker", "ListLineageGroups")
def list_lineage_groups(ctx: Context, request: Document) -> Document:
    with ctx.begin() as tx:
        _group(tx, ctx, ctx.now)
    return LineageGroup.list(ctx, request)


def _group(tx: Transaction, where: Placed, now: float) -> Resource:
    """Every account has one lineage group in a region; it is made when it is first looked at."""
    found = tx.resources.find(LineageGroup.arn(where, GROUP))
    if found is not None:
        return found
    spec = {"LineageGroupName": GROUP, "DisplayName": GROUP}
    return tx.resources.insert(LineageGroup.new(where, GROUP, spec, now))
