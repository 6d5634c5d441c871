"""Walking a lineage graph, as QueryLineage does. Pure: the caller knows the edges and the entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

ASSOCIATIONS = ("ContributedTo", "AssociatedWith", "DerivedFrom", "Produced", "SameAs")
MAX_DEPTH = 10


class Link(Protocol):
    """An edge of the store."""

    @property
    def kind(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def destination(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Walk:
    """What lies around a start. `reached` is in order of distance, the start left out; `before` says over
    which links each was reached, nearer end included."""

    reached: tuple[str, ...]
    before: dict[str, tuple[tuple[str, Link], ...]]

    def paths(self, wanted: Iterable[str]) -> tuple[list[str], list[Link]]:
        """The entities and links on the ways from the start to all of `wanted`, those included."""
        entities: dict[str, None] = {}
        links: dict[tuple[str, str, str], Link] = {}
        left = list(wanted)
        while left:
            arn = left.pop(0)
            if arn in entities or arn not in self.before:
                continue
            entities[arn] = None
            for nearer, link in self.before[arn]:
                links[link.kind, link.source, link.destination] = link
                left.append(nearer)
        return list(entities), list(links.values())


def walk(
    start: str,
    direction: str,
    depth: int,
    ascend: Callable[[str], Iterable[Link]],
    descend: Callable[[str], Iterable[Link]],
) -> Walk:
    """Breadth first from `start`, `depth` links far. `direction`: Ascendants (towards sources: `ascend` gives
    the links that end at an entity), Descendants (`descend`: that begin there), or Both ways."""
    ways: list[tuple[Callable[[str], Iterable[Link]], bool]] = []
    if direction in ("Ascendants", "Both"):
        ways.append((ascend, True))
    if direction in ("Descendants", "Both"):
        ways.append((descend, False))
    before: dict[str, list[tuple[str, Link]]] = {}
    for follow, up in ways:
        # Both ways are walked one after the other: a sibling is neither an ascendant nor a descendant.
        distances = {start: 0}
        ring = [start]
        for distance in range(1, min(depth, MAX_DEPTH) + 1):
            found: list[str] = []
            for arn in ring:
                for link in follow(arn):
                    far = link.source if up else link.destination
                    if far not in distances:
                        distances[far] = distance
                        found.append(far)
                    if distances[far] == distance:
                        before.setdefault(far, []).append((arn, link))
            ring = found
    before.pop(start, None)
    return Walk(tuple(before), {arn: tuple(links) for arn, links in before.items()})
