"""Whatever is made, associated, disassociated and deleted in whatever order: the graph has no loose ends.

The service's functions against a model: a set of entities and a set of links between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.support.machine import Machine

from clary.services.sagemaker import components, lineage, lineage_query

LOADED = (components, lineage, lineage_query)
KINDS = ("Artifact", "Action", "Context", "TrialComponent")
ENTITIES = st.tuples(st.sampled_from(KINDS), st.sampled_from("ab"))
TYPES = st.sampled_from(["ContributedTo", "Produced", "DerivedFrom"])
Entity = tuple[str, str]


class Graph(Machine):
    def __init__(self) -> None:
        super().__init__()
        self.entities: dict[Entity, str] = {}
        """Its ARN."""
        self.links: dict[tuple[str, str], str] = {}
        """The type of the association between two ARNs."""

    @rule(entity=ENTITIES)
    def create(self, entity: Entity) -> None:
        kind, name = entity
        source = {"SourceUri": f"s3://b/{name}"}
        if kind == "Artifact":
            # The same source is the same artifact, made again or not.
            answer = self.call("CreateArtifact", ArtifactType="DataSet", Source=source)
            assert self.entities.get(entity, answer["ArtifactArn"]) == answer["ArtifactArn"]
            self.entities[entity] = answer["ArtifactArn"]
            return
        request: dict[str, Any] = {f"{kind}Name": name}
        if kind != "TrialComponent":
            request |= {f"{kind}Type": "T", "Source": source}
        if self.accepted(entity not in self.entities, f"Create{kind}", **request):
            self.entities[entity] = self.call(f"Describe{kind}", **{f"{kind}Name": name})[f"{kind}Arn"]

    @rule(entity=ENTITIES)
    def delete(self, entity: Entity) -> None:
        kind, name = entity
        request: dict[str, Any] = {f"{kind}Name": name}
        if kind == "Artifact":
            request = {"Source": {"SourceUri": f"s3://b/{name}"}}
        if self.accepted(entity in self.entities, f"Delete{kind}", **request):
            arn = self.entities.pop(entity)
            self.links = {ends: link for ends, link in self.links.items() if arn not in ends}

    @rule(source=ENTITIES, destination=ENTITIES, kind=TYPES)
    def associate(self, source: Entity, destination: Entity, kind: str) -> None:
        ends = self.ends(source, destination)
        possible = ends is not None and ends[0] != ends[1] and ends not in self.links
        if source[0] == destination[0] == "TrialComponent":
            possible = False
        request = {"SourceArn": self.arn(source), "DestinationArn": self.arn(destination)}
        if self.accepted(possible, "AddAssociation", AssociationType=kind, **request):
            assert ends is not None
            self.links[ends] = kind

    @rule(source=ENTITIES, destination=ENTITIES)
    def disassociate(self, source: Entity, destination: Entity) -> None:
        ends = self.ends(source, destination)
        request = {"SourceArn": self.arn(source), "DestinationArn": self.arn(destination)}
        if self.accepted(ends in self.links, "DeleteAssociation", **request):
            assert ends is not None
            del self.links[ends]

    def arn(self, entity: Entity) -> str:
        return self.entities.get(entity, f"arn:aws:sagemaker:us-east-1:123456789012:action/none-{entity[1]}")

    def ends(self, source: Entity, destination: Entity) -> tuple[str, str] | None:
        found = self.entities.get(source), self.entities.get(destination)
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    @invariant()
    def associations_are_the_links(self) -> None:
        shown = self.call("ListAssociations", MaxResults=100)["AssociationSummaries"]
        found = {(item["SourceArn"], item["DestinationArn"]): item["AssociationType"] for item in shown}
        assert found == self.links
        assert len(shown) == len(self.links)
        for arn in self.entities.values():
            out = self.call("ListAssociations", SourceArn=arn, MaxResults=100)["AssociationSummaries"]
            assert {item["DestinationArn"] for item in out} == {
                end for start, end in self.links if start == arn
            }

    @invariant()
    def queries_reach_what_the_links_reach(self) -> None:
        for arn in self.entities.values():
            down, up = self.reached(arn, self.links), self.reached(arn, {(b, a) for a, b in self.links})
            assert self.query(arn, "Descendants") == down - {arn}
            assert self.query(arn, "Ascendants") == up - {arn}
            assert self.query(arn, "Both") == (down | up) - {arn}
            near = {end for start, end in self.links if start == arn}
            assert self.query(arn, "Descendants", MaxDepth=1) == near

    def reached(self, arn: str, links: Iterable[tuple[str, str]]) -> set[str]:
        pairs = set(links)
        found = {arn}
        while more := {end for start, end in pairs if start in found} - found:
            found |= more
        return found

    def query(self, arn: str, direction: str, **request: int) -> set[str]:
        asked: dict[str, Any] = {"StartArns": [arn], "Direction": direction, **request}
        whole = self.call("QueryLineage", **asked)
        vertices = {vertex["Arn"] for vertex in whole["Vertices"]}
        for edge in whole["Edges"]:
            ends = edge["SourceArn"], edge["DestinationArn"]
            assert self.links[ends] == edge["AssociationType"]
            assert vertices.issuperset(ends), "an edge without an end"
        found = {
            vertex["Arn"] for vertex in self.call("QueryLineage", **asked, IncludeEdges=False)["Vertices"]
        }
        assert vertices - {arn} == found
        return found


TestGraph = Graph.TestCase
TestGraph.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
