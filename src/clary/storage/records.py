"""What a store keeps, as records, and what it raises on purpose.

Structs, which are made in a tenth of a frozen dataclass's time: a page of components has a hundred edges and a thousand
summaries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, overload

from msgspec import Struct

from clary.domain.search import Expression

Document = dict[str, Any]


class StorageError(Exception):
    """Base of what a store raises on purpose."""


class Exists(StorageError):
    """A record with this key is there already."""


class Missing(StorageError):
    """No record has this key."""


class Conflict(StorageError):
    """The record changed since it was read (compare-and-swap on `version`)."""


class Full(StorageError):
    """The disk has no room for the write; nothing of it was kept."""


class BadCursor(StorageError):
    """A page token that this query did not give out."""


class Misuse(StorageError):
    """A transaction inside a transaction of the same thread, a write inside `read`, or a closed store."""


class Resource(Struct, frozen=True):
    arn: str
    """The key. AWS lower-cases the name inside ARNs, so names are unique without regard to case."""
    account: str
    region: str
    kind: str
    """The noun, as in the model: `TrainingJob`."""
    name: str
    created: float
    modified: float
    spec: Document = {}
    state: Document = {}
    status: str | None = None
    target: str | None = None
    """The status that the user wants it to reach (`Stopped`), for the reconciler."""
    parent: str | None = None
    """ARN of the resource this one lives in (a trial's experiment)."""
    generation: int = 1
    """Counts incarnations and updates; effects are idempotent by (arn, generation, effect)."""
    version: int = 0

    @property
    def document(self) -> Document:
        return {**self.spec, **self.state}


class Query(Struct, frozen=True):
    """Which resources, in which order, how many. Rows equal in the sort property follow in the order in which
    they were made. Pages are stable: the cursor holds where the last row stood, so rows inserted or deleted
    meanwhile neither repeat nor hide others."""

    account: str
    region: str
    kinds: tuple[str, ...]
    where: Expression | None = None
    sort_by: str = "CreationTime"
    """Any property (see `Expression`). Rows without it come last."""
    descending: bool = True
    limit: int = 100
    cursor: str | None = None


class Page(Struct, frozen=True):
    items: Sequence[Resource]
    cursor: str | None
    """None at the end."""


class Edge(Struct, frozen=True):
    kind: str
    """`PartOf` (trial component -> trial), or a lineage association type (`ContributedTo`, ...)."""
    source: str
    destination: str
    created: float
    document: Document = {}
    source_type: str | None = None
    """What sort of thing its source is, for listings of edges from such; None where none asks."""
    destination_type: str | None = None


class Discarded(Struct, frozen=True):
    """Resources that were taken out of sight together, for as long as they can be brought back."""

    id: str
    account: str
    region: str
    kind: str
    """Of the resource that was deleted; the others went with it."""
    name: str
    time: float
    document: Document = {}


class Point(NamedTuple):
    name: str
    value: float
    time: float
    step: int | None = None


class Curve(Sequence[Point]):
    """A series' points, as a sequence; or by column, which costs a tenth of it."""

    __slots__ = ("name", "steps", "times", "values")

    def __init__(
        self, name: str, times: Sequence[float], steps: Sequence[int | None], values: Sequence[float]
    ) -> None:
        self.name, self.times, self.steps, self.values = name, times, steps, values

    def __len__(self) -> int:
        return len(self.times)

    @overload
    def __getitem__(self, index: int) -> Point: ...
    @overload
    def __getitem__(self, index: slice) -> Curve: ...
    def __getitem__(self, index: int | slice) -> Point | Curve:
        if isinstance(index, slice):
            return Curve(self.name, self.times[index], self.steps[index], self.values[index])
        return Point(self.name, self.values[index], self.times[index], self.steps[index])


class Summary(Struct, frozen=True, gc=False):
    """Of one series: right under out-of-order, repeated and concurrent writes."""

    name: str
    count: int
    average: float
    minimum: float
    maximum: float
    deviation: float
    """Population standard deviation."""
    last: float
    """Value of the point that is last by (time, step, order of arrival)."""
    time: float
    """Its time."""


class LogLine(Struct, frozen=True):
    time: float
    ingested: float
    text: str
    id: int = 0


class LogStream(Struct, frozen=True):
    name: str
    created: float
    first_time: float | None = None
    last_time: float | None = None
    last_ingested: float | None = None
    lines: int = 0
    offset: int = 0
    """How far the source (a log file, in bytes) has been read; advanced by compare-and-swap."""


class Effect(Struct, frozen=True):
    arn: str
    generation: int
    name: str
    payload: Document = {}
    due: float = 0.0
    id: int = 0


class Key(Struct, frozen=True):
    """A credential: a user's or root's access key, or a role session's."""

    id: str
    secret: str
    account: str
    principal: str
    """ARN of who acts: a root, a user, or `assumed-role/ROLE/SESSION`."""
    created: float
    token: str | None = None
    expires: float | None = None
    active: bool = True


class Bucket(Struct, frozen=True):
    name: str
    account: str
    region: str
    created: float
    document: Document = {}


class ObjectRecord(Struct, frozen=True):
    """Metadata of one object; its bytes lie in the blob store under `blob`."""

    bucket: str
    key: str
    blob: str
    size: int
    etag: str
    """With its quotes."""
    modified: float
    document: Document = {}
    """Content type, user metadata, checksums, tags, ..., by the model's member names."""


class Upload(Struct, frozen=True):
    id: str
    bucket: str
    key: str
    created: float
    document: Document = {}


class Part(Struct, frozen=True):
    number: int
    blob: str
    size: int
    etag: str
    modified: float
    document: Document = {}


class Rows(Struct, frozen=True):
    """Resources by column."""

    ids: Sequence[int]
    arns: Sequence[str]
    created: Sequence[float]
    specs: Sequence[str]
    """JSON: who wants a few members decodes just these."""
