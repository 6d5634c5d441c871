"""A resource kind as a declaration: the model's shapes plus what AWS does not write into its model.

    TrainingJob = Kind("sagemaker", "TrainingJob", status="TrainingJobStatus", initial="InProgress",
                       exists="ResourceInUse",
                       missing=("ValidationException", "Requested resource not found."))
    TrainingJob.serves("Create", "Describe", "List", "Stop", "Delete")

    @TrainingJob.on_create
    def check_channels(ctx, tx, resource): ...      # raise ServiceError, or return a changed resource

Served operations keep the request as `spec`, what became of it as `state`, and answer with both: each
output shape takes the members that it knows.

    Create    unique name (by ARN, so without regard to case), ARN, times, tags, first status, who made it
    Describe  the document, after the hooks of `on_describe`
    List      filters, sorting and pages as the input shape names them; the hooks of `on_list` narrow it
    Update    merges the request's members, after the hooks of `on_update`, into `spec`
    Stop      sets the target `Stopped` and queues a `wake`; the state machine does the rest
    Delete    the row with all that hangs on it, unless a hook of `on_delete` refuses

A resource is named by its noun's name member, or by its ARN where the model allows that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec.structs import replace

from clary.api.context import Context
from clary.api.errors import ServiceError
from clary.api.filters import both, list_filter
from clary.api.operations import operation
from clary.api.tags import given_tags
from clary.domain.search import Expression
from clary.storage.ports import BadCursor, Document, Effect, Exists, Query, Resource, Transaction
from clary.wire.models import service as model_of

CreateHook = Callable[[Context, Transaction, Resource], Resource | None]
DeleteHook = Callable[[Context, Transaction, Resource], None]
DescribeHook = Callable[[Context, Transaction, Resource, Document], Document]
ListHook = Callable[[Context, Transaction, Document], "Expression | None"]
UpdateHook = Callable[[Context, Transaction, Resource, Document], Document]

VERBS = ("Create", "Describe", "List", "Update", "Stop", "Delete")


class Placed(Protocol):
    """What has an account and a region: a call's context, a resource."""

    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...


_EXISTS = (
    "{noun} names must be unique within an AWS account and region."
    " {noun} with name ({{name}}) already exists."
)  # fmt: skip
WAKE = "wake"
"""The effect that makes the reconciler look at a resource."""


