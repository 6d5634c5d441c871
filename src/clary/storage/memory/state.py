"""What a memory store holds. Records are replaced, never changed in place."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, fields
from typing import TypeVar

from clary.storage.ports import (
    Bucket,
    Discarded,
    Edge,
    Effect,
    Key,
    LogLine,
    LogStream,
    Misuse,
    ObjectRecord,
    Part,
    Point,
    Resource,
    Upload,
)

T = TypeVar("T")


def fresh(record: T) -> T:
    """A copy that shares no document with the caller's."""
    return copy.deepcopy(record)


@dataclass(frozen=True)
class Held:
    """What lies in the trash under one id."""

    discarded: Discarded
    resources: dict[str, Resource]
    ids: dict[str, int]
    tags: dict[tuple[str, str], str]
    edges: dict[tuple[str, str, str], Edge]
    points: dict[tuple[str, str], tuple[Point, ...]]


@dataclass
class State:
    last_id: int = 0
    resources: dict[str, Resource] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    """By ARN, in the order in which the resources were made."""
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    points: dict[tuple[str, str], tuple[Point, ...]] = field(default_factory=dict)
    """By ARN and name, in order of arrival."""
    trash: dict[str, Held] = field(default_factory=dict)
    streams: dict[tuple[str, str], LogStream] = field(default_factory=dict)
    lines: dict[int, tuple[str, str, LogLine]] = field(default_factory=dict)
    """Group, stream and line, by id."""
    outbox: dict[int, Effect] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    objects: dict[tuple[str, str], ObjectRecord] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    parts: dict[tuple[str, int], Part] = field(default_factory=dict)

    def draft(self) -> State:
        return State(**{part.name: copy.copy(getattr(self, part.name)) for part in fields(self)})


class Area:
    """One area's view of a transaction's state."""

    def __init__(self, state: State, *, writable: bool) -> None:
        self._state, self._writable = state, writable

    @property
    def _draft(self) -> State:
        """The state, to change it."""
        if not self._writable:
            raise Misuse("read() cannot write; use begin()")
        return self._state

    def _next_id(self) -> int:
        self._draft.last_id += 1
        return self._draft.last_id
