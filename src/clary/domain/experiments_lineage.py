"""Walking a lineage graph, as QueryLineage does. Pure: the caller knows the edges and the entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

    def paths(self, wanted: Iterable[str]) -> list[str]:
        """The entities on the ways from the start to all of `wanted`, those included, in order of distance."""
        on_the_way: set[str] = set()
        left = list(wanted)
        while left:
            arn = left.pop()
            if arn not in on_the_way and arn in self.before:
                on_the_way.add(arn)
                left += [nearer for nearer, _ in self.before[arn]]
        return [arn for arn in self.reached if arn in on_the_way]

    def links(self, arns: Iterable[str]) -> list[Link]:
        """The last links of the ways to these."""
        found = {
            (link.kind, link.source, link.destination): link
            for arn in arns
            for _, link in self.before.get(arn, ())
        }
        return list(found.values())


Follow = Callable[[Sequence[str]], Mapping[str, Sequence[Link]]]
"""The links of several entities, by entity."""


def walk(
    start: str,
    direction: str,
    depth: int,
    ascend: Follow,
    descend: Follow,
) -> Walk:
    """Breadth first from `start`, `depth` links far. `direction`: Ascendants (towards sources: `ascend` gives
    the links that end at entities), Descendants (`descend`: that begin there), or Both ways."""
    ways: list[tuple[Follow, bool]] = []
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
            links = follow(ring)
            for arn in ring:
                for link in links.get(arn, ()):
                    far = link.source if up else link.destination
                    if far not in distances:
                        distances[far] = distance
                        found.append(far)
                    if distances[far] == distance:
                        before.setdefault(far, []).append((arn, link))
            ring = found
    before.pop(start, None)
    return Walk(tuple(before), {arn: tuple(links) for arn, links in before.items()})
