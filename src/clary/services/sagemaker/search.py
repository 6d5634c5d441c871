"""Search over every kind that has rows, and suggestions of property names.

A hit is the resource's document with what its record shows beyond it: tags, a component's metrics and
parents and its job, a trial's components. What a page needs of these is read once for the page.
Nothing is shared across accounts: CrossAccountFilterOption CrossAccount finds nothing.

Every resource whose record the model describes can be searched. Those of a kind that Clary does not serve yet
(pipelines, model packages, ...) answer an empty page, as AWS does where there are none: their Create is refused,
so there are none, and that is what a client that looks needs to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from botocore.model import Shape, StructureShape

from clary.api import Context, Document, ServiceError, operation
from clary.api.filters import both
from clary.domain import experiments as rules
from clary.domain.experiments import PART_OF
from clary.services.sagemaker.components import complete
from clary.services.sagemaker.search_expression import expression, properties
from clary.services.sagemaker.search_models import dashboard
from clary.services.sagemaker.search_rules import refuse_contains, refuse_many, visible
from clary.storage.ports import BadCursor, Query, Resource, Transaction
from clary.wire import codec
from clary.wire.messages import Written
from clary.wire.models import service as model_of

PAGE, NEXT_PAGE = 100, 500
"""Hits a page when MaxResults is not given, and of those after the first. AWS names no default. Who looks at the first
hits has them soon, and who goes on wants all: ExperimentAnalytics, whose every page has its cost."""


@dataclass(frozen=True, slots=True)
class Searched:
    kind: str
    record: str
    """The member of SearchRecord that a hit is."""
    inner: str | None = None
    """The record's member that the resource itself is, where the record tells more than the resource."""

    @property
    def heading(self) -> str:
        """What a name in a request may begin with before it names the resource's property."""
        return f"{self.inner}." if self.inner else ""


RESOURCES = {
    "Endpoint": Searched("Endpoint", "Endpoint"),
    "Experiment": Searched("Experiment", "Experiment"),
    "ExperimentTrial": Searched("Trial", "Trial"),
    "ExperimentTrialComponent": Searched("TrialComponent", "TrialComponent"),
    "FeatureGroup": Searched("FeatureGroup", "FeatureGroup"),
    "FeatureMetadata": Searched("FeatureMetadata", "FeatureMetadata"),
    "HyperParameterTuningJob": Searched("HyperParameterTuningJob", "HyperParameterTuningJob"),
    "HubContent": Searched("HubContent", "HubContent"),
    "Job": Searched("Job", "Job"),
    "Model": Searched("Model", "Model", inner="Model"),
    "ModelCard": Searched("ModelCard", "ModelCard"),
    "ModelPackage": Searched("ModelPackage", "ModelPackage"),
    "ModelPackageGroup": Searched("ModelPackageGroup", "ModelPackageGroup"),
    "Pipeline": Searched("Pipeline", "Pipeline"),
    "PipelineExecution": Searched("PipelineExecution", "PipelineExecution"),
    "PipelineVersion": Searched("PipelineVersion", "PipelineVersion"),
    "Project": Searched("Project", "Project"),
    "TrainingJob": Searched("TrainingJob", "TrainingJob"),
}
EXPERIMENTS = frozenset({"Experiment", "Trial", "TrialComponent"})


def record_shape(resource: str) -> tuple[Searched, StructureShape]:
    """The shape of the resource. Raises ServiceError for what the model can search but no record shows (images)."""
    searched = RESOURCES.get(resource)
    if searched is None:
        raise ServiceError("ValidationException", f"Search over resource {resource} is not supported.")
    shape: StructureShape = model_of("sagemaker").model.shape_for("SearchRecord").members[searched.record]
    if searched.inner:
        shape = shape.members[searched.inner]
    return searched, shape


@operation("sagemaker", "Search")
def search(ctx: Context, request: Document) -> Document:
    """A page; to one who names no number of hits, which is to ask for all, the next is found ahead."""
    answer = ctx.ports.ahead.take(_key(ctx, request))
    if answer is None:
        answer = find(ctx, request)
    if "NextToken" in answer and "MaxResults" not in request:
        following = {**request, "NextToken": answer["NextToken"]}
        ctx.ports.ahead.make(_key(ctx, following), partial(_written, ctx, following))
    return answer


def _key(ctx: Context, request: Document) -> bytes:
    return msgspec.json.encode((ctx.account, ctx.region, request), order="sorted")


def _written(ctx: Context, request: Document) -> Document:
    """A page as its client will have it, so that it is not made of cold memory then."""
    answer = find(ctx, request)
    response = codec.encode(model_of("sagemaker").operations["Search"], "json", answer, ctx.request_id)
    assert isinstance(response.body, bytes)
    return Written(response.body, **{name: answer[name] for name in answer.keys() & {"NextToken"}})


def find(ctx: Context, request: Document) -> Document:
    searched, shape = record_shape(request["Resource"])
    asked = request.get("SearchExpression", {})
    refuse_many(asked)
    refuse_contains(asked, experiments=searched.kind in EXPERIMENTS)
    where = both(
        [expression(shape, asked, searched.heading), visible(request.get("VisibilityConditions", ()))]
    )
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    with ctx.read() as tx:
        query = Query(
            account=ctx.account, region=ctx.region, kinds=(searched.kind,), where=where,
            sort_by=_sort(ctx, tx, searched, shape, request.get("SortBy")),
            descending=request.get("SortOrder", "Descending") == "Descending",
            limit=request.get("MaxResults", NEXT_PAGE if "NextToken" in request else PAGE),
            cursor=request.get("NextToken"),
        )  # fmt: skip
        try:
            page = tx.resources.list(query)
        except BadCursor:
            raise ServiceError("ValidationException", "Invalid pagination token: NextToken.") from None
        documents = _documents(tx, page.items)
    answer: Document = {"Results": [{searched.record: document} for document in documents]}
    if page.cursor:
        answer["NextToken"] = page.cursor
    # The exact number is known for free only where all of it is on this page.
    whole = page.cursor is None and "NextToken" not in request
    relation = "EqualTo" if whole else "GreaterThanOrEqualTo"
    answer["TotalHits"] = {"Value": len(documents), "Relation": relation}
    return answer


