"""The areas of a store: what can be done with its records inside a transaction. See `clary.storage.ports`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

from clary.storage.records import (
    Bucket,
    Curve,
    Discarded,
    Edge,
    Effect,
    Key,
    LogLine,
    LogStream,
    ObjectRecord,
    Page,
    Part,
    Point,
    Query,
    Resource,
    Rows,
    Summary,
    Upload,
)

EdgeOrder = Literal["created", "source", "destination", "source_type", "destination_type"]
EdgePlace = tuple[float, str, str] | tuple[str, float, str, str]
"""Where an edge stands in an order: when it was made, its source and its destination; in the order of a type, that
before them."""


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
        source_type: str | None = None,
        destination_type: str | None = None,
        kinds: Iterable[str] | None = None,
        limit: int | None = None,
        after: EdgePlace | None = None,
        descending: bool = False,
        by: EdgeOrder = "created",
    ) -> Sequence[Edge]:
        """By time made, then source and destination; or by an end or its type first. In the order of a type, those
        without one are left out. `after` is the place of the last one seen."""
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
        self, ids: Sequence[int], wanted: Sequence[tuple[str, str]]
    ) -> Sequence[Sequence[float | None]]:
        """A column for each metric and statistic of it (Last, Min, Max, Avg, StdDev or Count; see `Summary`), None
        where a resource has no such metric."""
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
