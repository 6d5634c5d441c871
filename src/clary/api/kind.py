"""A resource kind as a declaration: the model's shapes plus what AWS does not write into its model.

    TrainingJob = Kind("sagemaker", "TrainingJob", status="TrainingJobStatus", initial="InProgress",
                       exists="ResourceInUse", missing=("ValidationException", "Requested resource not found."))
    TrainingJob.serves("Create", "Describe", "List", "Stop", "Delete")

    @TrainingJob.on_create
    def check_channels(ctx, tx, resource): ...      # raise ServiceError, or return a changed resource

Served operations keep the request as `spec`, what became of it as `state`, and answer with both: each
output shape takes the members that it knows.

    Create    unique name (by ARN, so without regard to case), ARN, times, tags, first status
    Describe  the document, after the hooks of `on_describe`
    List      filters, sorting and pages as the input shape names them
    Update    merges the request's members into `spec`
    Stop      sets the target `Stopped` and queues a `wake`; the state machine does the rest
    Delete    the row with all that hangs on it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from clary.api.context import Context
from clary.api.errors import ServiceError
from clary.api.operations import operation
from clary.domain.search import Both, Compare, Expression, Operator
from clary.storage.ports import BadCursor, Document, Effect, Exists, Query, Resource, Transaction
from clary.wire.models import service as model_of

CreateHook = Callable[[Context, Transaction, Resource], Resource | None]
DeleteHook = Callable[[Context, Transaction, Resource], None]
DescribeHook = Callable[[Context, Transaction, Resource, Document], Document]

VERBS = ("Create", "Describe", "List", "Update", "Stop", "Delete")
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
    ) -> None:
        """`exists`: error code, or code and message with `{name}` and `{arn}`, of a second Create. `arn`: the resource
        part before the name, by default the noun in kebab case. `status`: the member that shows the row's status;
        `initial`: its first value. `page`: rows per List when MaxResults is not given."""
        self.service, self.noun = service, noun
        self.exists = exists if isinstance(exists, tuple) else (exists, f"{noun} names must be unique within an AWS account and region. {noun} with name ({{name}}) already exists.")
        self.missing = missing
        self.path = arn or re.sub(r"(?<!^)(?=[A-Z])", "-", noun).lower()
        self.status, self.initial, self.page = status, initial, page
        self._created: list[CreateHook] = []
        self._deleted: list[DeleteHook] = []
        self._described: list[DescribeHook] = []
        self._stopped: list[DeleteHook] = []

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

    def arn(self, ctx: Context, name: str) -> str:
        return ctx.arn(self.service, f"{self.path}/{name.lower()}")

    def load(self, ctx: Context, tx: Transaction, name: str) -> Resource:
        """Raises the kind's `missing` error."""
        found = tx.resources.find(self.arn(ctx, name))
        if found is None:
            code, message = self.missing
            raise ServiceError(code, message.format(name=name, arn=self.arn(ctx, name)))
        return found

    def create(self, ctx: Context, request: Document) -> Document:
        name = request[f"{self.noun}Name"]
        arn = self.arn(ctx, name)
        spec = {member: value for member, value in request.items() if member != "Tags"}
        state: Document = {f"{self.noun}Arn": arn, "CreationTime": ctx.now, "LastModifiedTime": ctx.now}
        if self.status and self.initial:
            state[self.status] = self.initial
        resource = Resource(
            arn=arn, account=ctx.account, region=ctx.region, kind=self.noun, name=name, created=ctx.now,
            modified=ctx.now, spec=spec, state=state, status=self.initial,
        )  # fmt: skip
        with ctx.begin() as tx:
            if tx.resources.find(arn) is not None:
                raise self._exists(name, arn)
            for hook in self._created:
                resource = hook(ctx, tx, resource) or resource
            try:
                resource = tx.resources.insert(resource)
            except Exists:
                raise self._exists(name, arn) from None
            tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
            if tags:
                tx.tags.put(arn, tags)
        return resource.document

    def _exists(self, name: str, arn: str) -> ServiceError:
        code, message = self.exists
        return ServiceError(code, message.format(name=name, arn=arn))

    def describe(self, ctx: Context, request: Document) -> Document:
        with ctx.read() as tx:
            resource = self.load(ctx, tx, request[f"{self.noun}Name"])
            return self.show(ctx, tx, resource)

    def show(self, ctx: Context, tx: Transaction, resource: Resource) -> Document:
        document = resource.document
        for hook in self._described:
            document = hook(ctx, tx, resource, document)
        return document

    def list(self, ctx: Context, request: Document) -> Document:
        output = model_of(self.service).operations[f"List{_plural(self.noun)}"].output
        member = next(name for name, shape in output.members.items() if shape.type_name == "list")
        query = Query(
            account=ctx.account, region=ctx.region, kinds=(self.noun,), where=list_filter(request),
            sort_by=request.get("SortBy", "CreationTime"), descending=request.get("SortOrder", "Descending") == "Descending",
            limit=request.get("MaxResults", self.page), cursor=request.get("NextToken"),
        )  # fmt: skip
        with ctx.read() as tx:
            try:
                page = tx.resources.list(query)
            except BadCursor:
                raise ServiceError("ValidationException", "Invalid pagination token: NextToken.") from None
        return {member: [resource.document for resource in page.items], "NextToken": page.cursor}

    def update(self, ctx: Context, request: Document) -> Document:
        with ctx.begin() as tx:
            resource = self.load(ctx, tx, request[f"{self.noun}Name"])
            spec = {**resource.spec, **request, f"{self.noun}Name": resource.name}
            state = {**resource.state, "LastModifiedTime": ctx.now}
            return tx.resources.update(replace(resource, spec=spec, state=state, modified=ctx.now)).document

    def stop(self, ctx: Context, request: Document) -> None:
        with ctx.begin() as tx:
            resource = self.load(ctx, tx, request[f"{self.noun}Name"])
            for hook in self._stopped:
                hook(ctx, tx, resource)
            tx.resources.update(replace(resource, target="Stopped"))
            tx.outbox.put(Effect(resource.arn, resource.generation, WAKE, due=ctx.now))

    def delete(self, ctx: Context, request: Document) -> None:
        with ctx.begin() as tx:
            resource = self.load(ctx, tx, request[f"{self.noun}Name"])
            for hook in self._deleted:
                hook(ctx, tx, resource)
            tx.resources.delete(resource.arn)


