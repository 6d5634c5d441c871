"""What Clary asks of a store. `sql/` (SQLite, PostgreSQL) and `memory/` answer it alike; one
contract suite, `tests/contract/test_store*.py`, holds both to it.

A store keeps records (`clary.storage.records`) in a few areas (`clary.storage.areas`), none of them particular to
a resource type:

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

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from clary.storage.areas import (
    Columns,
    EdgeOrder,
    EdgePlace,
    Edges,
    Keys,
    Leases,
    Logs,
    Metrics,
    Objects,
    Outbox,
    Resources,
    Tags,
    Trash,
)
from clary.storage.records import (
    BadCursor,
    Bucket,
    Conflict,
    Curve,
    Discarded,
    Document,
    Edge,
    Effect,
    Exists,
    Full,
    Key,
    LogLine,
    LogStream,
    Missing,
    Misuse,
    ObjectRecord,
    Page,
    Part,
    Point,
    Query,
    Resource,
    Rows,
    StorageError,
    Summary,
    Upload,
)

__all__ = [
    "BadCursor",
    "Bucket",
    "Columns",
    "Conflict",
    "Curve",
    "Discarded",
    "Document",
    "Edge",
    "EdgeOrder",
    "EdgePlace",
    "Edges",
    "Effect",
    "Exists",
    "Full",
    "Key",
    "Keys",
    "Leases",
    "LogLine",
    "LogStream",
    "Logs",
    "Metrics",
    "Missing",
    "Misuse",
    "ObjectRecord",
    "Objects",
    "Outbox",
    "Page",
    "Part",
    "Point",
    "Query",
    "Resource",
    "Resources",
    "Rows",
    "StorageError",
    "Store",
    "Summary",
    "Tags",
    "Transaction",
    "Trash",
    "Upload",
]


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

    def state(self) -> object:
        """Equal to an earlier one only where nothing was committed in between, by whomever."""
        ...

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