class Kind:
    def __init__(
        self,
        service: str,
        noun: str,
        *,
        exists: str | tuple[str, str] = "ResourceInUse",
        missing: tuple[str, str] = ("ValidationException", "Requested resource not found."),
        arn: str | None = None,
        status: str | None = None,
        initial: str | None = None,
        page: int = 10,
        identifier: str | None = None,
        summary: Mapping[str, str] | None = None,
    ) -> None:
        """`exists`: error code, or code and message with `{name}` and `{arn}`, of a second Create. `arn`: the
        resource part before the name, by default the noun in kebab case. `status`: the member that shows the
        row's status; `initial`: its first value. `page`: rows per List when MaxResults is not given.
        `identifier`: the member that says which one in Describe, Update, Stop and Delete, by default the
        noun's name. `summary`: members that List calls otherwise than Describe, by List's name."""
        self.service, self.noun = service, noun
        self.exists = exists if isinstance(exists, tuple) else (exists, _EXISTS.format(noun=noun))
        self.missing = missing
        self.path = arn or re.sub(r"(?<!^)(?=[A-Z])", "-", noun).lower()
        self.status, self.initial, self.page = status, initial, page
        self.identifier, self.summary = identifier or f"{noun}Name", summary or {}
        self._created: list[CreateHook] = []
        self._deleted: list[DeleteHook] = []
        self._described: list[DescribeHook] = []
        self._stopped: list[DeleteHook] = []
        self._listed: list[ListHook] = []
        self._updated: list[UpdateHook] = []

    def serves(self, *verbs: str) -> None:
        """Answer these verbs' operations. Raises `LookupError` for one that the model does not have."""
        for verb in verbs:
            if verb == "List":
                operation(self.service, f"List{_plural(self.noun)}")(self.list)
            else:
                operation(self.service, f"{verb}{self.noun}")(getattr(self, verb.lower()))

    def on_create(self, hook: CreateHook) -> CreateHook:
        """Run before the row is written, in its transaction; may answer a changed resource."""
        self._created.append(hook)
        return hook

    def on_describe(self, hook: DescribeHook) -> DescribeHook:
        """Complete the document that Describe answers."""
        self._described.append(hook)
        return hook

    def on_delete(self, hook: DeleteHook) -> DeleteHook:
        """Run before the row goes, in its transaction; raises ServiceError to refuse."""
        self._deleted.append(hook)
        return hook

    def on_stop(self, hook: DeleteHook) -> DeleteHook:
        """Run before the target is set; raises ServiceError to refuse."""
        self._stopped.append(hook)
        return hook

    def on_list(self, hook: ListHook) -> ListHook:
        """Narrow a List by what its request says beyond the usual filters; raises ServiceError to refuse."""
        self._listed.append(hook)
        return hook

    def on_update(self, hook: UpdateHook) -> UpdateHook:
        """Answer the members to merge into `spec`, given the stored resource and the request."""
        self._updated.append(hook)
        return hook

    def arn(self, where: Placed, name: str) -> str:
        """Of the resource with this name; an ARN stays what it is."""
        if name.startswith("arn:"):
            head, _, tail = name.partition("/")
            return f"{head}/{tail.lower()}"
        return f"arn:aws:{self.service}:{where.region}:{where.account}:{self.path}/{name.lower()}"

    def load(self, where: Placed, tx: Transaction, name: str) -> Resource:
        """Raises the kind's `missing` error."""
        arn = self.arn(where, name)
        found = tx.resources.find(arn)
        if found is None or found.kind != self.noun:
            code, message = self.missing
            raise ServiceError(code, message.format(name=name, arn=arn))
        return found

    def new(
        self, where: Placed, name: str, spec: Document, now: float, by: Document | None = None
    ) -> Resource:
        """A resource as Create makes it, not yet kept. `by`: the UserContext of who made it."""
        arn = self.arn(where, name)
        state: Document = {f"{self.noun}Arn": arn, "CreationTime": now, "LastModifiedTime": now}
        if by:
            state["CreatedBy"] = state["LastModifiedBy"] = by
        if self.status and self.initial:
            state[self.status] = self.initial
        return Resource(
            arn=arn, account=where.account, region=where.region, kind=self.noun, name=name, created=now,
            modified=now, spec=spec, state=state, status=self.initial,
        )  # fmt: skip

    def create(self, ctx: Context, request: Document) -> Document:
        with ctx.begin() as tx:
            return self.add(ctx, tx, request).document

    def add(
        self, ctx: Context, tx: Transaction, request: Document, state: Document | None = None
    ) -> Resource:
        """What Create does, within a transaction: for what another resource makes. `state` has members that
        the new one's document shows from the start. Raises ServiceError before anything is written."""
        name, tags = request[f"{self.noun}Name"], given_tags(request.get("Tags", ()))
        spec = {member: value for member, value in request.items() if member != "Tags"}
        resource = self.new(ctx, name, spec, ctx.now, user_context(ctx))
        if state:
            resource = replace(resource, state={**resource.state, **state})
        arn = resource.arn
        if tx.resources.find(arn) is not None:
            raise self.taken(name, arn)
        for hook in self._created:
            resource = hook(ctx, tx, resource) or resource
        try:
            resource = tx.resources.insert(resource)
        except Exists:
            raise self.taken(name, arn) from None
        if tags:
            tx.tags.put(arn, tags)
        return resource

    def taken(self, name: str, arn: str) -> ServiceError:
        """The error for a name that is in use."""
        code, message = self.exists
        return ServiceError(code, message.format(name=name, arn=arn))

    def describe(self, ctx: Context, request: Document) -> Document:
        with ctx.read() as tx:
            resource = self.load(ctx, tx, request[self.identifier])
            return self.show(ctx, tx, resource)

    def show(self, ctx: Context, tx: Transaction, resource: Resource) -> Document:
        document = resource.document
        for hook in self._described:
            document = hook(ctx, tx, resource, document)
        return document

    def list(self, ctx: Context, request: Document) -> Document:
        output = model_of(self.service).operations[f"List{_plural(self.noun)}"].output
        assert output is not None
        member = next(name for name, shape in output.members.items() if shape.type_name == "list")
        with ctx.read() as tx:
            terms = [list_filter(request), *(hook(ctx, tx, request) for hook in self._listed)]
            query = Query(
                account=ctx.account, region=ctx.region, kinds=(self.noun,), where=both(terms),
                sort_by=request.get("SortBy", "CreationTime"),
                descending=request.get("SortOrder", "Descending") == "Descending",
                limit=request.get("MaxResults", self.page), cursor=request.get("NextToken"),
            )  # fmt: skip
            try:
                page = tx.resources.list(query)
            except BadCursor:
                raise ServiceError("ValidationException", "Invalid pagination token: NextToken.") from None
        return {member: [self.summarise(resource) for resource in page.items], "NextToken": page.cursor}

    def summarise(self, resource: Resource) -> Document:
        """The document under the names that List uses."""
        document = resource.document
        for name, member in self.summary.items():
            if member in document:
                document[name] = document[member]
        return document

    def update(self, ctx: Context, request: Document) -> Document:
        with ctx.begin() as tx:
            resource = self.load(ctx, tx, request[self.identifier])
            changes = dict(request)
            for hook in self._updated:
                changes = hook(ctx, tx, resource, changes)
            resource = self.load(ctx, tx, request[self.identifier])  # hooks may keep something in its state
            spec = {**resource.spec, **changes}
            if self.identifier in resource.spec:  # as it was first written, whatever case asks for it
                spec[self.identifier] = resource.spec[self.identifier]
            state = {**resource.state, "LastModifiedTime": ctx.now, "LastModifiedBy": user_context(ctx)}
            return tx.resources.update(replace(resource, spec=spec, state=state, modified=ctx.now)).document

    def stop(self, ctx: Context, request: Document) -> None:
        with ctx.begin() as tx:
            resource = self.load(ctx, tx, request[self.identifier])
            for hook in self._stopped:
                hook(ctx, tx, resource)
            tx.resources.update(replace(resource, target="Stopped"))
            tx.outbox.put(Effect(resource.arn, resource.generation, WAKE, due=ctx.now))

    def delete(self, ctx: Context, request: Document) -> Document:
        with ctx.begin() as tx:
            resource = self.load(ctx, tx, request[self.identifier])
            for hook in self._deleted:
                hook(ctx, tx, resource)
            tx.resources.delete(resource.arn)
            return {f"{self.noun}Arn": resource.arn}


def user_context(ctx: Context) -> Document:
    """Who calls, as the model's UserContext."""
    identity = {"Arn": ctx.principal.arn}
    if ctx.principal.arn.endswith(":root"):
        identity["PrincipalId"] = ctx.principal.account
    return {"IamIdentity": identity}


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