_COMPARED: Mapping[str, tuple[str, Operator]] = {
    "NameContains": ("Name", Operator.CONTAINS),
    "StatusEquals": ("Status", Operator.EQUALS),
    "CreationTimeAfter": ("CreationTime", Operator.GREATER_THAN),
    "CreationTimeBefore": ("CreationTime", Operator.LESS_THAN),
    "CreatedAfter": ("CreationTime", Operator.GREATER_THAN),
    "CreatedBefore": ("CreationTime", Operator.LESS_THAN),
    "LastModifiedTimeAfter": ("LastModifiedTime", Operator.GREATER_THAN),
    "LastModifiedTimeBefore": ("LastModifiedTime", Operator.LESS_THAN),
}
_PAGING = {"NextToken", "MaxResults", "SortBy", "SortOrder"}


def list_filter(request: Mapping[str, Any]) -> Expression | None:
    """The members of a List request as an expression. `XEquals` asks for property X."""
    terms: list[Expression] = []
    for member, value in request.items():
        if member in _COMPARED:
            name, operator = _COMPARED[member]
            terms.append(Compare(name, operator, value))
        elif member not in _PAGING and member.endswith("Equals"):
            terms.append(Compare(member.removesuffix("Equals"), Operator.EQUALS, value))
    return Both(tuple(terms)) if terms else None


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
