"""What Clary asks of a store. `sql/` (SQLite, PostgreSQL) and `memory.py` answer it alike; one
contract suite, `tests/contract/test_store.py`, holds both to it.

A store keeps records in a few areas, none of them particular to a resource type:

    resources   one row a resource, its document in two parts (spec: as asked for, state: what became of it)
    tags        key and value by ARN
    edges       typed, directed, with a small document: experiment membership, lineage
    metrics     points at full resolution and a running summary per series
    logs        lines by group and stream
    outbox      effects to run, written in the transaction that decided them
    leases      who works on what, until when
    keys        credentials and what they stand for
    objects     S3: buckets, objects' metadata, multipart uploads

All work happens inside a transaction: `with store.begin() as tx:` commits at the end of the block,
durably (it survives `kill -9` and, where the disk keeps its word, a power cut), or leaves nothing
behind when the block raises. `with store.read() as tx:` sees one consistent state and cannot write.
Functions are synchronous; the edge calls them from threads. A store may be used from many threads;
a transaction belongs to one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, overload

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


@dataclass(frozen=True, slots=True)
class Resource:
    arn: str
    """The key. AWS lower-cases the name inside ARNs, so names are unique without regard to case."""
    account: str
    region: str
    kind: str
    """The noun, as in the model: `TrainingJob`."""
    name: str
    created: float
    modified: float
    spec: Document = field(default_factory=dict)
    state: Document = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class Query:
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


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[Resource]
    cursor: str | None
    """None at the end."""


@dataclass(frozen=True, slots=True)
class Edge:
    kind: str
    """`PartOf` (trial component -> trial), or a lineage association type (`ContributedTo`, ...)."""
    source: str
    destination: str
    created: float
    document: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Discarded:
    """Resources that were taken out of sight together, for as long as they can be brought back."""

    id: str
    account: str
    region: str
    kind: str
    """Of the resource that was deleted; the others went with it."""
    name: str
    time: float
    document: Document = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one series: right under out-of-order, repeated and concurrent writes."""

    name: str
    count: int
    total: float
    minimum: float
    maximum: float
    deviation: float
    """Population standard deviation."""
    last: float
    """Value of the point that is last by (time, step, order of arrival)."""
    time: float
    """Its time."""

    @property
    def average(self) -> float:
        return self.total / self.count


@dataclass(frozen=True, slots=True)
class LogLine:
    time: float
    ingested: float
    text: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class LogStream:
    name: str
    created: float
    first_time: float | None = None
    last_time: float | None = None
    last_ingested: float | None = None
    lines: int = 0
    offset: int = 0
    """How far the source (a log file, in bytes) has been read; advanced by compare-and-swap."""


@dataclass(frozen=True, slots=True)
class Effect:
    arn: str
    generation: int
    name: str
    payload: Document = field(default_factory=dict)
    due: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Key:
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


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    account: str
    region: str
    created: float
    document: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """Metadata of one object; its bytes lie in the blob store under `blob`."""

    bucket: str
    key: str
    blob: str
    size: int
    etag: str
    """With its quotes."""
    modified: float
    document: Document = field(default_factory=dict)
    """Content type, user metadata, checksums, tags, ..., by the model's member names."""


@dataclass(frozen=True, slots=True)
class Upload:
    id: str
    bucket: str
    key: str
    created: float
    document: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    blob: str
    size: int
    etag: str
    modified: float
    document: Document = field(default_factory=dict)


class Resources(Protocol):
    def insert(self, resource: Resource) -> Resource:
        """Keep a new resource, as version 1. Raises `Exists`."""
        ...

    def get(self, arn: str) -> Resource:
        """Raises `Missing`."""
        ...

    def find(self, arn: str) -> Resource | None: ...

    def find_many(self, arns: Iterable[str]) -> dict[str, Resource]:
        """Those that there are, by ARN, in the order of `arns`."""
        ...

    def update(self, resource: Resource) -> Resource:
        """Write it if the stored version is `resource.version`; the answer carries the next one.
        Raises `Conflict`, `Missing`."""
        ...

    def delete(self, arn: str) -> None:
        """Take it away with its tags, edges, metrics and effects. Raises `Missing`."""
        ...

    def list(self, query: Query) -> Page:
        """Raises `BadCursor`."""
        ...

    def count(self, query: Query) -> int:
        """All that match, whatever `limit` and `cursor` say."""
        ...

    def property_names(self, account: str, region: str, kind: str, prefix: str, limit: int) -> Sequence[str]:
        """Names of searchable properties in use that start with the prefix, for suggestions. The row's own
        (`Name`, `Status`, ...) are always there and not told."""
        ...