def _sort(ctx: Context, tx: Transaction, searched: Searched, shape: StructureShape, name: str | None) -> str:
    """The property to sort by: of several that a name can stand for, the first that a resource has."""
    if name is None:
        return "LastModifiedTime"
    found = [item.path for item in properties(shape, name.removeprefix(searched.heading))]
    if len(found) > 1:
        prefix = found[0].rpartition(".")[0]
        used = tx.resources.property_names(ctx.account, ctx.region, searched.kind, prefix, 100)
        found = [path for path in found if path in used] or found
    return found[0]


def _documents(tx: Transaction, items: Sequence[Resource]) -> list[Document]:
    if not items:
        return []
    tags = tx.tags.of_many(resource.arn for resource in items)
    documents = [
        {**resource.spec, **resource.state, "Tags": _tags(tags.get(resource.arn, {}))} for resource in items
    ]
    if items[0].kind == "TrialComponent":
        return _components(tx, items, documents)
    if items[0].kind == "Trial":
        return _trials(tx, items, documents)
    if items[0].kind == "Model":
        return dashboard(tx, items, documents)
    return documents


def _tags(tags: Mapping[str, str]) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _components(tx: Transaction, items: Sequence[Resource], documents: list[Document]) -> list[Document]:
    arns = [resource.arn for resource in items]
    summaries = tx.metrics.summaries(arns)
    memberships = tx.edges.of_many(sources=arns, kinds=(PART_OF,))
    trials = tx.resources.find_many(edge.destination for edges in memberships.values() for edge in edges)
    parents = {trial.arn: rules.parent(trial.document) for trial in trials.values()}
    sources = [document.get("Source", {}).get("SourceArn") for document in documents]
    jobs = tx.resources.find_many(source for source in sources if source)
    hits: list[Document] = []
    for arn, document, source in zip(arns, documents, sources, strict=True):
        hit = complete(document, summaries.get(arn, ()))
        mine = [edge.destination for edge in memberships.get(arn, ())]
        hit["Parents"] = [parents[trial] for trial in mine if trial in parents]
        job = jobs.get(source) if source else None
        if job is not None:
            hit["SourceDetail"] = {"SourceArn": source, job.kind: job.document}
        hits.append(hit)
    return hits


MEMBERS = 100
"""Components that a trial found shows, at most."""


def _trials(tx: Transaction, items: Sequence[Resource], documents: list[Document]) -> list[Document]:
    members = {
        trial.arn: [
            edge.source for edge in tx.edges.list(destination=trial.arn, kinds=(PART_OF,), limit=MEMBERS)
        ]
        for trial in items
    }
    found = tx.resources.find_many(arn for arns in members.values() for arn in arns)
    components = {arn: _member(component) for arn, component in found.items()}
    return [
        {
            **document,
            "TrialComponentSummaries": [components[arn] for arn in members[trial.arn] if arn in components],
        }
        for trial, document in zip(items, documents, strict=True)
    ]


def _member(component: Resource) -> Document:
    source = component.spec.get("Source")
    return component.document if source is None else {**component.document, "TrialComponentSource": source}


@operation("sagemaker", "GetSearchSuggestions")
def get_search_suggestions(ctx: Context, request: Document) -> Document:
    """Names of the record's own members and of properties in use that begin with the hint, 10 at most."""
    searched, shape = record_shape(request["Resource"])
    query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    hint = query.get("PropertyNameHint", "")
    names = list(_members(shape, hint))
    head, dot, rest = hint.partition(".")
    member = next((name for name in shape.members if name.lower() == head.lower()), head)
    prefix = f"{member}{dot}{rest}"
    with ctx.read() as tx:
        used = tx.resources.property_names(ctx.account, ctx.region, searched.kind, prefix, 50)
    shown = [_shown(path) for path in used]
    # What is in use says more than what could be; a metric's members are only known by its name.
    names = [*shown, *names] if dot and member != "Metrics" else shown if dot else [*names, *shown]
    unique = list(dict.fromkeys(name for name in names if len(name) <= 255))
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in unique[:10]]}


def _members(shape: Shape, hint: str) -> Iterable[str]:
    """Of the record, and of what the names before the hint's last dot lead to."""
    *path, last = hint.split(".")
    known: list[str] = []
    for part in path:
        while shape.type_name == "list":
            shape = shape.member
        members = shape.members if shape.type_name == "structure" else {}
        name = next((name for name in members if name.lower() == part.lower()), None)
        if name is None:
            return
        known.append(name)
        shape = members[name]
    while shape.type_name == "list":
        shape = shape.member
    for name in shape.members if shape.type_name == "structure" else ():
        if name.lower().startswith(last.lower()):
            yield ".".join((*known, name))


def _shown(path: str) -> str:
    """A parameter is suggested by its name alone."""
    head, _, _ = path.partition(".")
    if head == "Parameters":
        return path.removesuffix(".NumberValue").removesuffix(".StringValue")
    return path
