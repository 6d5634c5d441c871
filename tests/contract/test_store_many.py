"""Reads by many keys answer what as many single reads do."""

from __future__ import annotations

from tests.contract.test_store import resource

from clary.storage.ports import Edge, Point, Store

NAMES = ["c", "a", "é", 'quo"te', "b"]
NONE = "arn:none"


def arn(name: str) -> str:
    return resource(name).arn


def fill(store: Store) -> None:
    with store.begin() as tx:
        for name in NAMES:
            tx.resources.insert(resource(name, spec={"of": name}))
        tx.tags.put(arn("a"), {"owner": "me", "Owner": "you", "é": ""})
        tx.tags.put(arn('quo"te'), {"team": "x"})
        tx.tags.put(NONE, {"only": "a tag"})
        for created, kind, source, destination in (
            (3.0, "PartOf", "a", "b"),
            (1.0, "PartOf", "a", "c"),
            (1.0, "ContributedTo", "a", "b"),
            (2.0, "Produced", "c", "b"),
            (2.0, "Produced", "é", 'quo"te'),
        ):
            tx.edges.put(Edge(kind, arn(source), arn(destination), created, {"of": source}))
        tx.metrics.append(
            arn("b"), [Point("z", 1.0, 1.0, 1), Point("a", 2.0, 1.0, 1), Point("z", 3.0, 2.0, 2)]
        )
        tx.metrics.append(arn("é"), [Point("z", 4.0, 1.0)])


def test_resources(store: Store) -> None:
    fill(store)
    with store.read() as tx:
        wanted = [arn("b"), NONE, arn("é"), arn("b"), arn('quo"te')]
        found = tx.resources.find_many(iter(wanted))
        assert list(found) == [arn("b"), arn("é"), arn('quo"te')]
        assert all(found[one] == tx.resources.get(one) for one in found)
        assert tx.resources.find_many([]) == {}


def test_tags(store: Store) -> None:
    fill(store)
    with store.read() as tx:
        wanted = [*map(arn, NAMES), NONE]
        found = tx.tags.of_many(iter(wanted))
        assert found == {one: tags for one in wanted if (tags := tx.tags.get(one))}
        assert list(found[arn("a")]) == list(tx.tags.get(arn("a")))
        assert tx.tags.of_many([]) == {}


def test_edges(store: Store) -> None:
    fill(store)
    with store.read() as tx:
        wanted = [*map(arn, NAMES), NONE]
        for kinds in (None, ["PartOf"], ["PartOf", "Produced"], []):
            leaving = tx.edges.of_many(sources=iter(wanted), kinds=kinds)
            assert leaving == {
                one: edges for one in wanted if (edges := list(tx.edges.list(source=one, kinds=kinds)))
            }
            leading = tx.edges.of_many(destinations=iter(wanted), kinds=kinds)
            assert leading == {
                one: edges for one in wanted if (edges := list(tx.edges.list(destination=one, kinds=kinds)))
            }
        assert tx.edges.of_many(sources=[]) == {}


def test_summaries(store: Store) -> None:
    fill(store)
    with store.read() as tx:
        found = tx.metrics.summaries(iter([NONE, *map(arn, NAMES)]))
        assert set(found) == {arn("b"), arn("é")}
        assert [summary.name for summary in found[arn("b")]] == ["z", "a"]
        assert found[arn("b")] == tx.metrics.summaries([arn("b")])[arn("b")]
        assert tx.metrics.summaries([]) == {}