class Tags(Protocol):
    def get(self, arn: str) -> dict[str, str]: ...
    def of_many(self, arns: Iterable[str]) -> dict[str, dict[str, str]]:
        """By ARN, of those that have any."""
        ...

    def put(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite these keys."""
        ...

    def remove(self, arn: str, keys: Iterable[str]) -> None: ...


class Edges(Protocol):
    def put(self, edge: Edge) -> None:
        """Add or overwrite (key: kind, source, destination)."""
        ...

    def delete(self, kind: str | None, source: str, destination: str) -> bool:
        """True if there was one. Kind None: of any kind."""
        ...

    def list(
        self,
        *,
        source: str | None = None,
        destination: str | None = None,
        kinds: Iterable[str] | None = None,
        limit: int | None = None,
        after: tuple[float, str, str] | None = None,
        descending: bool = False,
    ) -> Sequence[Edge]:
        """By time made, then source and destination; `after` is the (created, source, destination) of the
        last one seen."""
        ...

    def of_many(
        self,
        *,
        sources: Iterable[str] | None = None,
        destinations: Iterable[str] | None = None,
        kinds: Iterable[str] | None = None,
    ) -> Mapping[str, Sequence[Edge]]:
        """The edges that leave each source, or that lead to each destination (give one of the two), by its ARN,
        of those that have any; each in the order of `list`."""
        ...


class Trash(Protocol):
    def put(self, discarded: Discarded, arns: Sequence[str]) -> None:
        """Take these resources out of sight, with their tags, edges and metrics: as if deleted, their ARNs are
        free again. What remains is no longer searchable by them. Raises `Missing`."""
        ...

    def list(self, account: str, region: str) -> Sequence[Discarded]:
        """Newest first."""
        ...

    def restore(self, id: str) -> None:
        """Bring them back as they were. An edge whose other end lies in the trash comes back with that; one
        whose other end is deleted does not. Raises `Missing`, and `Exists` with an ARN that was taken again."""
        ...

    def purge(self, before: float) -> int:
        """Forget for good what was put before this time; how many were put together so."""
        ...


class Metrics(Protocol):
    def append(self, arn: str, points: Iterable[Point]) -> None:
        """Keep every point and bring the summaries up to date. A point equal in name, time, step and value
        to one there is the same point (a retry), not a second. Raises `Missing` when there is no such
        resource, `ValueError` for a time that is not finite."""
        ...

    def summaries(self, arns: Iterable[str]) -> dict[str, list[Summary]]:
        """By ARN, of those that have any, in the order in which each resource's series began."""
        ...

    def points(self, arn: str, name: str, *, start: float | None = None, end: float | None = None) -> Curve:
        """One whole series, or its part in [start, end), by (time, step, arrival)."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Resources by column."""

    ids: Sequence[int]
    arns: Sequence[str]
    created: Sequence[float]
    specs: Sequence[str]
    """JSON: who wants a few members decodes just these."""


class Columns(Protocol):
    """Many resources by column, without a record for each: for tables. `ids` are the store's own numbers, good
    beyond the transaction; what is deleted meanwhile is left out of `rows`, and has nothing."""

    def ids(self, query: Query, limit: int | None = None) -> Sequence[int]:
        """All that match, at most `limit`, in the query's order; its own limit and cursor do not count."""
        ...

    def rows(self, ids: Sequence[int]) -> Rows:
        """Those that there are, in the order of `ids`."""
        ...

    def series(self, ids: Sequence[int]) -> Sequence[Sequence[str]]:
        """Names of the metrics of each, in the order in which its series began."""
        ...

    def statistics(
        self, ids: Sequence[int], metric: str, statistics: Sequence[str]
    ) -> Sequence[Sequence[float | None]]:
        """A column for each statistic (Last, Min, Max, Avg, StdDev or Count; see `Summary`), None where a resource
        has no such metric."""
        ...

    def destinations(self, ids: Sequence[int], kind: str) -> Sequence[Sequence[str]]:
        """ARNs to which each one's edges of the kind lead, in the order of `Edges.list`."""
        ...


class Logs(Protocol):
    def create_stream(self, group: str, stream: str, now: float) -> None:
        """Raises `Exists`. Makes its group."""
        ...

    def append(
        self, group: str, stream: str, lines: Sequence[LogLine], *, offset: tuple[int, int] | None = None
    ) -> None:
        """Add lines; `offset` (old, new) moves the stream's source offset with them, and raises `Conflict`
        when it is not `old`: whoever came second has nothing to add. Raises `Missing`."""
        ...

    def stream(self, group: str, stream: str) -> LogStream:
        """Raises `Missing`."""
        ...

    def streams(
        self, group: str, prefix: str = "", *, after: str | None = None, limit: int = 50
    ) -> Sequence[LogStream]:
        """By name. An unknown group has none."""
        ...

    def groups(self, prefix: str = "", *, after: str | None = None, limit: int = 50) -> Sequence[str]: ...

    def lines(
        self,
        group: str,
        streams: Iterable[str] | None = None,
        *,
        start: float | None = None,
        end: float | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int = 10_000,
        newest: bool = False,
    ) -> Sequence[tuple[str, LogLine]]:
        """(stream, line) in order of id, which grows with arrival. `after` and `before` are ids, exclusive.
        `newest` takes the last `limit` lines instead of the first; the answer's order stays."""
        ...

    def delete_stream(self, group: str, stream: str) -> None:
        """Raises `Missing`."""
        ...


class Outbox(Protocol):
    def put(self, effect: Effect) -> Effect:
        """Queue it; the answer carries its id. An effect equal in (arn, generation, name) replaces the other
        one's payload and due time and keeps its id."""
        ...

    def due(self, now: float, limit: int = 1000) -> Sequence[Effect]:
        """Oldest due first, then by id."""
        ...

    def next_due_after(self, now: float) -> float | None:
        """When the first effect not yet due becomes it."""
        ...

    def list(self, arn: str) -> Sequence[Effect]: ...

    def delete(self, id: int) -> bool:
        """True if it was there."""
        ...

    def clear(self, arn: str) -> None:
        """All of this resource."""
        ...


class Leases(Protocol):
    def acquire(self, key: str, owner: str, now: float, seconds: float) -> bool:
        """Take or renew; False while another's is unexpired."""
        ...

    def release(self, key: str, owner: str) -> None: ...


class Keys(Protocol):
    def put(self, key: Key) -> None:
        """Add or overwrite."""
        ...

    def find(self, id: str) -> Key | None: ...

    def list(self, principal: str) -> Sequence[Key]: ...

    def delete(self, id: str) -> None: ...

    def purge(self, now: float) -> None:
        """Forget the expired."""
        ...


class Objects(Protocol):
    def create_bucket(self, bucket: Bucket) -> None:
        """Raises `Exists`."""
        ...

    def find_bucket(self, name: str) -> Bucket | None: ...

    def update_bucket(self, bucket: Bucket) -> None:
        """Raises `Missing`."""
        ...

    def delete_bucket(self, name: str) -> None:
        """Raises `Missing`, and `Conflict` while it holds objects or uploads."""
        ...

    def list_buckets(self, account: str) -> Sequence[Bucket]:
        """By name."""
        ...

    def put(self, record: ObjectRecord) -> ObjectRecord | None:
        """Add or overwrite; the answer is what stood there, whose blob is now unused."""
        ...

    def find(self, bucket: str, key: str) -> ObjectRecord | None: ...

    def delete(self, bucket: str, key: str) -> ObjectRecord | None: ...

    def list(
        self, bucket: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[ObjectRecord]:
        """By key, in the order of its UTF-8 bytes; keys greater than `after` that start with `prefix`."""
        ...

    def create_upload(self, upload: Upload) -> None: ...

    def find_upload(self, id: str) -> Upload | None: ...

    def list_uploads(
        self, bucket: str, *, prefix: str = "", after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> Sequence[Upload]:
        """By (key, id)."""
        ...

    def delete_upload(self, id: str) -> Sequence[Part]:
        """With its parts, which are the answer."""
        ...

    def put_part(self, upload: str, part: Part) -> Part | None:
        """Add or overwrite; the answer is what stood there."""
        ...

    def list_parts(self, upload: str, *, after: int = 0, limit: int = 10_000) -> Sequence[Part]:
        """By number."""
        ...

    def blob_in_use(self, blob: str) -> bool: ...


class Transaction(Protocol):
    @property
    def resources(self) -> Resources: ...
    @property
    def tags(self) -> Tags: ...
    @property
    def edges(self) -> Edges: ...
    @property
    def trash(self) -> Trash: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def columns(self) -> Columns: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def objects(self) -> Objects: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Transaction]: ...

    def read(self) -> AbstractContextManager[Transaction]: ...

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call back, from whatever thread committed, after each commit that put an effect into the outbox."""
        ...

    def append_points(self, arn: str, points: Sequence[Point]) -> None:
        """As `Metrics.append`, returning once the points are durable; calls of many threads share commits.
        Raises `Missing` when there is no such resource."""
        ...

    def queue_points(
        self, arn: str, points: Sequence[Point], done: Callable[[BaseException | None], None]
    ) -> None:
        """The same without waiting, the hot path of BatchPutMetrics: `done` is called from whatever thread made the
        points durable, with None or with what `append_points` would raise. Closing the store waits for all."""
        ...

    def close(self) -> None: ...
